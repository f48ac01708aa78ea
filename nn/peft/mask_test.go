package peft_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gorgonia.org/gorgonia"

	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/peft"
)

// masked lists what trains of the body under a mask.
func masked(t *testing.T, n backbone, w *layer.Weights, method string, m peft.Mask) ([]string, *peft.Adapter) {
	t.Helper()
	a, err := peft.Prepare(n.model(nil, nil), w, peft.Options{Method: method, Mask: m})
	check(t, err)
	var names []string
	for _, p := range a.Trainable {
		if !p.Head {
			names = append(names, p.Name)
		}
	}
	return names, a
}

func TestLayerMasks(t *testing.T) {
	vit, unet := backbones[0], special[1]
	for _, c := range []struct {
		n      backbone
		method string
		mask   peft.Mask
		want   func(name string) bool
	}{
		{vit, "full", peft.Mask{Layers: []string{"attn"}}, func(n string) bool { return strings.Contains(n, ".attn.") }},
		{vit, "full", peft.Mask{Layers: []string{"blocks.1.attn", "norm?"}},
			func(n string) bool { return strings.HasPrefix(n, "blocks.1.attn.") || strings.Contains(n, ".norm") }},
		{vit, "norm", peft.Mask{Layers: []string{"blocks.[01]"}}, func(n string) bool { return strings.HasPrefix(n, "blocks.") }},
		{vit, "bitfit", peft.Mask{Blocks: []int{1}, Layers: []string{"mlp"}}, func(n string) bool { return strings.HasPrefix(n, "blocks.1.mlp.") }},
		{vit, "ssf", peft.Mask{Layers: []string{"mlp.fc1"}}, func(n string) bool { return strings.Contains(n, ".mlp.fc1.") }},
		{unet, "full", peft.Mask{Layers: []string{"down_blocks.1.attentions.0", "mid_block.attentions"}},
			func(n string) bool {
				return strings.HasPrefix(n, "down_blocks.1.attentions.0.") || strings.HasPrefix(n, "mid_block.attentions.")
			}},
	} {
		w := layer.NewWeights(1)
		all, _ := masked(t, c.n, layer.NewWeights(1), c.method, peft.Mask{})
		got, a := masked(t, c.n, w, c.method, c.mask)
		want := slices.DeleteFunc(all, func(n string) bool { return !c.want(n) })
		if d := cmp.Diff(want, got); d != "" || len(got) == 0 {
			t.Errorf("%s with %v: %s", c.method, c.mask, d)
		}
		dir := t.TempDir()
		check(t, a.Save(dir, w))
		loaded, err := peft.Load(dir, c.n.model(nil, nil), layer.NewWeights(1))
		check(t, err)
		if d := cmp.Diff(a.Mask, loaded.Mask); d != "" {
			t.Error(d)
		}
	}
}

