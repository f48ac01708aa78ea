package op

import (
	"fmt"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/accel"
)

// Ref computes the operator by its definition, in float64. The result's Data holds the extra elements too.
func (o *Op) Ref(m Mode, in []Array) (Array, error) {
	c := o.Call(m)
	if c.Alias {
		n := accel.Volume(o.out)
		return Array{Shape: o.out, Data: in[c.In[0]].Data[c.Offset : c.Offset+n : c.Offset+n]}, nil
	}
	d := defs[c.Kernel]
	if d.ref == nil {
		return Array{}, fmt.Errorf("%s has no reference", d.name)
	}
	args := make([]Array, len(c.In))
	for i, k := range c.In {
		args[i] = Array{Shape: in[k].Shape, Data: in[k].Data[:accel.Volume(in[k].Shape)]} // without what lies behind
	}
	out := Array{Shape: o.out, Data: make([]float64, accel.Volume(o.out)+c.Extra)}
	d.ref(o.attrs, args, out)
	return out, nil
}

// Evaluate computes nodes by the references of all operators below them, in float64: the oracle that
// programs are tested against. feed gives the leaves' values.
func Evaluate(m Mode, outputs []*gorgonia.Node, feed map[*gorgonia.Node]Array) ([]Array, error) {
	values := map[*gorgonia.Node]Array{}
	var eval func(n *gorgonia.Node) (Array, error)
	eval = func(n *gorgonia.Node) (Array, error) {
		if v, ok := values[n]; ok {
			return v, nil
		}
		if v, ok := feed[n]; ok {
			return v, nil
		}
		o := Of(n)
		if o == nil {
			return Array{}, fmt.Errorf("no value for %s", n.Name())
		}
		var in []Array
		for _, c := range Inputs(n) {
			v, err := eval(c)
			if err != nil {
				return Array{}, err
			}
			in = append(in, v)
		}
		v, err := o.Ref(m, in)
		values[n] = v
		return v, err
	}
	var out []Array
	for _, n := range outputs {
		v, err := eval(n)
		if err != nil {
			return nil, err
		}
		out = append(out, Array{Shape: v.Shape, Data: v.Data[:accel.Volume(v.Shape)]})
	}
	return out, nil
}

// Inputs are the nodes that n is computed from, in order.
func Inputs(n *gorgonia.Node) []*gorgonia.Node {
	var in []*gorgonia.Node
	for it := n.Graph().From(n.ID()); it != nil && it.Next(); {
		in = append(in, it.Node().(*gorgonia.Node))
	}
	return in
}

// Do computes the operator by its reference in Train mode, so that Gorgonia's machines can serve as an oracle.
func (o *Op) Do(values ...gorgonia.Value) (gorgonia.Value, error) {
	in := make([]Array, len(values))
	for i, v := range values {
		in[i] = NewArray(v.Shape()...)
		switch data := v.Data().(type) {
		case []float32:
			for k, x := range data {
				in[i].Data[k] = float64(x)
			}
		case []int32:
			for k, x := range data {
				in[i].Data[k] = float64(x)
			}
		case float32:
			in[i].Data[0] = float64(data)
		default:
			return nil, fmt.Errorf("%s: input %d is %T", o.def.name, i, data)
		}
	}
	out, err := o.Ref(Train, in)
	if err != nil {
		return nil, err
	}
	data := make([]float32, accel.Volume(o.out))
	for i := range data {
		data[i] = float32(out.Data[i])
	}
	if len(o.out) == 0 {
		return gorgonia.NewF32(data[0]), nil
	}
	return tensor.New(tensor.WithShape(o.out...), tensor.WithBacking(data)), nil
}
