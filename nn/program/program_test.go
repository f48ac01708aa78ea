package program

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/cpu"
	"github.com/pipe-ml/pipe/nn/op"
)

// recorder is a device whose launches do nothing but call a hook: plans can be tested without kernels.
type recorder struct {
	accel.Device
	lacks    []string
	launched []string
	hook     func(name string) error
}

type recorded string

func (k recorded) Name() string { return string(k) }

func (r *recorder) Kernel(name string) (accel.Kernel, error) {
	if slices.Contains(r.lacks, name) {
		return nil, fmt.Errorf("no kernel %q", name)
	}
	return recorded(name), nil
}

func (r *recorder) Launch(_ accel.Stream, k accel.Kernel, _ any, _, _ []accel.Tensor) error {
	r.launched = append(r.launched, k.Name())
	if r.hook != nil {
		return r.hook(k.Name())
	}
	return nil
}

func newRecorder(t *testing.T) *recorder {
	d := cpu.New(1)
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err) // a leak
		}
	})
	return &recorder{Device: d}
}

// net is a graph with weights in memory.
type net struct {
	t   *testing.T
	g   *gorgonia.ExprGraph
	mem *Memory
}

func newNet(t *testing.T, dev accel.Device) *net {
	n := &net{t, gorgonia.NewGraph(), NewMemory(dev)}
	t.Cleanup(func() { n.must(n.mem.Close()) })
	return n
}

func (n *net) must(err error) {
	n.t.Helper()
	if err != nil {
		n.t.Fatal(err)
	}
}

func (n *net) leaf(name string, shape ...int) *gorgonia.Node {
	return gorgonia.NewTensor(n.g, tensor.Float32, len(shape), gorgonia.WithShape(shape...), gorgonia.WithName(name))
}

func (n *net) ints(name string, shape ...int) *gorgonia.Node {
	return gorgonia.NewTensor(n.g, tensor.Int32, len(shape), gorgonia.WithShape(shape...), gorgonia.WithName(name))
}

// param is a leaf with a value in memory, small and different for each element.
func (n *net) param(name string, shape ...int) *gorgonia.Node {
	data := make([]float32, accel.Volume(shape))
	for i := range data {
		data[i] = float32((i*7+len(name)*3)%13-6) / 12
	}
	n.must(n.mem.Set(name, shape, data))
	return n.leaf(name, shape...)
}

// do unwraps a constructor's result: n.do(op.Add(x, y)).
func (n *net) do(node *gorgonia.Node, err error) *gorgonia.Node {
	n.t.Helper()
	n.must(err)
	return node
}

func (n *net) compile(mode Mode, outputs ...*gorgonia.Node) *Program {
	n.t.Helper()
	p, err := Compile(n.g, outputs, Options{Memory: n.mem, Mode: mode})
	n.must(err)
	n.t.Cleanup(func() { n.must(p.Close()) })
	return p
}

// kernels lists the launches of a Run, in order.
func (p *Program) kernels() string {
	names := make([]string, len(p.steps))
	for i, s := range p.steps {
		names[i] = s.kernel.Name()
	}
	return strings.Join(names, " ")
}

// compileSized is compile, and the bytes that the program holds beside the parameters: computed values, inputs, constants.
func (n *net) compileSized(mode Mode, outputs ...*gorgonia.Node) (*Program, int64) {
	n.t.Helper()
	before := n.mem.dev.Mem().Live
	p := n.compile(mode, outputs...)
	return p, n.mem.dev.Mem().Live - before
}

// mlp is three linear layers with GELU between and a loss; it returns the loss and the weights by layer.
func (n *net) mlp() (loss *gorgonia.Node, w, b []*gorgonia.Node) {
	x := n.leaf("x", 4, 5)
	for i, d := range [][2]int{{6, 5}, {7, 6}, {3, 7}} {
		w = append(w, n.param(fmt.Sprintf("w%d", i), d[0], d[1]))
		b = append(b, n.param(fmt.Sprintf("b%d", i), d[0]))
		x = n.do(op.Linear(x, w[i], b[i]))
		if i < 2 {
			x = n.do(op.GELU(x))
		}
	}
	return n.do(op.CrossEntropy(x, n.ints("labels", 4), 0)), w, b
}

const forward = "linear gelu linear gelu linear"

