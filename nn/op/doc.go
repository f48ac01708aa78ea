// Package op holds the operators of networks: nodes of a Gorgonia graph that name kernels of an accel.Device.
//
// An operator is one file, always in this order: the doc of its public constructor (formula, shapes with
// letters, order of reduction, what backward needs, source), the constructor with PyTorch's name, argument
// order and defaults, and an init that registers a Def: operands, shape rule, the float64 reference that
// defines it, and its backward. Attributes are the struct of package kernel, or a tiny one of the op's own.
//
//	func SiLU(x *gorgonia.Node) (*gorgonia.Node, error) { return apply("silu", kernel.SiLU{}, x) }
//
//	func init() {
//		register(Def[kernel.SiLU]{
//			Name:  "silu",
//			In:    []Operand{{Name: "x"}},
//			Shape: func(_ kernel.SiLU, in []tensor.Shape) (tensor.Shape, error) { return in[0], nil },
//			Ref:   func(_ kernel.SiLU, in []Array, out Array) { ... },
//			Backward: func(b *Back, a kernel.SiLU) {
//				b.Grad(0, b.Call("silu.dx", a, b.In[0].Shape(), b.In[0], b.DY))
//			},
//		})
//		register(Def[kernel.SiLU]{Name: "silu.dx", In: []Operand{{Name: "x"}, {Name: "dy"}}})
//	}
//
// Vocabulary:
//
//   - definition (Def): what an operator is; Op: one use of it in a graph.
//   - gradient kernel: a Def without Shape, Fit and Ref. Backward calls it by name and says which shape its
//     result has; it is tested through its operator, against differences of the reference.
//   - packed result: several gradients in one 1-D tensor; Back.View names its parts:
//     p := b.Call("layer_norm.dparams", a, tensor.Shape{2 * c}, x, b.DY); b.Grad(1, b.View(p, 0, gain.Shape()));
//     b.Grad(2, b.View(p, c, bias.Shape())).
//   - alias: an operator whose output is its input's memory (Reshape, View, some Slices); no kernel runs.
//   - extra: a second output of a kernel, such as the batch's statistics; View reaches it behind the first.
//   - mode: Train or Eval, chosen when a program is compiled. A Def with Select runs another Def's kernel by mode:
//     Select: func(a A, m Mode) Choice { ... return Choice{Name: "batch_norm.train", In: []int{0, 1, 2}} }; the
//     zero Choice passes the first input on (dropout in Eval).
//   - scalar: shape ().
//
// The package's rule for gradients: an operator without Backward makes building a gradient an error, an operand
// marked NoGrad is a constant, and nothing else ever stops a gradient.
package op
