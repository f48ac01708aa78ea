package model

import (
	"fmt"

	"github.com/pipe-ml/pipe/nn/layer"
)

// CLIPText is transformers' CLIPTextModel (Radford et al. 2021, arXiv:2103.00020): a causal transformer over
// byte-pair tokens, the text encoder of Stable Diffusion 1.x. It loads its checkpoints by their keys.
// The activation is QuickGELU, LayerNorm's epsilon 1e-5.
type CLIPText struct {
	VocabSize             int    `json:"vocab_size"`
	HiddenSize            int    `json:"hidden_size"`
	IntermediateSize      int    `json:"intermediate_size"`
	NumHiddenLayers       int    `json:"num_hidden_layers"`
	NumAttentionHeads     int    `json:"num_attention_heads"`
	MaxPositionEmbeddings int    `json:"max_position_embeddings"`
	HiddenAct             string `json:"hidden_act"`
	ModelType             string `json:"model_type"`
}

const clipEps = 1e-5

// NewCLIPText is a text encoder for token sequences of length from a vocabulary of vocab, width wide.
func NewCLIPText(vocab, length, width, layers, heads int) *CLIPText {
	return &CLIPText{
		VocabSize: vocab, MaxPositionEmbeddings: length, HiddenSize: width, IntermediateSize: 4 * width,
		NumHiddenLayers: layers, NumAttentionHeads: heads, HiddenAct: "quick_gelu", ModelType: "clip_text_model",
	}
}

// Validate refuses a configuration that cannot be built.
func (m *CLIPText) Validate() error {
	if m.VocabSize < 1 || m.MaxPositionEmbeddings < 1 || m.NumAttentionHeads < 1 || m.HiddenSize%m.NumAttentionHeads != 0 {
		return fmt.Errorf("text encoder: vocabulary %d, length %d, width %d with %d heads",
			m.VocabSize, m.MaxPositionEmbeddings, m.HiddenSize, m.NumAttentionHeads)
	}
	if m.HiddenAct != "quick_gelu" {
		return fmt.Errorf("text encoder: activation %q: only quick_gelu is supported", m.HiddenAct)
	}
	return nil
}

// Build maps token ids int32 [B, N] to hidden states [B, N, D], the encoder's last_hidden_state.
func (m *CLIPText) Build(b *layer.Builder, ids *layer.Node) *layer.Node {
	d, length := m.HiddenSize, ids.Shape()[1]
	small := layer.Normal(0, .02)
	b = b.Sub("text_model").Init(layer.XavierUniform, layer.Zeros)

	x := b.Embedding("embeddings.token_embedding", ids, m.VocabSize, d, layer.WithInit(small, nil)) // [B, N, D]
	positions := b.Param("embeddings.position_embedding.weight", []int{m.MaxPositionEmbeddings, d}, small)
	x = b.Add(x, b.Reshape(b.Slice(positions, 0, 0, length), 1, length, d))
	for i := range m.NumHiddenLayers {
		x = b.Block(fmt.Sprintf("encoder.layers.%d", i), x, m.block)
	}
	return b.LayerNorm("final_layer_norm", x, clipEps)
}

// block is x + self_attn(layer_norm1(x)), then x + mlp(layer_norm2(x)).
func (m *CLIPText) block(b *layer.Builder, x *layer.Node) *layer.Node {
	d := m.HiddenSize
	h := b.LayerNorm("layer_norm1", x, clipEps)
	q, k, v := b.Linear("self_attn.q_proj", h, d), b.Linear("self_attn.k_proj", h, d), b.Linear("self_attn.v_proj", h, d)
	y := b.Linear("self_attn.out_proj", b.Attention("self_attn.heads", q, k, v, m.NumAttentionHeads, true), d)
	x = b.Add(x, b.Branch("self_attn", x, h, y))
	h = b.LayerNorm("layer_norm2", x, clipEps)
	y = b.Linear("mlp.fc2", b.QuickGELU(b.Linear("mlp.fc1", h, m.IntermediateSize)), d)
	return b.Add(x, b.Branch("mlp", x, h, y))
}

// NoDecay tells that embeddings are spared.
func (m *CLIPText) NoDecay(name string) bool {
	return Group{Prefixes: []string{"text_model.embeddings"}}.Has(name)
}
