package stages

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// WriteLists makes one path of each input that the user named (of a keyed port) and that gathers: what it gathers is
// listed in dir/NAME.jsonl, a JSON object with axes and path a line.
func WriteLists(t Type, inputs map[string]Given, dir string) error {
	schema := SchemaOf(t)
	for name, g := range inputs {
		if _, named := schema.Input(name); named || g.Members == nil {
			continue
		}
		var text bytes.Buffer
		enc := json.NewEncoder(&text)
		for _, m := range g.Members {
			line := struct {
				Axes map[string]any `json:"axes"`
				Path string         `json:"path"`
			}{m.Axes, m.Path}
			if err := enc.Encode(line); err != nil {
				return fmt.Errorf("input %s: %w", name, err)
			}
		}
		g.Path = filepath.Join(dir, name+".jsonl")
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return fmt.Errorf("input %s: %w", name, err)
		}
		if err := os.WriteFile(g.Path, text.Bytes(), 0o666); err != nil {
			return fmt.Errorf("input %s: %w", name, err)
		}
		inputs[name] = g
	}
	return nil
}
