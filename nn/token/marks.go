package token

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// mark is a token as transformers writes it: its text, or an object that has it as content.
type mark string

// UnmarshalJSON implements json.Unmarshaler.
func (m *mark) UnmarshalJSON(text []byte) error {
	if json.Unmarshal(text, (*string)(m)) == nil {
		return nil
	}
	var object struct {
		Content string `json:"content"`
	}
	err := json.Unmarshal(text, &object)
	*m = mark(object.Content)
	return err
}

// readMarks takes the pad from special_tokens_map.json, else from tokenizer_config.json: Stable Diffusion 2.x fills rows with "!",
// and its two files disagree. Neither means the end mark.
func (t *Tokenizer) readMarks(dir string) error {
	for _, file := range []string{MarksFile, ConfigFile} {
		text, err := os.ReadFile(filepath.Join(dir, file))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		marks := struct {
			Start mark `json:"bos_token"`
			End   mark `json:"eos_token"`
			Pad   mark `json:"pad_token"`
		}{Start, End, ""}
		if err := json.Unmarshal(text, &marks); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		if marks.Start != Start || marks.End != End {
			return fmt.Errorf("%s: marks %q and %q: CLIP's are %s and %s", file, marks.Start, marks.End, Start, End)
		}
		if marks.Pad == "" {
			continue
		}
		if _, ok := t.ids[string(marks.Pad)]; !ok {
			return fmt.Errorf("%s: the vocabulary lacks the pad_token %q", file, marks.Pad)
		}
		t.pad = string(marks.Pad)
		return nil
	}
	return nil
}

// saveMarks writes what readMarks reads.
func (t *Tokenizer) saveMarks(path string) error {
	if t.pad == End {
		return nil
	}
	text, err := json.MarshalIndent(map[string]string{"bos_token": Start, "eos_token": End, "pad_token": t.pad, "unk_token": End}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o666)
}
