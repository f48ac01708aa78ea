package stages

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
