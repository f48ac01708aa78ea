package optest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/nn/op"
	"github.com/pipe-ml/pipe/nn/program"
)

// instance is a row at one size: a graph with the operator and its gradients, and the values of its leaves.
type instance struct {
	row    Row
	size   int
	graph  *gorgonia.ExprGraph
	leaves []*gorgonia.Node // operands, then the upstream gradient
	feed   map[*gorgonia.Node]op.Array
	y, dy  *gorgonia.Node
	values []*gorgonia.Node // y, and what its kernel stores behind it
	grads  []*gorgonia.Node // of the leaves in wrt
	wrt    []*gorgonia.Node
}

func newInstance(row Row, s int) (*instance, error) {
	in := &instance{row: row, size: s, graph: gorgonia.NewGraph(), feed: map[*gorgonia.Node]op.Array{}}
	r := row.random(s)
	for i, operand := range row.In(s) {
		in.leaf(fmt.Sprintf("in%d", i), operand.Int, operand.values(r))
	}
	var err error
	if in.y, err = row.Build(s, slices.Clone(in.leaves)); err != nil {
		return nil, err
	}
	in.values = []*gorgonia.Node{in.y}
	if extra := op.Of(in.y).Call(row.Mode).Extra; extra > 0 {
		behind, err := op.View(in.y, in.y.Shape().TotalSize(), extra)
		if err != nil {
			return nil, err
		}
		in.values = append(in.values, behind)
	}
	in.dy = in.leaf("dy", false, Normal(in.y.Shape()...).values(r))
	o, operands := op.Of(in.y), op.Inputs(in.y)
	grads, err := o.SymDiff(operands, in.y, in.dy)
	if err != nil {
		return nil, err
	}
	for i, need := range o.DiffWRT(len(operands)) {
		if _, ok := in.feed[operands[i]]; !ok {
			return nil, errors.New("the row must apply one operator to its operands")
		}
		if need {
			in.grads = append(in.grads, grads[i])
			in.wrt = append(in.wrt, operands[i])
		}
	}
	return in, nil
}

func (in *instance) leaf(name string, integer bool, v op.Array) *gorgonia.Node {
	t := tensor.Float32
	if integer {
		t = tensor.Int32
	}
	n := gorgonia.NewTensor(in.graph, t, len(v.Shape), gorgonia.WithShape(v.Shape...), gorgonia.WithName(name))
	in.leaves = append(in.leaves, n)
	in.feed[n] = v
	return n
}

// outputs are the values and all gradients.
func (in *instance) outputs() []*gorgonia.Node {
	return append(slices.Clone(in.values), in.grads...)
}

// run computes outputs on dev the given number of times and returns their values of each time.
func (in *instance) run(dev accel.Device, times int, outputs ...*gorgonia.Node) ([][][]float32, error) {
	mem := program.NewMemory(dev)
	p, err := program.Compile(in.graph, outputs, program.Options{Memory: mem, Mode: in.row.Mode})
	if err != nil {
		return nil, err
	}
	defer p.Close()
	for n, v := range in.feed {
		if !p.Uses(n) {
			continue
		}
		if err := p.Set(n, host(v, n.Dtype() == tensor.Int32)); err != nil {
			return nil, err
		}
	}
	var all [][][]float32
	for range times {
		if err := p.Run(context.Background()); err != nil {
			return nil, err
		}
		var values [][]float32
		for _, n := range outputs {
			v, err := p.Value(n)
			if err != nil {
				return nil, err
			}
			values = append(values, v)
		}
		all = append(all, values)
	}
	return all, nil
}

// expected is what the references say about an instance.
type expected struct {
	values [][]float64
	probes [][]probe // by gradient
}

// probe is a direction in which an operand moves, and the slope of the loss along it.
type probe struct {
	along []float64
	slope float64
}

// expect evaluates the references: the values, and for each gradient some random directions, which see every
// element, and some single elements. References are slow at the large size, which gets one direction.
func (in *instance) expect() (expected, error) {
	values, err := op.Evaluate(in.row.Mode, in.values, in.feed)
	if err != nil {
		return expected{}, err
	}
	var want expected
	for _, v := range values {
		want.values = append(want.values, v.Data)
	}
	for i, x := range in.wrt {
		n := len(in.feed[x].Data)
		r := rand.New(rand.NewPCG(uint64(i), uint64(n)))
		directions, elements := 3, min(n, 8)
		if in.size == in.row.large() {
			directions, elements = 1, 0
		}
		var probes []probe
		for k := range directions + elements {
			v := make([]float64, n)
			if k >= directions {
				v[r.IntN(n)] = 1
			} else {
				for j := range v {
					v[j] = float64(1-2*r.IntN(2)) * (0.5 + r.Float64())
				}
			}
			slope, err := in.slope(x, v)
			if err != nil {
				return want, err
			}
			probes = append(probes, probe{v, slope})
		}
		want.probes = append(want.probes, probes)
	}
	return want, nil
}

// loss is sum(dy * y) by the reference, whose gradients are those of the instance.
func (in *instance) loss(feed map[*gorgonia.Node]op.Array) (float64, error) {
	y, err := op.Evaluate(in.row.Mode, []*gorgonia.Node{in.y}, feed)
	if err != nil {
		return 0, err
	}
	l := 0.0
	for i, v := range y[0].Data {
		l += v * in.feed[in.dy].Data[i]
	}
	return l, nil
}

// slope is the derivative of the loss when x moves along v, by 4-point differences.
func (in *instance) slope(x *gorgonia.Node, v []float64) (float64, error) {
	const h = 1e-4
	feed := map[*gorgonia.Node]op.Array{}
	for n, a := range in.feed {
		feed[n] = a
	}
	d := 0.0
	for _, p := range []struct{ at, weight float64 }{{-2, 1}, {-1, -8}, {1, 8}, {2, -1}} {
		moved := op.NewArray(in.feed[x].Shape...)
		for i, u := range in.feed[x].Data {
			moved.Data[i] = u + p.at*h*v[i]
		}
		feed[x] = moved
		l, err := in.loss(feed)
		if err != nil {
			return 0, err
		}
		d += p.weight * l
	}
	return d / (12 * h), nil
}

// host converts a to what a program takes.
func host(a op.Array, integer bool) any {
	f, i := make([]float32, len(a.Data)), make([]int32, len(a.Data))
	for k, v := range a.Data {
		f[k], i[k] = float32(v), int32(v)
	}
	if integer {
		return i
	}
	return f
}
