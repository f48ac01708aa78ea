package program

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/cpu"
	"github.com/pipe-ml/pipe/nn/op"
)

// norm is a batch norm of x [B, 3, ...] with parameters of its own.
func (n *net) norm(name string, x *gorgonia.Node) *gorgonia.Node {
	at := func(s string) *gorgonia.Node { return n.param(name+s, 3) }
	positive := at(".var")
	n.must(n.mem.Set(name+".var", []int{3}, []float32{0.5, 1, 2}))
	return n.do(op.BatchNorm(x, at(".gain"), at(".bias"), at(".mean"), positive, op.BatchNormConfig{Eps: 1e-5}))
}

func TestSequencesOfKernelsAreFusedWhereOnlyTheNextReadsAResult(t *testing.T) {
	for _, c := range []struct {
		name, want string
		build      func(n *net, x *gorgonia.Node) []*gorgonia.Node
	}{
		{"a norm and its activation", "batch_norm.eval+relu", func(n *net, x *gorgonia.Node) []*gorgonia.Node {
			return []*gorgonia.Node{n.do(op.ReLU(n.norm("a", x)))}
		}},
		{"the end of a residual block, whose shortcut comes later", "batch_norm.eval batch_norm.eval+add+relu", func(n *net, x *gorgonia.Node) []*gorgonia.Node {
			h := n.norm("a", x)
			return []*gorgonia.Node{n.do(op.ReLU(n.do(op.Add(h, n.norm("b", x)))))}
		}},
		{"a sum and its activation", "add+relu", func(n *net, x *gorgonia.Node) []*gorgonia.Node {
			return []*gorgonia.Node{n.do(op.ReLU(n.do(op.Add(x, x))))}
		}},
		{"not a norm that is an output", "batch_norm.eval relu", func(n *net, x *gorgonia.Node) []*gorgonia.Node {
			h := n.norm("a", x)
			return []*gorgonia.Node{h, n.do(op.ReLU(h))}
		}},
		{"not a norm that is read twice", "batch_norm.eval relu add", func(n *net, x *gorgonia.Node) []*gorgonia.Node {
			h := n.norm("a", x)
			return []*gorgonia.Node{n.do(op.Add(n.do(op.ReLU(h)), h))}
		}},
		{"a sum that repeats an operand, and its activation", "add+relu", func(n *net, x *gorgonia.Node) []*gorgonia.Node {
			return []*gorgonia.Node{n.do(op.ReLU(n.do(op.Add(x, n.leaf("row", 1, 1, 1, 5)))))}
		}},
		{"not a norm that is the second operand", "batch_norm.eval add+relu", func(n *net, x *gorgonia.Node) []*gorgonia.Node {
			return []*gorgonia.Node{n.do(op.ReLU(n.do(op.Add(x, n.norm("a", x)))))}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			fusesTo(t, Eval, c.want, c.build)
		})
	}
}

