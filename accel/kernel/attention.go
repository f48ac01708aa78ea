package kernel

// Attention is (q [B, N, D], k [B, M, D], v [B, M, D]) -> o [B, N, D]: scaled dot-product attention of Heads heads of width
// D/Heads, scale 1/sqrt(D/Heads). Causal masks keys after the query's position (N = M).
// Products accumulate in order with FMA: q k^T along the width, p v along the keys. A row of the softmax is
// exp(s*scale - maximum) times the reciprocal of its 16-lane sum.
// "attention.grad": (q, k, v, do) -> [dq | dk | dv] packed.
type Attention struct {
	Heads  int
	Causal bool
}
