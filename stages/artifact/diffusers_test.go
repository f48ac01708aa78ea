package artifact

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pipe-ml/pipe/accel/cpu"
	"github.com/pipe-ml/pipe/nn/checkpoint"
	"github.com/pipe-ml/pipe/nn/diffusion"
	"github.com/pipe-ml/pipe/nn/peft"
	"github.com/pipe-ml/pipe/nn/token"
	"github.com/pipe-ml/pipe/stages/artifact/artifacttest"
)

func stableDiffusion(t *testing.T, version int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "stable-diffusion")
	if err := artifacttest.StableDiffusion(dir, version, []string{"small left pleural effusion"}); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestAPublishedFolderIsADiffusionModel(t *testing.T) {
	for version, pad := range map[int]int32{1: 559, 2: 0} {
		dir := stableDiffusion(t, version)
		d, err := ReadDiffusion(dir, 0)
		if err != nil {
			t.Fatal(err)
		}
		m := d.Model
		if d.Info.Size != artifacttest.Size || d.Info.Channels != artifacttest.Channels || d.Info.Captions != artifacttest.Captions {
			t.Errorf("version %d takes %+v", version, d.Info)
		}
		tok, err := token.Load(d.Tokenizer)
		if err != nil {
			t.Fatal(err)
		}
		if pad != 0 {
			pad = tok.EndID()
		}
		if len(m.Empty) != artifacttest.Captions || m.Empty[1] != tok.EndID() || m.Empty[2] != pad || tok.PadID() != pad {
			t.Errorf("version %d: the empty caption is %v", version, m.Empty)
		}
		if want := map[int]string{1: "epsilon", 2: "v_prediction"}[version]; m.Schedule.Config.PredictionType != want || m.Schedule.Config.ClipSample {
			t.Errorf("version %d: schedule %+v", version, m.Schedule.Config)
		}
		if m.UNet.LinearProjection != (version == 2) || m.UNet.Heads.At(1) != 2*version {
			t.Errorf("version %d: %+v", version, m.UNet)
		}
		unet, _, err := checkpoint.Read(filepath.Join(dir, unetDir, unetWeights))
		if err != nil {
			t.Fatal(err)
		}
		vae, _, err := checkpoint.Read(filepath.Join(dir, codecDir, unetWeights))
		if err != nil {
			t.Fatal(err)
		}
		codec, ok := m.Codec.(*diffusion.Autoencoder)
		if !ok {
			t.Fatalf("the codec is a %T", m.Codec)
		}
		for _, c := range []struct {
			tensor checkpoint.Tensor
			got    []float32
		}{
			{unet["mid_block.attentions.0.proj_in.weight"], m.Weights.Data("mid_block.attentions.0.proj_in.weight")},
			{vae["decoder.mid_block.attentions.0.query.weight"], codec.Weights.Data("decoder.mid_block.attentions.0.to_q.weight")},
		} {
			if want, err := c.tensor.Float32(); err != nil || !slices.Equal(want, c.got) || len(want) == 0 {
				t.Errorf("version %d: weights are not the file's: %v", version, err)
			}
		}
	}
}

func TestAPublishedFolderIsFineTunedWithTheFilesThatWereReadForItsBase(t *testing.T) {
	dir, tuned := stableDiffusion(t, 1), filepath.Join(t.TempDir(), "tuned")
	d, err := ReadDiffusion(dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	if d.Adapter, err = peft.Prepare(d.Model.Denoiser, d.Model.Weights, peft.Options{Method: "lora"}); err != nil {
		t.Fatal(err)
	}
	perturb(d.Adapter, d.Model.Weights.Data)
	if err := d.WriteFineTuned(tuned); err != nil {
		t.Fatal(err)
	}
	var base []string
	err = filepath.WalkDir(filepath.Join(tuned, baseDir), func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			rel, _ := filepath.Rel(filepath.Join(tuned, baseDir), path)
			base = append(base, filepath.ToSlash(rel))
			same(t, path, filepath.Join(dir, rel))
		}
		return err
	})
	want := []string{
		"model_index.json", "scheduler/scheduler_config.json", "text_encoder/config.json", "text_encoder/model.safetensors",
		"tokenizer/merges.txt", "tokenizer/special_tokens_map.json", "tokenizer/tokenizer_config.json", "tokenizer/vocab.json", "unet/config.json",
		"unet/diffusion_pytorch_model.safetensors", "vae/config.json", "vae/diffusion_pytorch_model.safetensors",
	}
	if diff := cmp.Diff(want, base); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	again, err := ReadDiffusion(tuned, 0)
	if err != nil {
		t.Fatal(err)
	}
	captions := [][]int32{again.Model.Empty}
	a, errA := d.Model.Predict(t.Context(), cpu.New(1), d.Model.Weights, d.Adapter.Plan, captions)
	b, errB := again.Model.Predict(t.Context(), cpu.New(1), again.Model.Weights, again.Model.Plan, captions)
	frozen, errC := again.Model.Predict(t.Context(), cpu.New(1), again.Model.Weights, nil, captions)
	if err := errors.Join(errA, errB, errC); err != nil || !slices.Equal(a, b) || slices.Equal(a, frozen) {
		t.Errorf("the fine-tuned model came back as another: %v", err)
	}
}