func TestGradientsAreFusedWhereOneKernelFollowsTheOther(t *testing.T) {
	const forward = "batch_norm.MODE+relu batch_norm.MODE+add+relu mse_loss mse_loss.dx "
	first := func(n *net) *gorgonia.Node { return n.param("first", 2, 3, 4, 5) }
	below := func(n *net) *gorgonia.Node { return n.param("below", 2, 3, 4, 5) }
	block := func(n *net, h, x *gorgonia.Node) *gorgonia.Node {
		return n.do(op.ReLU(n.do(op.Add(n.norm("b", h), x))))
	}
	layers := func(n *net, x *gorgonia.Node) *gorgonia.Node { return block(n, n.do(op.ReLU(n.norm("a", x))), x) }
	const norms = "batch_norm.eval batch_norm.eval add mse_loss mse_loss.dx batch_norm.eval.dx batch_norm.eval.dparams"
	oneStatistics := func(n *net) func(name string, x *gorgonia.Node, eps float32) *gorgonia.Node {
		mean, variance := n.param("mean", 3), n.param("var", 3)
		return func(name string, x *gorgonia.Node, eps float32) *gorgonia.Node {
			return n.do(op.BatchNorm(x, n.param(name+".gain", 3), n.param(name+".bias", 3), mean, variance, op.BatchNormConfig{Eps: eps}))
		}
	}
	const split = "batch_norm.eval+relu add gelu add mse_loss mse_loss.dx gelu.dx "
	branches := func(n *net, _ *gorgonia.Node) *gorgonia.Node {
		h := n.do(op.Add(n.do(op.ReLU(n.norm("b", below(n)))), first(n)))
		return n.do(op.Add(n.do(op.GELU(h)), h))
	}
	for _, c := range []struct {
		name, want string
		mode       Mode
		of         []string // parameters
		build      func(n *net, x *gorgonia.Node) *gorgonia.Node
	}{
		{"of all parameters by the batch", forward + "relu.dx+batch_norm.train.grad relu.dx+batch_norm.train.grad", Train, []string{"a.gain", "b.gain"}, layers},
		{"of all parameters", forward + "relu.dx+batch_norm.eval.dx+batch_norm.eval.dparams relu.dx batch_norm.eval.dparams", Eval, []string{"a.gain", "b.gain"}, layers},
		{"of a layer below", forward + "relu.dx+batch_norm.eval.dx relu.dx batch_norm.eval.dparams", Eval, []string{"a.gain"}, layers},
		{"of all parameters, with a shortcut to the first", "relu batch_norm.MODE+add+relu mse_loss mse_loss.dx " +
			"relu.dx+batch_norm.eval.dx+batch_norm.eval.dparams add relu.dx", Eval, []string{"b.gain", "first"}, func(n *net, _ *gorgonia.Node) *gorgonia.Node {
			x := n.do(op.ReLU(first(n)))
			return block(n, x, x)
		}},
		{"of a sum of gradients", split + "add+relu.dx+batch_norm.eval.dx", Eval, []string{"below"}, branches},
		{"not of a sum of gradients that is an output", split + "add relu.dx+batch_norm.eval.dx", Eval, []string{"below", "first"}, branches},
		{"of a norm beside a shortcut", "batch_norm.eval add mse_loss mse_loss.dx batch_norm.eval.dx+batch_norm.eval.dparams",
			Eval, []string{"below", "b.gain", "first"}, func(n *net, _ *gorgonia.Node) *gorgonia.Node {
				return n.do(op.Add(n.norm("b", below(n)), first(n)))
			}},
		{"not of two branches", "batch_norm.eval relu add mse_loss mse_loss.dx relu.dx batch_norm.eval.dx",
			Eval, []string{"first", "below"}, func(n *net, _ *gorgonia.Node) *gorgonia.Node {
				return n.do(op.Add(n.norm("b", below(n)), n.do(op.ReLU(first(n)))))
			}},
		{"not of two norms whose results are added", norms, Eval, []string{"first", "b.gain"}, func(n *net, x *gorgonia.Node) *gorgonia.Node {
			return n.do(op.Add(n.norm("b", x), n.norm("a", first(n))))
		}},
		{"not of two norms by the same statistics, whose results are added", norms, Eval, []string{"first", "b.gain"}, func(n *net, x *gorgonia.Node) *gorgonia.Node {
			norm := oneStatistics(n)
			return n.do(op.Add(norm("b", x, 3), norm("a", first(n), 2)))
		}},
		{"not of two norms by the same statistics, in a row", "batch_norm.eval batch_norm.eval mse_loss mse_loss.dx batch_norm.eval.dx batch_norm.eval.dparams",
			Eval, []string{"a.gain"}, func(n *net, x *gorgonia.Node) *gorgonia.Node {
				norm := oneStatistics(n)
				return norm("b", norm("a", x, 2), 2)
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			mode := map[Mode]string{Train: "train", Eval: "eval"}[c.mode]
			fusesTo(t, c.mode, strings.ReplaceAll(c.want, "MODE", mode), func(n *net, x *gorgonia.Node) []*gorgonia.Node {
				loss := n.do(op.MSELoss(c.build(n, x), n.leaf("target", 2, 3, 4, 5)))
				var params []*gorgonia.Node
				for _, p := range c.of {
					params = append(params, n.g.ByName(p)[0])
				}
				grads, err := Grad(loss, params...)
				n.must(err)
				return append(grads, loss)
			})
		})
	}
}

// fusesTo wants kernels of what is built, and from a device without fused kernels the same values.
func fusesTo(t *testing.T, mode Mode, want string, build func(n *net, x *gorgonia.Node) []*gorgonia.Node) {
	t.Helper()
	var values [][]float32
	for _, plain := range []bool{false, true} {
		dev := cpu.New(1)
		t.Cleanup(func() { _ = dev.Close() })
		n := newNet(t, unfused{dev, plain})
		outputs := build(n, n.leaf("x", 2, 3, 4, 5))
		p := n.compile(mode, outputs...)
		if got := p.kernels(); !plain && got != want {
			t.Errorf("kernels are %s, want %s", got, want)
		} else if plain && strings.Contains(got, "+") {
			t.Errorf("the device lacks fused kernels and runs %s", got)
		}
		for leaf := range p.inputs {
			data := make([]float32, accel.Volume(leaf.Shape()))
			for i := range data {
				data[i] = float32(i%11) - 5
			}
			n.must(p.Set(leaf, data))
		}
		n.must(p.Run(t.Context()))
		for i, out := range outputs {
			v, err := p.Value(out)
			n.must(err)
			if !plain {
				values = append(values, v)
			} else if !slices.Equal(values[i], v) {
				t.Errorf("output %d, fused and plain, is %v and %v", i, values[i], v)
			}
		}
	}
}

// unfused is a device that may lack fused kernels.
type unfused struct {
	accel.Device
	plain bool
}

func (d unfused) Kernel(name string) (accel.Kernel, error) {
	if d.plain && strings.Contains(name, "+") {
		return nil, errors.New("no fused kernels here")
	}
	return d.Device.Kernel(name)
}
