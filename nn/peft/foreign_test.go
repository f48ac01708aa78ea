package peft_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pipe-ml/pipe/nn/peft"
)

func TestWhatIsNoAdapterIsRefusedWithWhatToGive(t *testing.T) {
	for files, want := range map[string]string{
		"nothing":                               "there is no such folder: give the folder that save_pretrained of the PEFT library wrote",
		"file":                                  "it is a file: give the folder",
		"adapter_config.json":                   "it has no adapter_model.safetensors: give the folder",
		"adapter_model.safetensors":             "it has no adapter_config.json: give the folder",
		"adapter_config.json adapter_model.bin": "so it is refused: convert it once by the line below\npython3 -c ",
	} {
		dir := t.TempDir()
		switch files {
		case "nothing":
			dir = filepath.Join(dir, "none")
		case "file":
			dir = filepath.Join(dir, "adapter.safetensors")
			check(t, os.WriteFile(dir, nil, 0o600))
		default:
			for _, name := range strings.Fields(files) {
				check(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
			}
		}
		if _, err := peft.Shapes(dir); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %v, want %q", files, err, want)
		}
	}
}
