package kernel

// Add is (a, b) -> y = a + b. b has a's rank; each of its dimensions is a's or 1 and is then repeated.
type Add struct{}

// Mul is (a, b) -> y = a * b, with b repeated as in Add.
type Mul struct{}

// ReduceTo is (x) -> y: x summed over the dimensions where y's is 1 and x's is not; same rank. It is the
// backward of repetition. Order: if the last dimension longer than 1 is summed, each element of y is one 16-lane sum,
// every row of x beginning at lane 0; else rows are added in order within blocks of 64 rows, blocks in order.
type ReduceTo struct{}

// Scale is (x) -> y = Factor * x.
type Scale struct {
	Factor float32
}

// Expand is (x) -> y: x repeated over the dimensions where its size is 1; same rank. Backward: ReduceTo.
type Expand struct{}
