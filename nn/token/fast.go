package token

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
)

// pair is a merge in tokenizer.json: two symbols, or one string with a space between them.
type pair [2]string

// UnmarshalJSON implements json.Unmarshaler.
func (p *pair) UnmarshalJSON(text []byte) error {
	var line string
	if json.Unmarshal(text, &line) == nil {
		a, b, ok := strings.Cut(line, " ")
		if !ok {
			return fmt.Errorf("%q is not a pair of symbols", line)
		}
		*p = pair{a, b}
		return nil
	}
	return json.Unmarshal(text, (*[2]string)(p))
}

// loadFast reads a tokenizer.json (huggingface/tokenizers), in which transformers 5 writes the vocabulary instead of in vocab.json
// and merges.txt.
func loadFast(path string) (*Tokenizer, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var file struct {
		Model struct {
			Type    string          `json:"type"`
			Suffix  string          `json:"end_of_word_suffix"`
			Vocab   json.RawMessage `json:"vocab"`
			Merges  []pair          `json:"merges"`
			Dropout *float64        `json:"dropout"`
		} `json:"model"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, err
	}
	m := file.Model
	if m.Type != "BPE" || m.Suffix != wordEnd {
		return nil, fmt.Errorf("type %q with words that end in %q: only CLIP's is supported, BPE with %q", m.Type, m.Suffix, wordEnd)
	}
	if m.Dropout != nil {
		return nil, errors.New("merges that drop out are not supported")
	}
	symbols, err := parseVocab(m.Vocab)
	if err != nil {
		return nil, err
	}
	merges := make([][2]string, len(m.Merges))
	for i, p := range m.Merges {
		merges[i] = p
	}
	return newTokenizer(symbols, merges)
}
