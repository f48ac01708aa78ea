package program

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"

	"github.com/pipe-ml/pipe/accel/cpu"
	"github.com/pipe-ml/pipe/nn/op"
)

// Three segments, the second of which is skipped by a value of the first.
func TestTheBackwardComputesWithinSegmentsAgain(t *testing.T) {
	n := newNet(t, cpu.New(1))
	x := n.leaf("x", 4, 5)
	w := []*gorgonia.Node{n.param("w0", 5, 5), n.param("w1", 5, 5), n.param("w2", 5, 5)}
	within := n.do(op.Linear(x, w[0], nil))
	skipping := n.do(op.SiLU(within))
	first := n.do(op.GELU(skipping))
	second := n.do(op.GELU(n.do(op.Linear(first, w[1], nil))))
	loss := n.do(op.CrossEntropy(n.do(op.Linear(n.do(op.Mul(second, skipping)), w[2], nil)), n.ints("labels", 4), 0))
	grads, err := Grad(loss, w...)
	n.must(err)
	outputs := append(slices.Clone(grads), loss)

	run := func(r *Recompute) (kernels string, values [][]float32) {
		p, err := Compile(n.g, outputs, Options{Memory: n.mem, Mode: Train, Recompute: r})
		n.must(err)
		defer func() { n.must(p.Close()) }()
		for _, in := range slices.Collect(maps.Keys(p.inputs)) {
			if in == x {
				pixels := make([]float32, 20)
				for i := range pixels {
					pixels[i] = float32(i%7) - 3
				}
				n.must(p.Set(in, pixels))
			} else {
				n.must(p.Set(in, []int32{0, 3, 1, 4}))
			}
		}
		for range 2 {
			n.must(p.Run(t.Context()))
		}
		for _, out := range outputs {
			v, err := p.Value(out)
			n.must(err)
			values = append(values, v)
		}
		return p.kernels(), values
	}
	plain, want := run(nil)
	again, got := run(&Recompute{Loss: loss, Keep: []*gorgonia.Node{first, second}})
	for i := range want {
		if !slices.Equal(got[i], want[i]) {
			t.Errorf("output %d is %v, without recomputing %v", i, got[i], want[i])
		}
	}
	// Of the first segment, the linear map is computed again, for the backward of SiLU; what it hands on is held: the SiLU, the GELU. Of
	// the second, the linear map for the backward of GELU. Nothing of the third.
	if a, b := strings.Count(plain, "linear "), strings.Count(again, "linear "); b != a+2 {
		t.Errorf("%d linear maps, without recomputing %d:\n%s\n%s", b, a, again, plain)
	}
	for _, kernel := range []string{"silu ", "gelu ", "mul "} {
		if a, b := strings.Count(plain, kernel), strings.Count(again, kernel); a != b {
			t.Errorf("%d of %s, without recomputing %d", b, kernel, a)
		}
	}
}
