package kernel

// Linear is (x [..., K], w [M, K], b [M] optional) -> y [..., M] = x w^T + b, accumulated along K in order with FMA,
// starting from b. "linear.dx": (dy [..., M], w) -> dx [..., K], along M. "linear.dw": (x, dy) -> dw [M, K] and "linear.db":
// (dy) -> db [M], along the rows.
type Linear struct{}
