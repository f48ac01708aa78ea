package stages

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pipe-ml/pipe/stages/artifact"
	"github.com/pipe-ml/pipe/stages/artifact/artifacttest"
	"github.com/pipe-ml/pipe/stages/fetch"
	"github.com/pipe-ml/pipe/stages/fetch/fetchtest"
)

func TestADownloadHoldsTheFilesAndSaysWhereTheyAreFrom(t *testing.T) {
	h := fetchtest.Start()
	defer h.Close()
	weights := bytes.Repeat([]byte("w"), 3<<20)
	commit := h.Push("timm/vit", map[string][]byte{"config.json": []byte("{}"), "model.safetensors": weights, "README.md": nil})
	t.Setenv("HF_ENDPOINT", h.URL+"/")
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	dir := t.TempDir()
	files, record := filepath.Join(dir, "files"), filepath.Join(dir, "record.json")
	typ, _ := Lookup(DownloadType)
	s, err := Decode(typ, []byte(`{"source":"hf://timm/vit"}`), nil, map[string]string{"files": files, "record": record})
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{}
	if err := s.Run(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(files, "model.safetensors")); err != nil || !bytes.Equal(got, weights) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	text, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	var rec fetch.Record
	if err := json.Unmarshal(text, &rec); err != nil || rec.Source != "hf://timm/vit@"+commit || len(rec.Files) != 2 {
		t.Errorf("%s, %v", text, err)
	}
	if !strings.Contains(r.lines[0], commit) || r.metrics["bytes"] != 3<<20+2 {
		t.Errorf("%q %v", r.lines, r.metrics)
	}
}

// readAll gives the files of a folder by their slash paths.
func readAll(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err == nil {
			files[filepath.ToSlash(rel)], err = os.ReadFile(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestOfADiffusionModelsRepositoryTheModelIsFetched(t *testing.T) {
	base := t.TempDir()
	if err := artifacttest.StableDiffusion(base, 1, []string{"a light image"}); err != nil {
		t.Fatal(err)
	}
	repository := readAll(t, base) // with a safety checker, and weights in other forms
	want := maps.Clone(repository)
	for _, clutter := range []string{"README.md", "feature_extractor/", "safety_checker/", ".bin", ".fp16."} {
		before := len(want)
		maps.DeleteFunc(want, func(name string, _ []byte) bool { return strings.Contains(name, clutter) })
		if len(want) == before {
			t.Errorf("the repository has no %s", clutter)
		}
	}
	h := fetchtest.Start()
	defer h.Close()
	h.Push("o/sd", repository)
	t.Setenv("HF_ENDPOINT", h.URL)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	files := filepath.Join(t.TempDir(), "files")
	mustRun(t, DownloadType, `{"source":"hf://o/sd"}`, nil, map[string]string{"files": files, "record": filepath.Join(t.TempDir(), "r.json")})
	if d := cmp.Diff(want, readAll(t, files)); d != "" {
		t.Error(d)
	}
	if _, err := artifact.ReadDiffusion(files, 0); err != nil {
		t.Error(err)
	}
}
