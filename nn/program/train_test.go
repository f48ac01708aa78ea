package program

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/cpu"
	"github.com/pipe-ml/pipe/accel/kernel"
	"github.com/pipe-ml/pipe/nn/op"
)

func newCPU(t *testing.T, threads int) accel.Device {
	d := cpu.New(threads)
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// weight is a parameter drawn by fan-in, or around 1 for a gain.
func (n *net) weight(r *rand.Rand, name string, shape ...int) *gorgonia.Node {
	data := make([]float32, accel.Volume(shape))
	fan := 1
	for _, d := range shape[1:] {
		fan *= d
	}
	for i := range data {
		data[i] = float32(r.NormFloat64() / math.Sqrt(float64(fan)))
		if len(shape) == 1 {
			data[i] = 1 + data[i]/10
		}
	}
	n.must(n.mem.Set(name, shape, data))
	return n.leaf(name, shape...)
}

// dense is a multi-layer perceptron on x [8, 10] with 5 classes.
func dense(n *net, r *rand.Rand) *gorgonia.Node {
	x := n.leaf("x", 8, 10)
	h := n.do(op.GELU(n.do(op.Linear(x, n.weight(r, "w0", 24, 10), n.weight(r, "b0", 24)))))
	h = n.do(op.Add(h, n.do(op.SiLU(n.do(op.Linear(h, n.weight(r, "w1", 24, 24), nil))))))
	h = n.do(op.LayerNorm(h, n.weight(r, "gain", 24), n.weight(r, "bias", 24), 1e-5))
	return n.do(op.Linear(h, n.weight(r, "w2", 5, 24), n.weight(r, "b2", 5)))
}

// convolutional is a residual block with batch norm, attention over positions and dropout on x [8, 3, 8, 8], 5 classes.
func convolutional(n *net, r *rand.Rand) *gorgonia.Node {
	x := n.leaf("x", 8, 3, 8, 8)
	same := kernel.Conv2d{StrideH: 1, StrideW: 1, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1, Groups: 1}
	norm := func(h *gorgonia.Node, name string) *gorgonia.Node {
		n.must(n.mem.Set(name+".mean", []int{8}, make([]float32, 8)))
		n.must(n.mem.Set(name+".var", []int{8}, slices.Repeat([]float32{1}, 8)))
		return n.do(op.BatchNorm(h, n.weight(r, name+".gain", 8), n.weight(r, name+".bias", 8), n.leaf(name+".mean", 8), n.leaf(name+".var", 8), op.BatchNormConfig{Eps: 1e-5}))
	}
	h := n.do(op.SiLU(norm(n.do(op.Conv2d(x, n.weight(r, "c0", 8, 3, 3, 3), nil, same)), "bn0")))
	h = n.do(op.AvgPool2d(h, kernel.Pool2d{Kernel: 2, Stride: 2}))
	h = n.do(op.Add(norm(n.do(op.Conv2d(h, n.weight(r, "c1", 8, 8, 3, 3), nil, same)), "bn1"), h))
	tokens := n.do(op.Permute(n.do(op.Reshape(h, 8, 8, 16)), 0, 2, 1))
	qkv := n.do(op.Linear(tokens, n.weight(r, "qkv", 24, 8), n.weight(r, "qkv.bias", 24)))
	var part [3]*gorgonia.Node
	for i := range part {
		part[i] = n.do(op.Slice(qkv, 2, 8*i, 8))
	}
	tokens = n.do(op.Add(tokens, n.do(op.Attention(part[0], part[1], part[2], 2, false))))
	h = n.do(op.Reshape(n.do(op.Permute(tokens, 0, 2, 1)), 8, 8, 4, 4))
	h = n.do(op.Dropout(n.do(op.GlobalAvgPool2d(h)), n.ints("step", 1), 0.1, 99))
	return n.do(op.Linear(h, n.weight(r, "head", 5, 8), n.weight(r, "head.bias", 5)))
}

// trainee is a net with a loss, gradients and inputs.
type trainee struct {
	*net
	loss   *gorgonia.Node
	params []*gorgonia.Node
	grads  gorgonia.Nodes
	feed   map[*gorgonia.Node]any
}

func newTrainee(t *testing.T, dev accel.Device, build func(n *net, r *rand.Rand) *gorgonia.Node) *trainee {
	r := rand.New(rand.NewPCG(3, 4))
	n := newNet(t, dev)
	logits := build(n, r)
	tr := &trainee{net: n, loss: n.do(op.CrossEntropy(logits, n.ints("labels", 8), 0.1)), feed: map[*gorgonia.Node]any{}}
	for _, leaf := range n.g.Inputs() {
		size := accel.Volume(leaf.Shape())
		switch {
		case leaf.Name() == "step":
			tr.feed[leaf] = []int32{1}
		case leaf.Name() == "labels":
			labels := make([]int32, size)
			for i := range labels {
				labels[i] = int32(r.IntN(5))
			}
			tr.feed[leaf] = labels
		case !n.mem.Has(leaf.Name()):
			x := make([]float32, size)
			for i := range x {
				x[i] = float32(r.NormFloat64())
			}
			tr.feed[leaf] = x
		case leaf.Name() != "bn0.mean" && leaf.Name() != "bn0.var" && leaf.Name() != "bn1.mean" && leaf.Name() != "bn1.var":
			tr.params = append(tr.params, leaf)
		}
	}
	var err error
	tr.grads, err = Grad(tr.loss, tr.params...)
	n.must(err)
	return tr
}

func (tr *trainee) start(mode Mode, outputs ...*gorgonia.Node) *Program {
	p := tr.compile(mode, outputs...)
	for leaf, data := range tr.feed {
		if p.Uses(leaf) {
			tr.must(p.Set(leaf, data))
		}
	}
	return p
}

func (tr *trainee) run(p *Program) float32 {
	tr.must(p.Run(tr.t.Context()))
	l, err := p.Value(tr.loss)
	tr.must(err)
	return l[0]
}

var nets = map[string]func(*net, *rand.Rand) *gorgonia.Node{"dense": dense, "convolutional": convolutional}

func TestGradientsOfWholeNetsMatchTheReferences(t *testing.T) {
	for name, build := range nets {
		t.Run(name, func(t *testing.T) {
			tr := newTrainee(t, newCPU(t, 2), build)
			p := tr.start(Train, append(slices.Clone(tr.grads), tr.loss)...)
			loss := tr.run(p)
			feed := map[*gorgonia.Node]op.Array{}
			for _, leaf := range tr.g.Inputs() {
				data := tr.feed[leaf]
				if data == nil {
					d, err := tr.mem.Get(leaf.Name())
					tr.must(err)
					data = d
				}
				feed[leaf] = array(leaf.Shape(), data)
			}
			evaluate := func() float64 {
				v, err := op.Evaluate(Train, []*gorgonia.Node{tr.loss}, feed)
				tr.must(err)
				return v[0].Data[0]
			}
			if want := evaluate(); math.Abs(float64(loss)-want) > 1e-5 {
				t.Errorf("the loss is %g, want %g", loss, want)
			}
			r := rand.New(rand.NewPCG(5, 6))
			for i, w := range tr.params {
				grad, err := p.Value(tr.grads[i])
				tr.must(err)
				at := feed[w]
				v, dot, norm := op.NewArray(at.Shape...), 0.0, 0.0
				for k := range v.Data {
					v.Data[k] = r.NormFloat64()
					dot += v.Data[k] * float64(grad[k])
					norm += float64(grad[k]) * float64(grad[k])
				}
				const h = 1e-3
				slope := 0.0
				for _, s := range []struct{ at, weight float64 }{{-2, 1}, {-1, -8}, {1, 8}, {2, -1}} {
					moved := op.NewArray(at.Shape...)
					for k := range moved.Data {
						moved.Data[k] = at.Data[k] + s.at*h*v.Data[k]
					}
					feed[w] = moved
					slope += s.weight * evaluate() / (12 * h)
				}
				feed[w] = at
				if d := math.Abs(slope - dot); !(d <= 1e-4*math.Sqrt(norm)+1e-6) {
					t.Errorf("along a random direction of %s %v the gradient says %g, the reference %g", w.Name(), w.Shape(), dot, slope)
				}
			}
		})
	}
}

func array(shape tensor.Shape, data any) op.Array {
	a := op.NewArray(shape...)
	for i := range a.Data {
		switch d := data.(type) {
		case []float32:
			a.Data[i] = float64(d[i])
		case []int32:
			a.Data[i] = float64(d[i])
		}
	}
	return a
}

func TestRunsRepeatAndLeaveParametersAlone(t *testing.T) {
	for name, build := range nets {
		t.Run(name, func(t *testing.T) {
			tr := newTrainee(t, newCPU(t, 2), build)
			before := map[string][]float32{}
			for _, n := range tr.mem.Names() {
				before[n], _ = tr.mem.Get(n)
			}
			p := tr.start(Train, append(slices.Clone(tr.grads), tr.loss)...)
			first := tr.run(p)
			grad, err := p.Value(tr.grads[0])
			tr.must(err)
			if again := tr.run(p); again != first {
				t.Errorf("the loss is %g, then %g", first, again)
			}
			if g, _ := p.Value(tr.grads[0]); !slices.Equal(g, grad) {
				t.Error("the gradient changes on the second run")
			}
			for n, want := range before {
				if got, _ := tr.mem.Get(n); !slices.Equal(got, want) {
					t.Errorf("parameter %s has changed", n)
				}
			}
		})
	}
}

func TestNetsLearnRandomLabels(t *testing.T) {
	for name, build := range nets {
		t.Run(name, func(t *testing.T) {
			var losses []string
			for _, threads := range []int{1, 2} {
				tr := newTrainee(t, newCPU(t, threads), build)
				first, last := learn(tr, 120)
				losses = append(losses, fmt.Sprintf("%x %x", math.Float32bits(first), math.Float32bits(last)))
				t.Logf("%d threads: loss %.4f -> %.4f", threads, first, last)
				if first < 1.2 || last > 0.5 { // 0.39 is the entropy of 5 classes smoothed by 0.1
					t.Errorf("the loss goes from %g to %g", first, last)
				}
			}
			if losses[0] != losses[1] {
				t.Errorf("1 thread gives %s, 2 give %s", losses[0], losses[1])
			}
		})
	}
}

// learn takes steps of AdamW and returns the first and the last loss.
func learn(tr *trainee, steps int) (first, last float32) {
	dev, stream := tr.mem.Device(), tr.mem.Stream()
	adamw, err := dev.Kernel("adamw")
	tr.must(err)
	p := tr.start(Train, append(slices.Clone(tr.grads), tr.loss)...)
	var moments [][2]accel.Tensor
	for _, w := range tr.params {
		var m [2]accel.Tensor
		for k := range m {
			buf, err := dev.Alloc(accel.Float32, accel.Volume(w.Shape()))
			tr.must(err)
			tr.t.Cleanup(func() { tr.must(dev.Free(buf)) })
			m[k] = accel.Tensor{Buf: buf, Shape: w.Shape()}
		}
		moments = append(moments, m)
	}
	for step := 1; step <= steps; step++ {
		for leaf := range tr.feed {
			if leaf.Name() == "step" {
				tr.must(p.Set(leaf, []int32{int32(step)}))
			}
		}
		last = tr.run(p)
		if step == 1 {
			first = last
		}
		a := kernel.AdamW{LR: 0.02, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, Step: step, Scale: 1}
		for i, w := range tr.params {
			grad, err := p.Tensor(tr.grads[i])
			tr.must(err)
			param, err := tr.mem.Tensor(w.Name())
			tr.must(err)
			tr.must(dev.Launch(stream, adamw, a, []accel.Tensor{param, moments[i][0], moments[i][1]}, []accel.Tensor{grad}))
		}
	}
	return first, last
}

func TestEvalSharesWeightsWithTraining(t *testing.T) {
	tr := newTrainee(t, newCPU(t, 1), dense)
	eval := tr.start(Eval, tr.loss)
	before := tr.run(eval)
	learn(tr, 5)
	if after := tr.run(eval); after >= before {
		t.Errorf("the loss of the evaluation program goes from %g to %g by training", before, after)
	}
	if err := eval.Run(context.Background()); err != nil {
		t.Error(err)
	}
}
