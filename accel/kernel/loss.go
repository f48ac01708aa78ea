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

// SoftCrossEntropy is (logits [N, C], targets [N, C]) -> loss []: the mean over rows of -sum_c t_c log softmax(logits)_c. Sums
// along a row are 16-lane sums, rows are added in order in float64.
//
// "soft_cross_entropy.dx": (logits, targets, dloss []) -> dlogits [N, C].
type SoftCrossEntropy struct{}

// BCEWithLogits is (logits x [N, C], targets t [N, C], weights w [C]) -> loss []: the mean over the elements with t >= 0 of
// (1-t) x + (1-t + w t) log(1 + exp(-x)), added in order in float64. Elements with a negative target are ignored; with none
// left the loss is 0.
//
// "bce_with_logits.dx": (logits, targets, weights, dloss []) -> dlogits [N, C].
type BCEWithLogits struct{}

// MSELoss is (pred, target) -> loss []: the mean of (pred - target)^2, both of one shape.
// "mse_loss.dx": (pred, target, dloss []) -> dpred.
type MSELoss struct{}

// SumSquares is (x) -> y [1], the sum of x^2: a 16-lane sum over each block of 4096 elements, blocks added in
// order in float64. It serves the clipping of the global gradient norm.
type SumSquares struct{}
