package kernel

// AdamW updates in place: in = (grad), out = (param, m, v), all of one shape. PyTorch's AdamW (decoupled
// weight decay, bias correction, Eps added after the root), with grad multiplied by Scale first, which is
// how the global norm is clipped. Step counts from 1.
type AdamW struct {
	LR, Beta1, Beta2, Eps, WeightDecay float32
	Step                               int
	Scale                              float32
}

// SGD updates in place: in = (grad), out = (param, momentum). PyTorch's SGD without dampening or Nesterov:
// g = Scale*grad + WeightDecay*param; momentum = Momentum*momentum + g; param -= LR*momentum. The first step starts
// from a zero momentum buffer.
type SGD struct {
	LR, Momentum, WeightDecay, Scale float32
}
