// Package source reads data sets in the layouts in which they are published.
//
// Vocabulary:
//
//   - layout: how a published set arranges its files; one file of this package each, registered in init.
//   - set: what a layout found in a folder: items in a fixed order, with the classes.
//   - item: one image that is not read yet, with what the set says of it.
//
// Open finds the layout by the files in the folder. No layout, or two, is an error that says what each expects.
// Every decoded image is brought to 8-bit grey or RGB: 16-bit values keep their upper byte, an RGB image whose
// three channels are equal becomes grey, transparent pixels lie on black.
package source
