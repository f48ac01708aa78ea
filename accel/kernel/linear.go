package kernel

// Linear is (x [..., K], w [M, K], b [M] optional) -> y [..., M] = x w^T + b, accumulated along K in order with FMA.
// "linear.dx": (dy [..., M], w) -> dx [..., K]. "linear.dw": (x, dy) -> dw [M, K]. "linear.db": (dy) -> db [M].
type Linear struct{}
