package artifacttest

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/nn/checkpoint"
	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
	"github.com/pipe-ml/pipe/nn/token"
)

// Size, Channels and Captions are what the models of StableDiffusion take: pixels a side, and tokens.
const (
	Size     = 16
	Channels = 3
	Captions = 12
)

// files are those of both versions, as huggingface-cli downloads them, with small numbers. What pipe has no use for is there too.
var files = map[string]string{
	"README.md": "---\nlicense: creativeml-openrail-m\n---\n",
	"feature_extractor/preprocessor_config.json":    `{"crop_size": 224}`,
	"safety_checker/config.json":                    `{"architectures": ["StableDiffusionSafetyChecker"]}`,
	"safety_checker/model.safetensors":              "not read",
	"unet/diffusion_pytorch_model.bin":              "not read",
	"unet/diffusion_pytorch_model.fp16.safetensors": "not read",
	"tokenizer/tokenizer_config.json": `{"add_prefix_space": false, "bos_token": {"__type": "AddedToken", "content": "<|startoftext|>"}, "do_lower_case": true,
  "model_max_length": 12, "pad_token": "<|endoftext|>", "tokenizer_class": "CLIPTokenizer"}`,
	"vae/config.json": `{"_class_name": "AutoencoderKL", "_diffusers_version": "0.6.0", "act_fn": "silu", "block_out_channels": [8, 16],
  "down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D"], "in_channels": 3, "latent_channels": 4, "layers_per_block": 1,
  "norm_num_groups": 4, "out_channels": 3, "sample_size": 16, "up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D"]}`,
}

// versions are the files that differ between Stable Diffusion 1.x and 2.x.
var versions = map[int]map[string]string{
	1: {
		"model_index.json": `{"_class_name": "StableDiffusionPipeline", "_diffusers_version": "0.6.0", "feature_extractor": ["transformers", "CLIPImageProcessor"],
  "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"], "scheduler": ["diffusers", "PNDMScheduler"],
  "text_encoder": ["transformers", "CLIPTextModel"], "tokenizer": ["transformers", "CLIPTokenizer"],
  "unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"]}`,
		"unet/config.json": `{"_class_name": "UNet2DConditionModel", "_diffusers_version": "0.6.0", "act_fn": "silu", "attention_head_dim": 2,
  "block_out_channels": [8, 16], "center_input_sample": false, "cross_attention_dim": 16, "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
  "downsample_padding": 1, "flip_sin_to_cos": true, "freq_shift": 0, "in_channels": 4, "layers_per_block": 1, "mid_block_scale_factor": 1,
  "norm_eps": 1e-05, "norm_num_groups": 4, "out_channels": 4, "sample_size": 8, "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"]}`,
		"text_encoder/config.json": `{"_name_or_path": "openai/clip-vit-large-patch14", "architectures": ["CLIPTextModel"], "attention_dropout": 0.0, "bos_token_id": 0,
  "dropout": 0.0, "eos_token_id": 2, "hidden_act": "quick_gelu", "hidden_size": 16, "initializer_factor": 1.0, "initializer_range": 0.02,
  "intermediate_size": 32, "layer_norm_eps": 1e-05, "max_position_embeddings": 12, "model_type": "clip_text_model", "num_attention_heads": 2,
  "num_hidden_layers": 2, "pad_token_id": 1, "projection_dim": 16, "torch_dtype": "float32", "transformers_version": "4.22.0.dev0", "vocab_size": 560}`,
		"tokenizer/special_tokens_map.json": `{"bos_token": {"content": "<|startoftext|>", "lstrip": false, "normalized": true}, "eos_token": {"content": "<|endoftext|>"},
  "pad_token": "<|endoftext|>", "unk_token": {"content": "<|endoftext|>"}}`,
		"scheduler/scheduler_config.json": `{"_class_name": "PNDMScheduler", "_diffusers_version": "0.6.0", "beta_end": 0.012, "beta_schedule": "scaled_linear",
  "beta_start": 0.00085, "num_train_timesteps": 1000, "set_alpha_to_one": false, "skip_prk_steps": true, "steps_offset": 1, "trained_betas": null,
  "clip_sample": false}`,
	},
	2: {
		"model_index.json": `{"_class_name": "StableDiffusionPipeline", "_diffusers_version": "0.10.0.dev0", "feature_extractor": ["transformers", "CLIPImageProcessor"],
  "requires_safety_checker": false, "safety_checker": [null, null], "scheduler": ["diffusers", "DDIMScheduler"],
  "text_encoder": ["transformers", "CLIPTextModel"], "tokenizer": ["transformers", "CLIPTokenizer"],
  "unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"]}`,
		"unet/config.json": `{"_class_name": "UNet2DConditionModel", "_diffusers_version": "0.10.0.dev0", "act_fn": "silu", "attention_head_dim": [2, 4],
  "block_out_channels": [8, 16], "center_input_sample": false, "cross_attention_dim": 16, "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
  "downsample_padding": 1, "dual_cross_attention": false, "flip_sin_to_cos": true, "freq_shift": 0, "in_channels": 4, "layers_per_block": 1,
  "mid_block_scale_factor": 1, "norm_eps": 1e-05, "norm_num_groups": 4, "num_class_embeds": null, "only_cross_attention": false, "out_channels": 4,
  "sample_size": 8, "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"], "upcast_attention": true, "use_linear_projection": true}`,
		"text_encoder/config.json": `{"_name_or_path": "hf-models/stable-diffusion-v2-768x768/text_encoder", "architectures": ["CLIPTextModel"], "attention_dropout": 0.0,
  "bos_token_id": 0, "dropout": 0.0, "eos_token_id": 2, "hidden_act": "gelu", "hidden_size": 16, "initializer_factor": 1.0, "initializer_range": 0.02,
  "intermediate_size": 32, "layer_norm_eps": 1e-05, "max_position_embeddings": 12, "model_type": "clip_text_model", "num_attention_heads": 2,
  "num_hidden_layers": 2, "pad_token_id": 1, "projection_dim": 12, "torch_dtype": "float32", "transformers_version": "4.25.0.dev0", "vocab_size": 560}`,
		"tokenizer/special_tokens_map.json": `{"bos_token": {"content": "<|startoftext|>"}, "eos_token": {"content": "<|endoftext|>"}, "pad_token": "!",
  "unk_token": {"content": "<|endoftext|>"}}`,
		"scheduler/scheduler_config.json": `{"_class_name": "DDIMScheduler", "_diffusers_version": "0.8.0", "beta_end": 0.012, "beta_schedule": "scaled_linear",
  "beta_start": 0.00085, "clip_sample": false, "num_train_timesteps": 1000, "prediction_type": "v_prediction", "set_alpha_to_one": false,
  "skip_prk_steps": true, "steps_offset": 1, "trained_betas": null}`,
	},
}

