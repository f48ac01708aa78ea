package stages

import (
	"image"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pipe-ml/pipe/nn/token"
	"github.com/pipe-ml/pipe/stages/artifact"
)

// captioned writes a dataset with one image for each caption; captions that begin with "test:" are in the test split.
func captioned(t *testing.T, captions ...string) string {
	t.Helper()
	dir := t.TempDir()
	var records []artifact.Record
	for i, c := range captions {
		rec := artifact.Record{ID: string(rune('a' + i)), Caption: c}
		if strings.HasPrefix(c, "test:") {
			rec.Split = artifact.Test
		}
		var err error
		if rec.File, err = artifact.WriteImage(dir, rec.ID, image.NewGray(image.Rect(0, 0, 2, 2))); err != nil {
			t.Fatal(err)
		}
		records = append(records, rec)
	}
	if err := artifact.WriteDataset(dir, artifact.DatasetInfo{Name: "captioned"}, records); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestTokenizeMakesItsVocabularyFromAllButTheTestSplit(t *testing.T) {
	data := captioned(t, "heart heart heart", "", "test: secret secret secret")
	out, r := makeOf(t, "tokenize", map[string]any{"max_length": 6}, map[string]string{"data": data}, "tokens")
	tok, err := token.Load(out)
	if err != nil {
		t.Fatal(err)
	}
	if len(tok.Encode("heart")) != 1 || len(tok.Encode("secret")) < 3 {
		t.Errorf("heart is %v, secret is %v", tok.Encode("heart"), tok.Encode("secret"))
	}
	tokens, err := artifact.ReadTokens(out)
	if err != nil {
		t.Fatal(err)
	}
	heart, end := tok.Encode("heart")[0], tok.EndID()
	for i, want := range [][]int32{{tok.StartID(), heart, heart, heart, end, end}, {tok.StartID(), end, end, end, end, end}} {
		if !slices.Equal(tokens.Row(i), want) {
			t.Errorf("row %d is %v, want %v", i, tokens.Row(i), want)
		}
	}
	if r.metrics["captions"] != 2 || r.metrics["captions_cut"] != 1 {
		t.Errorf("metrics %v", r.metrics)
	}
}

func TestTokenizeTakesAVocabularyFromAnotherStageOrFile(t *testing.T) {
	first, _ := makeOf(t, "tokenize", nil, map[string]string{"data": captioned(t, "left lung", "left lung")}, "tokens")
	second, _ := makeOf(t, "tokenize", nil, map[string]string{"data": captioned(t, "right lung", "right"), "vocab": first}, "tokens")
	a, err := token.Load(first)
	if err != nil {
		t.Fatal(err)
	}
	b, err := token.Load(second)
	if err != nil || a.Len() != b.Len() || !slices.Equal(a.Encode("lung right"), b.Encode("lung right")) {
		t.Errorf("%d and %d ids, %v", a.Len(), b.Len(), err)
	}
	absent := filepath.Join(t.TempDir(), "absent")
	if _, _, err := tryOf(t, "tokenize", nil, map[string]string{"data": captioned(t, "x"), "vocab": absent}, "tokens"); err == nil || !strings.Contains(err.Error(), "absent") {
		t.Errorf("absent vocabulary: %v", err)
	}
}
