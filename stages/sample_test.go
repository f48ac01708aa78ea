package stages

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/pipe-ml/pipe/nn/model"
	"github.com/pipe-ml/pipe/stages/artifact"
)

func TestAClassifierThatIsToDrawIsRefused(t *testing.T) {
	c, err := artifact.NewClassifier("resnet10_64", model.Options{}, []string{"a", "b"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "model")
	if err := c.Write(dir); err != nil {
		t.Fatal(err)
	}
	_, err = runStage(t, "sample", `{"prompts":["a"]}`, map[string]string{"model": dir}, map[string]string{"samples": filepath.Join(t.TempDir(), "out")})
	if err == nil || !strings.Contains(err.Error(), "model: it is a classifier; sample needs a diffusion model") || strings.Contains(err.Error(), dir) {
		t.Error(err)
	}
}
