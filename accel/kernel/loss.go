package kernel

// CrossEntropy is (logits [N, C], labels int32 [N]) -> loss []: the mean over rows with label >= 0 of
// -sum_c t_c log softmax(logits)_c with t = (1 - Smoothing) * onehot(label) + Smoothing / C. Rows with a negative
// label are ignored; with no row left the loss is 0. A label >= C is an error. Sums along a row are 16-lane sums, rows
// are added in order in float64.
//
// "cross_entropy.dx": (logits, labels, dloss []) -> dlogits [N, C].
type CrossEntropy struct {
	Smoothing float32
}

// MSELoss is (pred, target) -> loss []: the mean of (pred - target)^2, both of one shape.
// "mse_loss.dx": (pred, target, dloss []) -> dpred.
type MSELoss struct{}

// SumSquares is (x) -> y [1], the sum of x^2: a 16-lane sum over each block of 4096 elements, blocks added in
// order in float64. It serves the clipping of the global gradient norm.
type SumSquares struct{}
