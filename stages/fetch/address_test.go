package fetch

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAddresses(t *testing.T) {
	pin := strings.Repeat("a1", 20)
	for text, want := range map[string]Address{
		"hf://timm/vit_base_patch16_224.augreg_in21k_ft_in1k": {Repo: "timm/vit_base_patch16_224.augreg_in21k_ft_in1k", Revision: "main"},
		"hf://o/n@" + pin + "/unet/config.json":               {Repo: "o/n", Revision: pin, Path: "unet/config.json"},
		"hf://o/n@refs%2Fpr%2F1/unet/":                        {Repo: "o/n", Revision: "refs/pr/1", Path: "unet"},
		"https://h.org/a/b.safetensors?q=1":                   {URL: "https://h.org/a/b.safetensors?q=1"},
	} {
		got, err := Parse(text)
		want.text = text
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
		if got.Pinned() != (got.URL != "" || got.Revision == pin) {
			t.Errorf("%s: pinned %v", text, got.Pinned())
		}
	}
	for text, want := range map[string]string{
		"timm/vit": "no address", "s3://a/b": "no address", "hf://timm": "names no repository", "hf://datasets/o/n": "none of the Hub's models", "hf://a b/c": "is no repository",
		"hf://a/b@": "is no revision", "hf://a/b@x y": "is no revision", "hf://a/b/../c": "is no path", "hf://a/b//c": "is no path",
		"https://h.org/": "no address of a file", "https://u:p@h.org/a": "no address of a file", "http://h.org/a": "no address",
	} {
		if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestOfARepositoryWhatMakesANetworkIsChosen(t *testing.T) {
	for name, c := range map[string]struct {
		files, path string
		patterns    []string
		want        string // names, or a part of the error
	}{
		"timm": {files: "README.md config.json model.safetensors pytorch_model.bin open_clip_model.safetensors", want: "config.json model.safetensors"},
		"shards": {files: "config.json model-1-of-2.safetensors model-2-of-2.safetensors model.safetensors.index.json other.safetensors pytorch_model.bin.index.json",
			want: "config.json model-1-of-2.safetensors model-2-of-2.safetensors model.safetensors.index.json"},
		"diffusers": {files: "model_index.json v1-5-pruned.safetensors v1-5-pruned.ckpt unet/config.json unet/diffusion_pytorch_model.safetensors " +
			"unet/diffusion_pytorch_model.fp16.safetensors unet/diffusion_pytorch_model.bin safety_checker/model.safetensors tokenizer/merges.txt tokenizer/vocab.json",
			want: "model_index.json unet/config.json unet/diffusion_pytorch_model.safetensors tokenizer/merges.txt tokenizer/vocab.json"},
		"folder":        {files: "a.json unet/config.json unet/x.safetensors unetx/y.json", path: "unet", want: "config.json x.safetensors"},
		"file":          {files: "a.json unet/config.json", path: "unet/config.json", want: "config.json"},
		"tokenizer":     {files: "tokenizer/merges.txt tokenizer/vocab.json x.bin", path: "tokenizer", want: "merges.txt vocab.json"},
		"patterns":      {files: "a.json b/c.safetensors b/d.png", patterns: []string{"*.png", "b/*.safetensors"}, want: "b/c.safetensors b/d.png"},
		"pickles":       {files: "config.json pytorch_model.bin", want: "convert it once"},
		"wanted pickle": {files: "a.safetensors b.pt", patterns: []string{"*"}, want: "convert it once"},
		"nothing":       {files: "a.png", want: "it holds a.png"},
		"one file":      {files: "a.json", path: "a.json", patterns: []string{"*.json"}, want: "this is one file: leave it out"},
		"malformed":     {files: "a.json", patterns: []string{"*.json", "[a"}, want: `"[a" is no pattern`},
		"no such":       {files: "a.png", path: "b", want: "there is no b in it"},
	} {
		var all []file
		for f := range strings.FieldsSeq(c.files) {
			all = append(all, file{Path: f})
		}
		chosen, err := choose(all, Address{Repo: "o/n", Path: c.path}, c.patterns)
		if err != nil {
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		var names []string
		for _, f := range chosen {
			names = append(names, f.Path)
		}
		if d := cmp.Diff(c.want, strings.Join(names, " ")); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("hf://timm/vit@main/unet/config.json")
	f.Add("https://h.org/a?b")
	f.Add("hf://a/b@refs%2F..%2F/../x")
	f.Fuzz(func(t *testing.T, text string) {
		a, err := Parse(text)
		if err != nil {
			return
		}
		if a.Repo == "" == (a.URL == "") {
			t.Fatalf("%q: %+v", text, a)
		}
		if a.Path != "" && !local(a.Path) {
			t.Fatalf("%q leads out of the repository", text)
		}
	})
}
