package peft_test

import (
	"math"
	"testing"

	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/peft"
)

// TestAdaptFormerIsItsFormula: nothing else says what the method computes once it is not zero, since it cannot be merged.
func TestAdaptFormerIsItsFormula(t *testing.T) {
	const d, hidden, tokens = 5, 3, 4
	n := backbone{"mlp", map[string][]int{"image": {batch, tokens, d}}, func(b *layer.Builder, in map[string]*layer.Node) *layer.Node {
		x := in["image"]
		return b.Branch("mlp", x, x, b.Linear("mlp.fc", x, d, layer.WithInit(layer.Zeros, layer.Zeros)))
	}}
	w := layer.NewWeights(1)
	a, err := peft.Prepare(n.model(nil, nil), w, peft.Options{Method: "adaptformer", Config: map[string]any{"bottleneck": hidden, "scale": 0.7}})
	check(t, err)
	shake(w, a, trainables(a)...)
	got := output(t, n, w, a.Plan)

	x := make([]float32, batch*tokens*d)
	noise(x, "input image", 1)
	data := func(name string) []float32 { return w.Data("mlp.adaptmlp." + name) }
	down, downBias, up, upBias := data("down_proj.weight"), data("down_proj.bias"), data("up_proj.weight"), data("up_proj.bias")
	for row := range batch * tokens {
		var h [hidden]float64
		for j := range h {
			h[j] = float64(downBias[j])
			for k := range d {
				h[j] += float64(down[j*d+k]) * float64(x[row*d+k])
			}
			h[j] = max(h[j], 0)
		}
		for i := range d {
			want := float64(upBias[i])
			for j := range h {
				want += float64(up[i*hidden+j]) * h[j]
			}
			if want *= .7; math.Abs(want-float64(got[row*d+i])) > 1e-5 {
				t.Fatalf("row %d, channel %d: %v, want %v", row, i, got[row*d+i], want)
			}
		}
	}
}