func TestLayersThatAreNowhereAreRefused(t *testing.T) {
	for layers, want := range map[string]string{
		"atn":          `layer "atn" is nowhere in the network; did you mean "attn"?`,
		"blocks.2.mlp": `layer "blocks.2.mlp" is nowhere`,
		"fc":           `layer "fc" is nowhere`,
		"head":         `layer "head" is nowhere`,
		"zzzzzz":       `nowhere in the network; known: attn, bias, blocks, `,
	} {
		_, err := peft.Prepare(backbones[0].model(nil, nil), layer.NewWeights(1), peft.Options{Method: "full", Mask: peft.Mask{Layers: []string{"attn", layers}}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", layers, err, want)
		}
	}
}

// A mask that leaves nothing is told as such: the method itself fits the network.
func TestAMaskThatLeavesNothingNamesItsPartAndWhereTheMethodActs(t *testing.T) {
	vit, resnet := backbones[0], backbones[1]
	for _, c := range []struct {
		n      backbone
		method string
		mask   peft.Mask
		part   string
		want   string
	}{
		{vit, "norm", peft.Mask{Layers: []string{"attn"}}, "layers", "they leave nothing of where the method acts; it acts on blocks.0.norm1.weight, "},
		{vit, "lora", peft.Mask{Layers: []string{"mlp"}, Blocks: []int{1}}, "layers", "together with blocks they leave nothing of where the method acts; it acts on blocks.0.attn.qkv"},
		{resnet, "bitfit", peft.Mask{Layers: []string{"conv1"}}, "layers", "it acts on bn1.bias, "},
		{vit, "lora", peft.Mask{Blocks: []int{0, 99}}, "blocks[1]", "the network has no block 99, it has 2, numbered from 0: blocks.0 to blocks.1"},
		{vit, "linear", peft.Mask{Blocks: []int{0}}, "blocks", "which no mask reaches: leave it out"},
		{vit, "linear", peft.Mask{Layers: []string{"attn"}}, "layers", "which no mask reaches: leave it out"},
	} {
		_, err := peft.Prepare(c.n.model(nil, nil), layer.NewWeights(1), peft.Options{Method: c.method, Mask: c.mask})
		var masked *peft.MaskError
		if !errors.As(err, &masked) || errors.Is(err, peft.ErrNothingToTrain) || masked.Part != c.part || !strings.Contains(masked.Message, c.want) {
			t.Errorf("%s with %v: %v, want %q of %s", c.method, c.mask, err, c.want, c.part)
		}
	}
}

func TestBlocksOfPublishedNetworksAreCounted(t *testing.T) {
	refs, err := peft.References()
	check(t, err)
	got := map[string]string{}
	for _, r := range refs {
		list, n, err := peft.Blocks(r.Model)
		check(t, err)
		got[r.Name] = fmt.Sprint(n, " ", list)
	}
	if d := cmp.Diff(map[string]string{
		"ViT-B/16":     "12 [blocks.0 to blocks.11]",
		"ResNet-50":    "16 [layer1.0 to layer1.2 layer2.0 to layer2.3 layer3.0 to layer3.5 layer4.0 to layer4.2]",
		"SD-1.5 U-Net": "9 [down_blocks.0 to down_blocks.3 mid_block up_blocks.0 to up_blocks.3]",
		"DenseNet-121": "58 [features.denseblock1.denselayer1 to features.denseblock1.denselayer6 features.denseblock2.denselayer1 to features.denseblock2.denselayer12 " +
			"features.denseblock3.denselayer1 to features.denseblock3.denselayer24 features.denseblock4.denselayer1 to features.denseblock4.denselayer16]",
		"MobileNet-v1": "0 []",
		"CLIP-L text":  "12 [text_model.encoder.layers.0 to text_model.encoder.layers.11]",
	}, got); d != "" {
		t.Error(d)
	}
}

// Statistics of norms that a mask leaves out stay where they are, to the bit: nothing updates them, and they are no part of the difference.
func TestAMaskedMethodLeavesTheStatisticsOfOtherNormsAlone(t *testing.T) {
	for _, method := range []string{"full", "batch_norm"} {
		w := layer.NewWeights(1)
		_, a := masked(t, backbones[1], w, method, peft.Mask{Blocks: []int{1}})
		b := layer.NewBuilder(gorgonia.NewGraph(), w, a.Plan)
		backbones[1].model(nil, nil)(b)
		check(t, b.Finish())
		block := map[string]int{}
		for _, p := range a.Sites.Params {
			block[p.Name] = p.Block
		}
		stats := b.RunningStats()
		for _, s := range stats {
			if block[s.MeanName] != 1 || block[s.VarName] != 1 {
				t.Errorf("%s: %s moves", method, s.MeanName)
			}
		}
		for _, name := range a.Delta() {
			if strings.Contains(name, "running_") && block[name] != 1 {
				t.Errorf("%s: %s is part of the difference", method, name)
			}
		}
		if len(stats) == 0 {
			t.Errorf("%s: no norm of the block updates", method)
		}
	}
}
