// Package chart draws the figures of a study as SVG, PDF and PNG.
//
// A chart is a list of series of points; a point carries the spread of the runs behind it, drawn as a band or
// as an error bar. The same chart gives the same bytes on every run and every machine: no date is written, and
// coordinates come from float64 arithmetic in a fixed order. PDF and PNG hold their font; an SVG names it, and its layout holds
// with any other.
package chart
