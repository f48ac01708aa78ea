// Package phantom generates data sets from formulas, so that every pipeline runs with no data at all.
//
// Vocabulary:
//
//   - phantom: a kind of generated set, one file that registers it, addressed as phantom://NAME?option=value.
//   - option: a whole number in bounds that the address may set. Unknown options are errors.
//   - item: an image that is made when it is loaded, from random streams named by the seed, the patient and the
//     image alone: neither order nor threads reach it, and item i is the same in a set of any count.
//
// The images are not medical images and say nothing about patients; they are tasks of the same shape.
package phantom
