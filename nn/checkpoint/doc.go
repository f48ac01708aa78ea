// Package checkpoint reads and writes weights: safetensors files, and TensorFlow.js layers models.
//
// Vocabulary. A tensor here is a name's shape, element type and little-endian bytes. An archive is the open tensors of one file, or of
// the shards of an index, mapped where the system can: float32 is used in place, other types are converted at every use. A conversion renames the keys of a foreign
// source to a model's paths and turns its layouts into ours (linear [out, in], convolution [O, I/g, H, W]); there is a file for each
// pair, SOURCE_to_MODEL.go, and models know none of them. Load is strict: every parameter of the network is found
// exactly once and every tensor of the file is used, or the error lists all that is wrong; the exceptions are
// asked for by name and come back in the report.
package checkpoint
