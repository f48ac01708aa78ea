package artifact

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/pipe-ml/pipe/nn/checkpoint"
)

// TokenRecord is one caption of a tokens folder.
type TokenRecord struct {
	ID      string `json:"id"`
	Caption string `json:"caption"`
}

// Tokens are captions as token ids. The folder also holds vocab.json and merges.txt, which package token
// writes and reads.
type Tokens struct {
	Records   []TokenRecord
	MaxLength int
	IDs       []int32 // [len(Records), MaxLength]
}

const tokensFile = "tokens.safetensors"

// Row returns the token ids of caption i.
func (t *Tokens) Row(i int) []int32 { return t.IDs[i*t.MaxLength : (i+1)*t.MaxLength] }

// Write writes ids and records into dir.
func (t *Tokens) Write(dir string) error {
	if len(t.IDs) != len(t.Records)*t.MaxLength {
		return fmt.Errorf("%d token ids for %d captions of %d", len(t.IDs), len(t.Records), t.MaxLength)
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	ids := checkpoint.FromInt32([]int{len(t.Records), t.MaxLength}, t.IDs)
	return errors.Join(
		checkpoint.Write(filepath.Join(dir, tokensFile), map[string]checkpoint.Tensor{"input_ids": ids}, nil),
		WriteLines(filepath.Join(dir, recordsFile), t.Records),
	)
}

// ReadTokens reads a tokens folder but for its vocabulary.
func ReadTokens(dir string) (*Tokens, error) {
	path := filepath.Join(dir, tokensFile)
	tensors, _, err := checkpoint.Read(path)
	if err != nil {
		return nil, fmt.Errorf("not tokens: %w", err)
	}
	ids, ok := tensors["input_ids"]
	if !ok || len(ids.Shape) != 2 {
		return nil, fmt.Errorf("%s: holds no matrix \"input_ids\"", path)
	}
	t := &Tokens{MaxLength: ids.Shape[1]}
	if t.IDs, err = ids.Int32(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if t.Records, err = ReadLines[TokenRecord](filepath.Join(dir, recordsFile)); err != nil {
		return nil, err
	}
	if len(t.Records) != ids.Shape[0] {
		return nil, fmt.Errorf("%s: %d rows for %d captions", path, ids.Shape[0], len(t.Records))
	}
	return t, nil
}