// StableDiffusion writes a small model of random weights to dir, laid out and spelled as Stable Diffusion 1.x or 2.x is
// published; version is 1 or 2. Its vocabulary is made from captions.
func StableDiffusion(dir string, version int, captions []string) error {
	all := maps.Clone(files)
	maps.Copy(all, versions[version])
	for name, text := range all {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, []byte(text), 0o666)); err != nil {
			return err
		}
	}
	t, err := token.Train(captions, 560)
	if err != nil {
		return err
	}
	if err := t.Save(filepath.Join(dir, "tokenizer")); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "tokenizer", token.MarksFile), []byte(all["tokenizer/"+token.MarksFile]), 0o666); err != nil {
		return err
	}
	var unet model.UNet
	var text model.CLIPText
	var vae model.AutoencoderKL
	return errors.Join(
		weights(dir, "unet/config.json", "diffusion_pytorch_model.safetensors", &unet, nil, func(b *layer.Builder) {
			x := b.Input("sample", tensor.Float32, 1, unet.InChannels, unet.SampleSize, unet.SampleSize)
			hidden := b.Input("text", tensor.Float32, 1, Captions, unet.CrossAttention)
			unet.Build(b, x, b.Input("time", tensor.Float32, 1, unet.BlockOutChannels[0]), hidden)
		}),
		weights(dir, "text_encoder/config.json", "model.safetensors", &text, numbered, func(b *layer.Builder) {
			text.Build(b, b.Input("input_ids", tensor.Int32, 1, Captions))
		}),
		weights(dir, "vae/config.json", "diffusion_pytorch_model.safetensors", &vae, old, func(b *layer.Builder) {
			vae.Encode(b, b.Input("images", tensor.Float32, 1, Channels, Size, Size))
			vae.Decode(b, b.Input("latents", tensor.Float32, 1, vae.LatentChannels, 1, 1))
		}),
	)
}

// weights writes the network that a config.json says, as build builds it, spelled anew.
func weights(dir, config, file string, m any, spell func(map[string]checkpoint.Tensor), build func(*layer.Builder)) error {
	text, err := os.ReadFile(filepath.Join(dir, config))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, m); err != nil {
		return err
	}
	w := layer.NewWeights(7)
	b := layer.NewBuilder(gorgonia.NewGraph(), w, nil)
	build(b)
	if err := b.Finish(); err != nil {
		return err
	}
	tensors := checkpoint.FromWeights(w, w.Names())
	if spell != nil {
		spell(tensors)
	}
	return checkpoint.Write(filepath.Join(dir, filepath.Dir(config), file), tensors, map[string]string{"format": "pt"})
}

// numbered adds the numbers of the positions, as transformers 4 did.
func numbered(tensors map[string]checkpoint.Tensor) {
	var positions []byte
	for i := range Captions {
		positions = binary.LittleEndian.AppendUint64(positions, uint64(i))
	}
	tensors["text_model.embeddings.position_ids"] = checkpoint.Tensor{DType: checkpoint.I64, Shape: []int{1, Captions}, Data: positions}
}

// old names the attention of the autoencoder as diffusers did before 0.15.
func old(tensors map[string]checkpoint.Tensor) {
	spelling := strings.NewReplacer(".to_q.", ".query.", ".to_k.", ".key.", ".to_v.", ".value.", ".to_out.0.", ".proj_attn.")
	for name, t := range tensors {
		delete(tensors, name)
		tensors[spelling.Replace(name)] = t
	}
}
