package op

import (
	"slices"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/kernel"
)

func leaf(g *gorgonia.ExprGraph, name string, shape ...int) *gorgonia.Node {
	return gorgonia.NewTensor(g, tensor.Float32, len(shape), gorgonia.WithShape(shape...), gorgonia.WithName(name))
}

func must(t *testing.T, n *gorgonia.Node, err error) *gorgonia.Node {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestEqualOperatorsAreDistinctNodes(t *testing.T) {
	g := gorgonia.NewGraph()
	x := leaf(g, "x", 2, 3)
	seen := map[*gorgonia.Node]bool{}
	hashes := map[uint32]bool{}
	for range 1000 {
		y, err := ReLU(x)
		n := must(t, y, err)
		seen[n], hashes[n.Op().Hashcode()] = true, true
	}
	if len(seen) != 1000 || len(hashes) != 1000 {
		t.Errorf("1000 operators made %d nodes and %d hashes", len(seen), len(hashes))
	}
}

func TestMistakesAreErrorsThatNameThemAll(t *testing.T) {
	g, other := gorgonia.NewGraph(), gorgonia.NewGraph()
	x, w, b := leaf(g, "x", 2, 3), leaf(g, "w", 5, 4), leaf(g, "b", 5)
	ids := gorgonia.NewTensor(g, tensor.Int32, 1, gorgonia.WithShape(4), gorgonia.WithName("ids"))
	for _, c := range []struct {
		name string
		make func() (*gorgonia.Node, error)
		want string
	}{
		{"shapes", func() (*gorgonia.Node, error) { return Linear(x, w, b) }, "linear: x [2 3], w [5 4], b [5]: "},
		{"a missing input", func() (*gorgonia.Node, error) { return Linear(x, nil, b) }, "linear: input w is missing"},
		{"an optional input left out is not one", func() (*gorgonia.Node, error) { return Add(x, nil) }, "add: input b is missing"},
		{"an element type", func() (*gorgonia.Node, error) { return ReLU(ids) }, "relu: input x is int32, it must be float32"},
		{"another graph", func() (*gorgonia.Node, error) { return Add(x, leaf(other, "y", 2, 3)) }, "add: input b is of another graph"},
		{"an empty result", func() (*gorgonia.Node, error) { return Slice(x, 0, 1, 0) }, "slice"},
		{"a reshape", func() (*gorgonia.Node, error) { return Reshape(x, 4, -1) }, "reshape: x [2 3]"},
	} {
		if n, err := c.make(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, %v, want an error with %q", c.name, n, err, c.want)
		}
	}
}

func TestGradientsNeverStopSilently(t *testing.T) {
	register(Def[struct{}]{
		Name:  "test.no_backward",
		In:    []Operand{{Name: "x"}},
		Shape: func(_ struct{}, in []tensor.Shape) (tensor.Shape, error) { return in[0], nil },
	})
	register(Def[struct{}]{
		Name:     "test.forgets",
		In:       []Operand{{Name: "x"}, {Name: "y"}},
		Shape:    func(_ struct{}, in []tensor.Shape) (tensor.Shape, error) { return in[0], nil },
		Backward: func(b *Back, _ struct{}) { b.Grad(0, b.DY) },
	})
	defer func() { delete(defs, "test.no_backward"); delete(defs, "test.forgets") }()
	for name, want := range map[string]string{
		"test.no_backward": "has no backward",
		"test.forgets":     "gives no gradient for y",
	} {
		g := gorgonia.NewGraph()
		x, y := leaf(g, "x", 2), leaf(g, "y", 2)
		in := []*gorgonia.Node{x, y}[:len(defs[name].in)]
		n, err := apply(name, struct{}{}, in...)
		z := must(t, n, err)
		loss, err := MSELoss(z, leaf(g, "target", 2))
		if _, err = gorgonia.Grad(must(t, loss, err), x); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: the gradient gives %v, want %q", name, err, want)
		}
	}
}

func TestOptionalInputsHaveNoGradientWhenLeftOut(t *testing.T) {
	g := gorgonia.NewGraph()
	x, w := leaf(g, "x", 2, 3), leaf(g, "w", 4, 3)
	n, err := Linear(x, w, nil)
	y := must(t, n, err)
	if got := len(Inputs(y)); got != 2 {
		t.Fatalf("%d inputs", got)
	}
	grads, err := Of(y).SymDiff(Inputs(y), y, leaf(g, "dy", 2, 4))
	if err != nil || len(grads) != 2 {
		t.Errorf("gradients %v, %v", grads, err)
	}
}

func TestMachinesOfGorgoniaAgreeWithTheReferences(t *testing.T) {
	g := gorgonia.NewGraph()
	x, w := leaf(g, "x", 2, 3), leaf(g, "w", 2, 3)
	n, err := Linear(x, w, nil)
	y := must(t, n, err)
	n, err = Reshape(y, 4)
	z := must(t, n, err)
	n, err = MSELoss(z, leaf(g, "target", 4))
	loss := must(t, n, err)

	feed := map[*gorgonia.Node]Array{}
	for i, l := range g.Inputs() {
		a, f := NewArray(l.Shape()...), make([]float32, accel.Volume(l.Shape()))
		for k := range f {
			f[k] = float32((k*5+i)%7) / 4
			a.Data[k] = float64(f[k])
		}
		feed[l] = a
		if err := gorgonia.Let(l, tensor.New(tensor.WithShape(l.Shape()...), tensor.WithBacking(f))); err != nil {
			t.Fatal(err)
		}
	}
	vm := gorgonia.NewTapeMachine(g)
	defer vm.Close()
	if err := vm.RunAll(); err != nil {
		t.Fatal(err)
	}
	want, err := Evaluate(Eval, []*gorgonia.Node{loss, y}, feed)
	if err != nil {
		t.Fatal(err)
	}
	if got := loss.Value().Data().(float32); got != float32(want[0].Data[0]) {
		t.Errorf("the tape machine gives a loss of %g, the references %g", got, want[0].Data[0])
	}
}

func TestEveryOperatorHasBackward(t *testing.T) {
	constant := []string{"view"} // packed gradients and statistics
	for _, name := range Names() {
		d := defs[name]
		forward := d.shape != nil || d.fit != nil
		chosen := strings.HasSuffix(name, ".train") || strings.HasSuffix(name, ".eval") // differentiated by their mode's operator
		if forward && !chosen && d.backward == nil && !slices.Contains(constant, name) {
			t.Errorf("operator %s has no backward", name)
		}
	}
	if !defs["linear"].accepts(kernel.Linear{}) || defs["linear"].accepts(kernel.Add{}) {
		t.Error("an operator takes attributes of another")
	}
}
