// Package metric computes the figures a study reports, over a whole set and never averaged over batches.
//
// A prediction is a row of class probabilities; a label is a class index. Features are rows of a feature
// extractor's output. Everything is float64, summed in the order of the rows, so a figure depends only on
// the rows and their order. Interval comes from the percentile bootstrap over rows.
package metric
