package program

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"gorgonia.org/gorgonia"

	"github.com/pipe-ml/pipe/accel/cpu"
	"github.com/pipe-ml/pipe/nn/op"
)

func TestSlicesOfLeadingDimensionsAreAliases(t *testing.T) {
	n := newNet(t, cpu.New(1))
	w, x := n.param("w", 4, 2), n.leaf("x", 1, 3, 2)
	rows, inner := n.do(op.Slice(w, 0, 1, 2)), n.do(op.Slice(x, 1, 2, 1))
	columns := n.do(op.Slice(w, 1, 1, 1))
	p := n.compile(Eval, rows, inner, columns)
	n.must(p.Set(x, []float32{1, 2, 3, 4, 5, 6}))
	n.must(p.Run(t.Context()))
	all, err := n.mem.Get("w")
	n.must(err)
	for _, out := range []struct {
		node *gorgonia.Node
		want []float32
	}{{rows, all[2:6]}, {inner, []float32{5, 6}}, {columns, []float32{all[1], all[3], all[5], all[7]}}} {
		got, err := p.Value(out.node)
		n.must(err)
		if !slices.Equal(got, out.want) {
			t.Errorf("%v is %v, want %v", out.node.Shape(), got, out.want)
		}
	}
	if p.kernels() != "slice" {
		t.Errorf("slices run %q: only that of the columns should", p.kernels())
	}
}

func TestStatisticsAsOutputsHoldNoActivations(t *testing.T) {
	const batch, channels, side, depth = 4, 2, 8, 6
	n := newNet(t, cpu.New(1))
	x := n.leaf("x", batch, channels, side, side)
	y := x
	var outputs []*gorgonia.Node
	for i := range depth {
		at := func(name string) *gorgonia.Node { return n.param(fmt.Sprintf("%s%d", name, i), channels) }
		y = n.do(op.BatchNorm(y, at("gain"), at("bias"), at("mean"), at("var"), op.BatchNormConfig{Eps: 1e-5}))
		mean, variance, err := op.Stats(y)
		n.must(err)
		outputs = append(outputs, mean, variance)
	}
	p, bytes := n.compileSized(Train, append(outputs, y)...)
	const activation, statistics = batch * channels * side * side * 4, 64 // a cache line each at most
	if most := int64(3*activation + 2*depth*statistics + 2*statistics); bytes > most {
		t.Errorf("a chain of %d norms holds %d bytes, more than %d", depth, bytes, most)
	}
	input, want := make([]float32, batch*channels*side*side), [channels]float64{}
	for i := range input {
		channel := i / (side * side) % channels
		input[i] = float32(i%7 + channel)
		want[channel] += float64(input[i]) / (batch * side * side)
	}
	n.must(p.Set(x, input))
	n.must(p.Run(t.Context()))
	got, err := p.Value(outputs[0])
	n.must(err)
	for i, want := range want {
		if d := math.Abs(float64(got[i]) - want); d > 1e-6 {
			t.Errorf("the mean of channel %d is %v, want %v", i, got[i], want)
		}
	}
}
