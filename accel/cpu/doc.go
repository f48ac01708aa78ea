// Package cpu is the CPU device: kernels in Go, with Go assembly for AVX-512 and AVX2 chosen at run time.
//
// Vocabulary. A level is the instruction set that kernels use: "avx512", "avx2" or "go"; all three give the same bits.
// The pool is the device's worker goroutines. A chunk is the piece of an index range that one worker takes at
// a time; where chunks begin depends on the range and the grain only, never on the number of workers, so a
// kernel may keep one partial sum a chunk. Scratch is memory a kernel borrows for one launch.
//
// A kernel is one file, named as its op, that registers itself in init. Those that walk along vectors are written with the
// methods of level in vec.go and sums.go, whose assembly internal/gen writes from one description for both widths
// (go generate). Sums follow the 16-lane order of package kernel (lanes.go); exp, the normal distribution function, log and
// the sigmoid are in math.go, their coefficients in internal/poly.
//
// Products of matrices are computed tile by tile by a level's micro-kernel, whose right factor is packed in panels as wide as a tile
// (gemm.go). Every element takes its products in order of k by FMA, from its bias or its stored value on, so neither the shape of
// tiles and blocks nor the threads show in the bits; plain Go has a true float32 FMA (fma.go). Linear layers, attention and
// convolutions are such products. A convolution's field is what it reads of an image, a lay the padded copy of some of its rows
// from which panels are packed (field.go); a correlation sweeps weights over fields (correlation.go), cut into chunks of output
// rows of one image or of several (cutting.go). The gradient of its input is a correlation for each phase, a remainder of positions
// by the stride (conv2d_dx.go). Planes that 3x3 windows meet alone are read as they lie, in strips (window.go). A kernel named by a sequence, "add+relu", does the same while a row is in a cache (epilogue.go).
//
// Streams: a launch has run when Launch returns, so a stream is always in sync.
package cpu
