package model

import (
	"fmt"

	"github.com/pipe-ml/pipe/nn/layer"
)

// CLIPText is transformers' CLIPTextModel (Radford et al. 2021, arXiv:2103.00020): a causal transformer over
// byte-pair tokens, the text encoder of Stable Diffusion 1.x (CLIP's ViT-L/14: QuickGELU) and 2.x (OpenCLIP's ViT-H/14: exact GELU; published
// without its last layer, so that the end is the penultimate layer's output under the final norm). It loads its
// checkpoints by their keys; JSON keys are those of its config.json.
type CLIPText struct {
	VocabSize             int     `json:"vocab_size"`
	HiddenSize            int     `json:"hidden_size"`
	IntermediateSize      int     `json:"intermediate_size"`
	NumHiddenLayers       int     `json:"num_hidden_layers"`
	NumAttentionHeads     int     `json:"num_attention_heads"`
	MaxPositionEmbeddings int     `json:"max_position_embeddings"`
	HiddenAct             string  `json:"hidden_act"`
	LayerNormEps          float32 `json:"layer_norm_eps,omitempty"` // 0: 1e-5
	ModelType             string  `json:"model_type"`
	// What libraries read that project to text embeddings: kept for them.
	ProjectionDim int   `json:"projection_dim,omitempty"`
	EOSTokenID    int32 `json:"eos_token_id,omitempty"`
}

const clipEps = 1e-5

// clipTextKeys are the other keys that transformers writes into a CLIPTextModel's config.json. Those ignored are what it does in
// training (dropout aside), its outputs' form, and marks that the tokenizer puts.
var clipTextKeys = PublishedKeys{
	Only: map[string][]any{
		"attention_dropout": {0.}, "chunk_size_feed_forward": {0.}, "dropout": {0., nil}, "is_decoder": {false}, "is_encoder_decoder": {false},
		"add_cross_attention": {false},
	},
	Ignored: []string{
		"_name_or_path", "architectures", "bos_token_id", "dtype", "id2label", "initializer_factor", "initializer_range", "label2id",
		"output_attentions", "output_hidden_states", "pad_token_id", "problem_type", "return_dict", "torch_dtype", "transformers_version",
	},
}

// UnmarshalJSON reads transformers' config.json; keys that are missing have transformers' defaults.
func (m *CLIPText) UnmarshalJSON(text []byte) error {
	type plain CLIPText
	*m = *NewCLIPText(49408, 77, 512, 12, 8)
	m.ProjectionDim, m.EOSTokenID = 512, 49407
	return clipTextKeys.Decode("text encoder", text, (*plain)(m))
}

// NewCLIPText is a text encoder for token sequences of length from a vocabulary of vocab, width wide.
func NewCLIPText(vocab, length, width, layers, heads int) *CLIPText {
	return &CLIPText{
		VocabSize: vocab, MaxPositionEmbeddings: length, HiddenSize: width, IntermediateSize: 4 * width,
		NumHiddenLayers: layers, NumAttentionHeads: heads, HiddenAct: "quick_gelu", ModelType: "clip_text_model",
	}
}

// Validate refuses a configuration that cannot be built.
func (m *CLIPText) Validate() error {
	if m.VocabSize < 1 || m.MaxPositionEmbeddings < 1 || m.NumAttentionHeads < 1 || m.HiddenSize < 1 || m.HiddenSize%m.NumAttentionHeads != 0 ||
		m.IntermediateSize < 1 || m.NumHiddenLayers < 1 || m.LayerNormEps < 0 {
		return fmt.Errorf("text encoder: vocabulary %d, length %d, %d layers of width %d and %d with %d heads, epsilon %v", m.VocabSize,
			m.MaxPositionEmbeddings, m.NumHiddenLayers, m.HiddenSize, m.IntermediateSize, m.NumAttentionHeads, m.LayerNormEps)
	}
	if m.HiddenAct != "quick_gelu" && m.HiddenAct != "gelu" {
		return fmt.Errorf("text encoder: activation %q: only quick_gelu and gelu are supported", m.HiddenAct)
	}
	if m.ModelType != "clip_text_model" {
		return fmt.Errorf("text encoder: model_type %q: only clip_text_model is supported", m.ModelType)
	}
	return nil
}

// Build maps token ids int32 [B, N] to hidden states [B, N, D], the encoder's last_hidden_state.
func (m *CLIPText) Build(b *layer.Builder, ids *layer.Node) *layer.Node {
	d, length := m.HiddenSize, ids.Shape()[1]
	small := layer.Normal(0, .02)
	b = b.Root("text_model").Init(layer.XavierUniform, layer.Zeros)

	x := b.Embedding("embeddings.token_embedding", ids, m.VocabSize, d, layer.WithInit(small, nil)) // [B, N, D]
	positions := b.Param("embeddings.position_embedding.weight", []int{m.MaxPositionEmbeddings, d}, small)
	x = b.Add(x, b.Reshape(b.Slice(positions, 0, 0, length), 1, length, d))
	for i := range m.NumHiddenLayers {
		x = b.Block(fmt.Sprintf("encoder.layers.%d", i), x, m.block)
	}
	return b.LayerNorm("final_layer_norm", x, m.eps())
}

func (m *CLIPText) eps() float32 {
	if m.LayerNormEps == 0 {
		return clipEps
	}
	return m.LayerNormEps
}

// block is x + self_attn(layer_norm1(x)), then x + mlp(layer_norm2(x)).
func (m *CLIPText) block(b *layer.Builder, x *layer.Node) *layer.Node {
	d := m.HiddenSize
	h := b.LayerNorm("layer_norm1", x, m.eps())
	q, k, v := b.Linear("self_attn.q_proj", h, d), b.Linear("self_attn.k_proj", h, d), b.Linear("self_attn.v_proj", h, d)
	y := b.Linear("self_attn.out_proj", b.Attention("self_attn.heads", q, k, v, m.NumAttentionHeads, true), d)
	x = b.Add(x, b.Branch("self_attn", x, h, y))
	h = b.LayerNorm("layer_norm2", x, m.eps())
	y = b.Linear("mlp.fc1", h, m.IntermediateSize)
	if m.HiddenAct == "gelu" {
		y = b.GELU(y)
	} else {
		y = b.QuickGELU(y)
	}
	return b.Add(x, b.Branch("mlp", x, h, b.Linear("mlp.fc2", y, d)))
}

// NoDecay tells that embeddings are spared.
func (m *CLIPText) NoDecay(name string) bool {
	return Group{Prefixes: []string{"text_model.embeddings"}}.Has(name)
}
