package kernel

// Add is (a, b) -> y = a + b. b has a's rank; each of its dimensions is a's or 1 and is then repeated.
type Add struct{}

// Mul is (a, b) -> y = a * b, with b repeated as in Add.
type Mul struct{}

// ReduceTo is (x) -> y: x summed over the dimensions where y's is 1 and x's is not; same rank. It is the
// backward of repetition. Order: each element of y is the sum of its elements of x taken as one row in
// row-major order; a 16-lane sum if x's innermost reduced dimension is its last dimension, else plain
// order within each block of 256 reduced positions, blocks added in order.
type ReduceTo struct{}

// Scale is (x) -> y = Factor * x.
type Scale struct {
	Factor float32
}

// Expand is (x) -> y: x repeated over the dimensions where its size is 1; same rank. Backward: ReduceTo.
type Expand struct{}
