package kernel

// Fused lists the sequences of kernels that a device may offer as one, under their names joined by "+", the longest first. It
// takes the first one's attributes and inputs, then the inputs of the others but for the first, which is what the kernel before
// computes; it gives the last one's output, and the first one's further outputs, bit for bit as the sequence does. The operands
// of those that follow the first have one shape. A device that lacks one runs the sequence.
var Fused = [][]string{
	{"batch_norm.train", "add", "relu"},
	{"batch_norm.eval", "add", "relu"},
	{"batch_norm.train", "relu"},
	{"batch_norm.eval", "relu"},
	{"add", "relu"},
}

// FusedBackward lists sequences of gradient kernels in the same way: first makers of a gradient, each for the next as its last input, then
// those that take it as theirs, which have their attributes and another input in common. The kernel as one has these attributes; it takes
// the inputs of all in order but for the last of each, and then the first one's last. It gives the outputs of the takers in order, and
// behind them the gradient, if it has another output.
var FusedBackward = [][]string{
	{"add", "relu.dx", "batch_norm.eval.dx", "batch_norm.eval.dparams"},
	{"relu.dx", "batch_norm.eval.dx", "batch_norm.eval.dparams"},
	{"batch_norm.eval.dx", "batch_norm.eval.dparams"},
	{"add", "relu.dx", "batch_norm.eval.dx"},
	{"relu.dx", "batch_norm.eval.dx"},
	{"add", "relu.dx", "batch_norm.train.grad"},
	{"relu.dx", "batch_norm.train.grad"},
	{"group_norm.dx", "group_norm.dparams"},
}
