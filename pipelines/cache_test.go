package pipelines

import (
	"testing"

	"github.com/pipe-ml/pipe/dag/remote"
	"github.com/pipe-ml/pipe/dag/slurm"
	"github.com/pipe-ml/pipe/stages"
)

func TestSettingsOfBlocksHaveSchemas(t *testing.T) {
	for name, settings := range map[string]any{"cache": remote.Config{}, "slurm": slurm.Config{}} {
		if _, err := stages.SettingsSchema(name, "doc", settings); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheCacheIsWhatItsBlockSays(t *testing.T) {
	load := func(text string) remote.Config {
		p, diags := LoadSource(Source{Files: []File{{Name: "p.hcl", Text: []byte(text)}}, Dir: t.TempDir()}, nil)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		return p.Cache
	}
	for text, want := range map[string]remote.Config{
		"":           {Push: true, TokenEnv: "PIPE_CACHE_TOKEN"},
		"cache {\n}": {Push: true, TokenEnv: "PIPE_CACHE_TOKEN"},
		"cache {\n push = false\n token_env = \"LAB\"\n url = local.u\n}\nlocals {\n u = \"http://cache\"\n}": {URL: "http://cache", TokenEnv: "LAB"},
	} {
		if got := load(text); got != want {
			t.Errorf("%q: %+v, want %+v", text, got, want)
		}
	}
}
