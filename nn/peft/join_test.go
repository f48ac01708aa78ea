package peft_test

import (
	"slices"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"

	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/peft"
)

// joint are the methods whose layers share something, with options for the U-Net, 6 wide, and the text encoder, 12 wide.
var joint = map[string]map[string]any{
	"vera": {"rank": 5}, "compacter": {"bottleneck": 9, "division": 3}, "kadaptation": {"division": 1},
}

// TestPartsOfANetworkShareNothing: the U-Net's and the text encoder's numbers add up, in one network with the weights of both.
func TestPartsOfANetworkShareNothing(t *testing.T) {
	unet, clip := backbones[2], backbones[4]
	for method, config := range joint {
		w, count := layer.NewWeights(1), peft.Count{}
		var both []*peft.Adapter
		for _, n := range []backbone{unet, clip} {
			a, err := peft.Prepare(n.model(nil, nil), w, peft.Options{Method: method, Config: config})
			if err != nil {
				t.Fatalf("%s on %s: %v", method, n.name, err)
			}
			both, count.Trained, count.Total = append(both, a), count.Trained+a.Count.Trained, count.Total+a.Count.Total
		}
		a, err := peft.Join(both[0], both[1])
		check(t, err)
		b := layer.NewBuilder(gorgonia.NewGraph(), w, a.Plan)
		unet.model(nil, nil)(b)
		clip.model(nil, nil)(b)
		check(t, b.Finish())
		names, numbers := map[string]bool{}, 0
		for _, p := range b.Trainable() {
			names[p.Name] = true
			numbers += p.Len()
		}
		if numbers != a.Count.Trained || a.Count.Trained != count.Trained || a.Count.Total != count.Total || len(names) != len(a.Trainable) {
			t.Errorf("%s: trains %d of the network, %+v together, %+v apart", method, numbers, a.Count, count)
		}
		if a.Method.Merge == peft.Exact {
			shake(w, a, trainables(a)...)
			merged, err := a.Merge(w)
			check(t, err)
			for _, name := range []string{"down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_q.weight", "text_model.encoder.layers.0.self_attn.q_proj.weight"} {
				if slices.Equal(w.Read(name), merged.Read(name)) {
					t.Errorf("%s: %s does not change by merging", method, name)
				}
			}
		}
	}
}

func TestPartsWithACommonNameAreRefused(t *testing.T) {
	a, err := peft.Prepare(backbones[2].model(nil, nil), layer.NewWeights(1), peft.Options{Method: "lora"})
	check(t, err)
	if _, err := peft.Join(a, a); err == nil || !strings.Contains(err.Error(), "lora: conv_in.weight is in both parts") {
		t.Error(err)
	}
}
