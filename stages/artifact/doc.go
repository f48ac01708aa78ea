// Package artifact holds the formats in which stages hand data to each other: typed, written one way,
// read strictly.
//
// An artifact is a file or folder. Its bytes depend on nothing but its content: records are sorted, JSON
// keys have a fixed order, images are PNG without time or software marks.
//
// Vocabulary:
//
//   - dataset: images as published, in lossless 8-bit form, with what is known of each (a record).
//   - images: a dataset brought to one size as one tensor, split and ordered for training.
//   - tokens: captions as token ids, with the vocabulary that made them.
//   - samples: generated images with their prompts. metrics: named figures with intervals.
//   - record: one image's id, label, findings, caption, patient and split.
//
// Readers report the file, and in a JSON-lines file the line, of what they cannot take.
package artifact