func TestOnlyWantedGradientsAreComputed(t *testing.T) {
	for _, c := range []struct {
		name  string
		wants func(w, b []*gorgonia.Node) []*gorgonia.Node
		want  string
	}{
		{"of the head's bias", func(w, b []*gorgonia.Node) []*gorgonia.Node { return b[2:] },
			"cross_entropy.dx linear.db"},
		{"of the head", func(w, b []*gorgonia.Node) []*gorgonia.Node { return []*gorgonia.Node{w[2], b[2]} },
			"cross_entropy.dx linear.dw linear.db"},
		{"of the middle layer, not of the head", func(w, b []*gorgonia.Node) []*gorgonia.Node { return w[1:2] },
			"cross_entropy.dx linear.dx gelu.dx linear.dw"},
		{"of the first layer", func(w, b []*gorgonia.Node) []*gorgonia.Node { return b[:1] },
			"cross_entropy.dx linear.dx gelu.dx linear.dx gelu.dx linear.db"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNet(t, newRecorder(t))
			loss, w, b := n.mlp()
			grads, err := Grad(loss, c.wants(w, b)...)
			n.must(err)
			p := n.compile(Train, grads...)
			want := forward + " " + c.want
			if got := p.kernels(); got != want {
				t.Errorf("kernels are\n  %s\nwant\n  %s", got, want)
			}
		})
	}
}

func TestLossAloneRunsForwardOnly(t *testing.T) {
	n := newNet(t, newRecorder(t))
	loss, w, _ := n.mlp()
	_, err := Grad(loss, w...)
	n.must(err)
	if got, want := n.compile(Eval, loss).kernels(), forward+" cross_entropy"; got != want {
		t.Errorf("kernels are %s, want %s", got, want)
	}
}

func TestModeChoosesKernels(t *testing.T) {
	for mode, want := range map[Mode]string{Train: "batch_norm.train dropout.train relu", Eval: "batch_norm.eval relu"} {
		n := newNet(t, newRecorder(t))
		y := n.do(op.BatchNorm(n.leaf("x", 2, 3, 4, 4), n.param("gain", 3), n.param("bias", 3), n.param("mean", 3), n.param("var", 3), op.BatchNormConfig{Eps: 1e-5}))
		z := n.do(op.Dropout(y, n.ints("step", 1), 0.5, 7))
		p := n.compile(mode, n.do(op.ReLU(z)))
		if got := p.kernels(); got != want {
			t.Errorf("mode %d runs %s, want %s", mode, got, want)
		}
		mean, _, err := op.Stats(y)
		n.must(err)
		if mode == Train {
			n.compile(mode, mean)
			continue
		}
		if _, err = Compile(n.g, []*gorgonia.Node{mean}, Options{Memory: n.mem, Mode: mode}); err == nil || !strings.Contains(err.Error(), "does not compute") {
			t.Errorf("statistics of a batch in Eval: %v", err)
		}
	}
}

func TestMissingKernelsAreNamedWhenCompiling(t *testing.T) {
	dev := newRecorder(t)
	dev.lacks = []string{"gelu", "cross_entropy"}
	n := newNet(t, dev)
	loss, _, _ := n.mlp()
	_, err := Compile(n.g, []*gorgonia.Node{loss}, Options{Memory: n.mem})
	if err == nil {
		t.Fatal("compiled")
	}
	for _, want := range []string{"gelu (float32 [4 6]) -> float32 [4 6] on cpu", "cross_entropy (float32 [4 3], int32 [4]) -> float32 []"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q:\n%v", want, err)
		}
	}
}

func TestRunReportsWhatFailed(t *testing.T) {
	dev := newRecorder(t)
	n := newNet(t, dev)
	loss, _, _ := n.mlp()
	p := n.compile(Eval, loss)
	if err := p.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "without a value: labels, x") {
		t.Errorf("run without inputs: %v", err)
	}
	for _, leaf := range n.g.Inputs() {
		switch leaf.Name() {
		case "x":
			if err := p.Set(leaf, make([]float32, 19)); err == nil {
				t.Error("took 19 values for x [4 5]")
			}
			if err := p.Set(leaf, make([]int32, 20)); err == nil {
				t.Error("took int32 for x")
			}
			n.must(p.Set(leaf, make([]float32, 20)))
		case "labels":
			n.must(p.Set(leaf, make([]int32, 4)))
		}
	}
	n.must(p.Run(t.Context()))

	dev.hook = func(name string) error {
		if name == "gelu" {
			panic("index out of range")
		}
		return nil
	}
	if err := p.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "node gelu(") || !strings.Contains(err.Error(), "index out of range") {
		t.Errorf("a panic gives %v", err)
	}

	ctx, stop := context.WithCancel(t.Context())
	dev.launched = nil
	dev.hook = func(name string) error { stop(); return nil }
	if err := p.Run(ctx); !errors.Is(err, context.Canceled) || len(dev.launched) != 1 {
		t.Errorf("a cancelled run gives %v after %v", err, dev.launched)
	}
}

