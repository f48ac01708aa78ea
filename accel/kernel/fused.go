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
