package main

import (
	"strings"
	"testing"

	"gorgonia.org/gorgonia"

	"github.com/pipe-ml/pipe/nn/checkpoint"
	"github.com/pipe-ml/pipe/nn/layer"
)

func TestPositionsAreResampledAsTimmDoes(t *testing.T) {
	file, _, err := checkpoint.Read("../model/testdata/parity/positions/grids.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	for name, from := range file {
		name, ok := strings.CutPrefix(name, "from.")
		if !ok {
			continue
		}
		to := file["to."+name]
		w := layer.NewWeights(1)
		layer.NewBuilder(gorgonia.NewGraph(), w, nil).Param("pos_embed", to.Shape, layer.Zeros)
		if _, err := checkpoint.Load(w, map[string]checkpoint.Tensor{"pos_embed": from}, checkpoint.LoadOptions{Positions: []string{"pos_embed"}}); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want, err := to.Float32()
		if err != nil {
			t.Fatal(err)
		}
		f, scale, err := difference(name, w.Data("pos_embed"), want)
		if err != nil {
			t.Fatal(err)
		}
		// timm sums up to 36 products in float32.
		if f.Error /= scale; f.Error > 1e-6 {
			t.Errorf("sides and prefix %v", f)
		}
	}
}
