package checkpoint

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// shapes are the tensors' names and shapes.
func shapes(tensors map[string]Tensor) map[string][]int {
	out := map[string][]int{}
	for name, t := range tensors {
		out[name] = t.Shape
	}
	return out
}

func TestOldAutoencodersAttentionIsRenamed(t *testing.T) {
	const mid = ".mid_block.attentions.0."
	square, vector := FromFloat32([]int{2, 2}, make([]float32, 4)), FromFloat32([]int{2}, make([]float32, 2))
	conv := FromFloat32([]int{2, 2, 1, 1}, make([]float32, 4))
	got := AutoencoderKLFromDiffusers(map[string]Tensor{
		"encoder" + mid + "query.weight": square, "encoder" + mid + "key.weight": square, "encoder" + mid + "value.bias": vector,
		"decoder" + mid + "proj_attn.weight": conv, "decoder" + mid + "to_q.weight": square,
		"decoder" + mid + "group_norm.weight": vector, "quant_conv.weight": conv,
	})
	want := map[string][]int{
		"encoder" + mid + "to_q.weight": {2, 2}, "encoder" + mid + "to_k.weight": {2, 2}, "encoder" + mid + "to_v.bias": {2},
		"decoder" + mid + "to_out.0.weight": {2, 2}, "decoder" + mid + "to_q.weight": {2, 2},
		"decoder" + mid + "group_norm.weight": {2}, "quant_conv.weight": {2, 2, 1, 1},
	}
	if d := cmp.Diff(want, shapes(got)); d != "" {
		t.Error(d)
	}
	if !slices.Equal(conv.Shape, []int{2, 2, 1, 1}) {
		t.Error("the file's tensor was changed")
	}
}

func TestOldDenseLayersAreRenamed(t *testing.T) {
	x := FromFloat32([]int{1}, []float32{1})
	got := DenseNetFromTorchvision(map[string]Tensor{
		"features.denseblock1.denselayer12.norm.1.running_mean": x, "features.denseblock4.denselayer1.conv.2.weight": x,
		"features.denseblock2.denselayer3.norm1.weight": x, "features.transition1.norm.weight": x, "op_threshs": x,
	})
	want := []string{
		"features.denseblock1.denselayer12.norm1.running_mean", "features.denseblock2.denselayer3.norm1.weight",
		"features.denseblock4.denselayer1.conv2.weight", "features.transition1.norm.weight",
	}
	if d := cmp.Diff(want, slices.Sorted(maps.Keys(got))); d != "" {
		t.Error(d)
	}
}

func TestTheTextPartOfACLIPFileIsTaken(t *testing.T) {
	x := FromFloat32([]int{1}, []float32{1})
	for _, names := range [][]string{
		{"text_model.final_layer_norm.bias", "text_model.encoder.layers.0.mlp.fc1.bias", "text_model.embeddings.position_ids"},
		{"final_layer_norm.bias", "encoder.layers.0.mlp.fc1.bias"},
		{"text_model.final_layer_norm.bias", "text_model.encoder.layers.0.mlp.fc1.bias", "text_projection.weight", "vision_model.x", "visual_projection.weight", "logit_scale"},
	} {
		in := map[string]Tensor{}
		for _, n := range names {
			in[n] = x
		}
		got := slices.Sorted(maps.Keys(CLIPTextFromTransformers(in)))
		if d := cmp.Diff([]string{"text_model.encoder.layers.0.mlp.fc1.bias", "text_model.final_layer_norm.bias"}, got); d != "" {
			t.Errorf("%v: %s", names, d)
		}
	}
	if got := CLIPTextFromTransformers(map[string]Tensor{"wings": x}); len(got) != 1 {
		t.Error("a tensor of nobody's passed in silence")
	}
}