func TestPublishedFoldersThatAreNotFollowedAreRefused(t *testing.T) {
	for _, c := range []struct{ file, old, new, want string }{
		{"model_index.json", "StableDiffusionPipeline", "StableDiffusionXLPipeline", "StableDiffusionXLPipeline"},
		{"model_index.json", `"CLIPTextModel"`, `"T5EncoderModel"`, "text_encoder is of [transformers T5EncoderModel]"},
		{"unet/config.json", `"in_channels": 4`, `"in_channels": 9`, "u-net's 9"},
		{"unet/config.json", `"freq_shift": 0`, `"freq_shift": 1`, "freq_shift = 1"},
		{"unet/config.json", `"cross_attention_dim": 16`, `"cross_attention_dim": 32`, "attends to 32"},
		{"unet/config.json", `"norm_num_groups": 4`, `"norm_num_groups": 4, "wings": 2`, "wings"},
		{"vae/config.json", `"latent_channels": 4`, `"latent_channels": 8`, "of wrong shape"},
		{"vae/config.json", `"layers_per_block": 1`, `"layers_per_block": 2`, "missing"},
		{"text_encoder/config.json", `"num_hidden_layers": 2`, `"num_hidden_layers": 1`, "unexpected"},
		{"text_encoder/config.json", `"vocab_size": 560`, `"vocab_size": 500`, "the text encoder knows 500"},
		{"scheduler/scheduler_config.json", `"trained_betas": null`, `"trained_betas": [0.1]`, "trained_betas"},
		{"scheduler/scheduler_config.json", `"scaled_linear"`, `"cubic"`, "cubic"},
		{"tokenizer/vocab.json", "{", "[", "vocab.json"},
	} {
		dir := stableDiffusion(t, 1)
		path := filepath.Join(dir, c.file)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		edited := strings.Replace(string(text), c.old, c.new, 1)
		if edited == string(text) {
			t.Fatalf("%s holds no %s", c.file, c.old)
		}
		if err := os.WriteFile(path, []byte(edited), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadDiffusion(dir, 0); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s with %s: %v, want %q", c.file, c.new, err, c.want)
		}
	}
	dir := stableDiffusion(t, 1)
	if err := os.Remove(filepath.Join(dir, unetDir, unetWeights)); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, unetDir, "diffusion_pytorch_model.fp16.safetensors")); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadDiffusion(dir, 0); err == nil || !strings.Contains(err.Error(), "python3 -c") {
		t.Errorf("a pickle alone: %v", err)
	}
}

func TestSchedulesOfEveryPublishedSolverAreRead(t *testing.T) {
	for _, config := range []string{
		`{"_class_name": "PNDMScheduler", "beta_end": 0.012, "beta_schedule": "scaled_linear", "beta_start": 0.00085, "num_train_timesteps": 1000,
			"set_alpha_to_one": false, "skip_prk_steps": true, "steps_offset": 1, "trained_betas": null, "clip_sample": false}`,
		`{"_class_name": "DPMSolverMultistepScheduler", "algorithm_type": "dpmsolver++", "beta_end": 0.012, "beta_schedule": "scaled_linear",
			"beta_start": 0.00085, "dynamic_thresholding_ratio": 0.995, "euler_at_final": false, "final_sigmas_type": "zero", "flow_shift": 1.0,
			"lambda_min_clipped": -Infinity, "lower_order_final": true, "num_train_timesteps": 1000, "prediction_type": "epsilon",
			"rescale_betas_zero_snr": false, "sample_max_value": 1.0, "solver_order": 2, "solver_type": "midpoint", "steps_offset": 0,
			"thresholding": false, "time_shift_type": "exponential", "timestep_spacing": "linspace", "trained_betas": null, "use_beta_sigmas": false,
			"use_dynamic_shifting": false, "use_exponential_sigmas": false, "use_flow_sigmas": false, "use_karras_sigmas": true,
			"use_lu_lambdas": false, "variance_type": null}`,
	} {
		dir := stableDiffusion(t, 1)
		if err := os.WriteFile(filepath.Join(dir, "scheduler", "scheduler_config.json"), []byte(config), 0o666); err != nil {
			t.Fatal(err)
		}
		d, err := ReadDiffusion(dir, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range diffusion.Schedulers() {
			if _, err := diffusion.NewSolver(d.Model.Schedule, diffusion.SolverOptions{Scheduler: name, Steps: 9}); err != nil {
				t.Error(err)
			}
		}
	}
}
