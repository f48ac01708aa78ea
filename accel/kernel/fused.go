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

// FusedBackward lists sequences of gradient kernels in the same way. The kernel as one has the takers' attributes; it takes the inputs of
// all in order but for the last of each, and then the first one's last. It gives the outputs of the takers in order, and behind them the
// gradient that the makers make, if it has another output.
var FusedBackward = []Backward{
	{2, []string{"add", "relu.dx", "batch_norm.eval.dx", "batch_norm.eval.dparams"}},
	{1, []string{"relu.dx", "batch_norm.eval.dx", "batch_norm.eval.dparams"}},
	{0, []string{"batch_norm.eval.dx", "batch_norm.eval.dparams"}},
	{2, []string{"add", "relu.dx", "batch_norm.eval.dx"}},
	{1, []string{"relu.dx", "batch_norm.eval.dx"}},
	{2, []string{"add", "relu.dx", "batch_norm.train.grad"}},
	{1, []string{"relu.dx", "batch_norm.train.grad"}},
	{0, []string{"group_norm.dx", "group_norm.dparams"}},
}

// Backward is a sequence of gradient kernels: Makers of a gradient, each for the next as its last input, where all operands have the
// shape of a gradient; then takers, of which it is the last input, and which have their attributes and another input in common.
type Backward struct {
	Makers int
	Names  []string
}
