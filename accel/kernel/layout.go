package kernel

// MaxRank is the largest rank of a kernel's operand.
const MaxRank = 6

// Permute is (x) -> y with y's dimension i being x's dimension Perm[i]; N is the rank. Its backward is the
// permute by the inverse.
type Permute struct {
	Perm [MaxRank]int
	N    int
}

// Concat is (x1, x2, ...) -> y, joined along Axis. Its backward is a slice for each input.
type Concat struct {
	Axis int
}

// Slice is (x) -> y: along Axis, y's length many elements of x from Start on; the length is y's shape.
// "slice.dx" is (dy) -> dx: dx is zero but for dy at the same place.
type Slice struct {
	Axis, Start int
}
