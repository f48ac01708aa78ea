package token

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// The files of a vocabulary folder, in the layouts of transformers' CLIPTokenizer: the first two or the third, and the last two where
// rows are not filled with end marks.
const (
	VocabFile  = "vocab.json"
	MergesFile = "merges.txt"
	FastFile   = "tokenizer.json"
	MarksFile  = "special_tokens_map.json"
	ConfigFile = "tokenizer_config.json"
)

// Files lists them.
func Files() []string { return []string{VocabFile, MergesFile, FastFile, MarksFile, ConfigFile} }

// clipMerges is how many merges of its published list CLIP uses.
const clipMerges = 49152 - 256 - 2

// Load reads a vocabulary: a folder with the files above, or the list of merges that CLIP publishes as bpe_simple_vocab_16e6.txt.gz.
func Load(path string) (*Tokenizer, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return loadMerges(path)
	}
	var t *Tokenizer
	fast := filepath.Join(path, FastFile)
	if exists(fast) && !exists(filepath.Join(path, VocabFile)) {
		if t, err = loadFast(fast); err != nil {
			return nil, fmt.Errorf("%s: %w", fast, err)
		}
	} else if t, err = loadPair(path); err != nil {
		return nil, err
	}
	if err := t.readMarks(path); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// loadPair reads vocab.json and merges.txt.
func loadPair(dir string) (*Tokenizer, error) {
	vocab, err := os.ReadFile(filepath.Join(dir, VocabFile))
	if err != nil {
		return nil, fmt.Errorf("not a vocabulary: %w", err)
	}
	symbols, err := parseVocab(vocab)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, VocabFile), err)
	}
	f, err := os.Open(filepath.Join(dir, MergesFile))
	if err != nil {
		return nil, fmt.Errorf("not a vocabulary: %w", err)
	}
	defer f.Close()
	merges, err := parseMerges(f, len(symbols))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, MergesFile), err)
	}
	t, err := newTokenizer(symbols, merges)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return t, nil
}

func loadMerges(path string) (*Tokenizer, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	merges, err := parseMerges(r, clipMerges)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	t, err := newTokenizer(clipSymbols(merges), merges)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

// parseVocab reads a JSON object symbol -> id whose ids are 0 to n-1.
func parseVocab(text []byte) ([]string, error) {
	var ids map[string]int
	if err := json.Unmarshal(text, &ids); err != nil {
		return nil, err
	}
	symbols := make([]string, len(ids))
	seen := make([]bool, len(ids))
	for s, id := range ids {
		if id < 0 || id >= len(ids) || seen[id] {
			return nil, fmt.Errorf("%d symbols, but %q has id %d, which is out of range or used twice", len(ids), s, id)
		}
		seen[id], symbols[id] = true, s
	}
	return symbols, nil
}

// parseMerges reads at most limit pairs, one a line, after a first line that gives the version.
func parseMerges(r io.Reader, limit int) ([][2]string, error) {
	var merges [][2]string
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan() && len(merges) < limit; n++ {
		line := lines.Text()
		if n == 1 && strings.Contains(line, "#version") || line == "" {
			continue
		}
		a, b, ok := strings.Cut(line, " ")
		if !ok || a == "" || b == "" || strings.Contains(b, " ") {
			return nil, fmt.Errorf("line %d: %q is not a pair of symbols", n, line)
		}
		merges = append(merges, [2]string{a, b})
	}
	return merges, lines.Err()
}

// Save writes vocab.json, in the order of the ids, and merges.txt into dir, and the marks where rows are not filled with end marks.
func (t *Tokenizer) Save(dir string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	var vocab bytes.Buffer
	e := json.NewEncoder(&vocab)
	e.SetEscapeHTML(false)
	vocab.WriteByte('{')
	for id, s := range t.symbols {
		if id > 0 {
			vocab.WriteString(", ")
		}
		if err := e.Encode(s); err != nil {
			return err
		}
		vocab.Truncate(vocab.Len() - 1) // the encoder's newline
		fmt.Fprintf(&vocab, ": %d", id)
	}
	vocab.WriteString("}\n")
	if err := os.WriteFile(filepath.Join(dir, VocabFile), vocab.Bytes(), 0o666); err != nil {
		return err
	}
	var merges bytes.Buffer
	merges.WriteString("#version: 0.2\n")
	for _, m := range t.merges {
		fmt.Fprintf(&merges, "%s %s\n", m[0], m[1])
	}
	if err := os.WriteFile(filepath.Join(dir, MergesFile), merges.Bytes(), 0o666); err != nil {
		return err
	}
	return t.saveMarks(filepath.Join(dir, MarksFile))
}
