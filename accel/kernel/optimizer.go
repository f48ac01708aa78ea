package kernel

// AdamW updates in place: in = (grad), out = (param, m, v), all of one shape. PyTorch's AdamW (decoupled
// weight decay, bias correction, Eps added after the root), with grad multiplied by Scale first, which is
// how the global norm is clipped. Step counts from 1.
type AdamW struct {
	LR, Beta1, Beta2, Eps, WeightDecay float32
	Step                               int
	Scale                              float32
}

// AdamWEach is AdamW of many parameters in one launch, bit for bit: in = (grad, grad, ...), out = (param, m, v, param, m, v, ...), with a
// rate and a decay for each in place of AdamW's own. A device may lack it.
type AdamWEach struct {
	AdamW
	LR, WeightDecay []float32
}

// SGD updates in place: in = (grad), out = (param, momentum). PyTorch's SGD without dampening:
// g = Scale*grad + WeightDecay*param; momentum = Momentum*momentum + g; param -= LR*momentum, with Nesterov
// param -= LR*(g + Momentum*momentum). The first step starts from a zero momentum buffer.
type SGD struct {
	LR, Momentum, WeightDecay, Scale float32
	Nesterov                         bool
}

// Blend updates in place: in = (x), out = (y), both of one shape: y = A*x + B*y; with B = 0 what y held does not matter. It
// adds up gradients and averages weights.
type Blend struct {
	A, B float32
}