func TestLeavesMustAgreeWithMemory(t *testing.T) {
	n := newNet(t, newRecorder(t))
	n.param("w", 3, 2)
	for _, c := range []struct {
		leaf *gorgonia.Node
		want string
	}{
		{n.leaf("w", 2, 3), "memory is float32 [3 2]"},
		{n.ints("w", 3, 2), "memory is float32 [3 2]"},
		{gorgonia.NewTensor(n.g, tensor.Float64, 1, gorgonia.WithShape(3), gorgonia.WithName("d")), "float64"},
	} {
		_, err := Compile(n.g, []*gorgonia.Node{c.leaf}, Options{Memory: n.mem})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("leaf %s %v: error %v, want one with %q", c.leaf.Name(), c.leaf.Shape(), err, c.want)
		}
	}
	if err := n.mem.Set("w", []int{2, 3}, make([]float32, 6)); err == nil {
		t.Error("a parameter changed its shape")
	}
}

func TestAliasesOfParametersAndInputsAreOutputs(t *testing.T) {
	n := newNet(t, newRecorder(t))
	w, x := n.param("w", 3, 2), n.leaf("x", 2, 2)
	a, b := n.do(op.Reshape(w, 6)), n.do(op.Reshape(n.do(op.Reshape(x, -1)), 1, 4))
	p, bytes := n.compileSized(Eval, a, b, w)
	n.must(p.Set(x, []float32{1, 2, 3, 4}))
	n.must(p.Run(t.Context()))
	want, err := n.mem.Get("w")
	n.must(err)
	for _, out := range []struct {
		node *gorgonia.Node
		want []float32
	}{{a, want}, {w, want}, {b, []float32{1, 2, 3, 4}}} {
		got, err := p.Value(out.node)
		n.must(err)
		if !slices.Equal(got, out.want) {
			t.Errorf("%s is %v, want %v", out.node.Name(), got, out.want)
		}
	}
	if p.kernels() != "" || bytes != 4*4 {
		t.Errorf("aliases run %q and hold %d bytes, the input has 16", p.kernels(), bytes)
	}
}

func TestGorgoniasOwnOperatorsAreRefused(t *testing.T) {
	n := newNet(t, newRecorder(t))
	y := n.do(gorgonia.Tanh(n.leaf("x", 3)))
	if _, err := Compile(n.g, []*gorgonia.Node{y}, Options{Memory: n.mem}); err == nil || !strings.Contains(err.Error(), "Gorgonia's own") {
		t.Errorf("tanh gives %v", err)
	}
}

func TestGradRefuses(t *testing.T) {
	n := newNet(t, newRecorder(t))
	loss, w, _ := n.mlp()
	for name, c := range map[string]struct {
		loss *gorgonia.Node
		wrt  []*gorgonia.Node
		want string
	}{
		"a loss that is no scalar":  {n.do(op.GELU(w[0])), w[:1], "must be a scalar"},
		"no parameters":             {loss, nil, "no parameters"},
		"a weight that has no part": {loss, []*gorgonia.Node{n.param("other", 2)}, "other"},
		"an integer":                {loss, []*gorgonia.Node{n.ints("labels", 4)}, "labels"},
		"a node that is not a leaf": {loss, []*gorgonia.Node{loss}, "input"},
	} {
		if _, err := Grad(c.loss, c.wrt...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
	_, err := Grad(loss, w...)
	n.must(err)
	if _, err := Grad(loss, w...); err == nil {
		t.Error("a second Grad on one graph is wrong in Gorgonia and must be refused")
	}
}

// deep is a residual network of about 3 operators a block.
func deep(n *net, blocks int) (*gorgonia.Node, []*gorgonia.Node) {
	x := n.leaf("x", 2, 8)
	var params []*gorgonia.Node
	for i := range blocks {
		w, b := n.param(fmt.Sprintf("w%d", i), 8, 8), n.param(fmt.Sprintf("b%d", i), 8)
		params = append(params, w, b)
		x = n.do(op.Add(n.do(op.GELU(n.do(op.Linear(x, w, b)))), x))
	}
	return n.do(op.MSELoss(x, n.leaf("target", 2, 8))), params
}

func TestDeepResidualNetsReuseMemory(t *testing.T) {
	n := newNet(t, newRecorder(t))
	loss, params := deep(n, 500)
	grads, err := Grad(loss, params...)
	n.must(err)
	train, bytes := n.compileSized(Train, append(slices.Clone(grads), loss)...)
	_, forward := n.compileSized(Eval, loss)
	t.Logf("train %d bytes, forward %d", bytes, forward)
	if len(train.steps) < 500*7 {
		t.Errorf("%d kernels", len(train.steps))
	}
	if inputs := int64(2 * 16 * 4); forward-inputs > 4*16*4 {
		t.Errorf("a forward chain holds %d bytes beside its inputs", forward-inputs)
	}
}

func BenchmarkGradAndCompile1500Operators(b *testing.B) {
	for range b.N {
		dev := &recorder{Device: cpu.New(1)}
		n := &net{&testing.T{}, gorgonia.NewGraph(), NewMemory(dev)}
		loss, params := deep(n, 500)
		grads, err := Grad(loss, params...)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := Compile(n.g, grads, Options{Memory: n.mem, Mode: Train}); err != nil {
			b.Fatal(err)
		}
	}
}
