package token_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pipe-ml/pipe/nn/token"
)

// clipVocab is the folder with CLIP's published vocabulary, "" where the shared data is absent.
func clipVocab(t *testing.T) string {
	dir := os.Getenv("PIPE_SHARED_DATA")
	for at, _ := os.Getwd(); dir == "" && at != filepath.Dir(at); at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "shared", "data")); err == nil {
			dir = filepath.Join(at, "shared", "data")
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "clip_vocab")); dir == "" || err != nil {
		t.Log("shared/data/clip_vocab is missing: CLIP's own ids are not checked")
		return ""
	}
	return filepath.Join(dir, "clip_vocab")
}

func TestCLIPVocabularyGivesCLIPsIDs(t *testing.T) {
	dir := clipVocab(t)
	if dir == "" {
		return
	}
	for _, path := range []string{dir, filepath.Join(dir, "bpe_simple_vocab_16e6.txt.gz")} {
		tok, err := token.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		if tok.Len() != 49408 || tok.StartID() != 49406 || tok.EndID() != 49407 {
			t.Errorf("%s: %d ids, marks %d and %d", path, tok.Len(), tok.StartID(), tok.EndID())
		}
		// Ids as published in CLIP's documentation.
		for text, want := range map[string][]int32{
			"Hello   World!":           {3306, 1002, 256},
			"a photo of a cat":         {320, 1125, 539, 320, 2368},
			"a diagram":                {320, 22697},
			"a dog":                    {320, 1929},
			"":                         nil,
			"a&amp;amp; <|endoftext|>": {320, 261, 49407},
		} {
			if d := cmp.Diff(want, tok.Encode(text)); d != "" {
				t.Errorf("%q: %s", text, d)
			}
		}
		if got := tok.Row("a dog", 5); !cmp.Equal(got, []int32{49406, 320, 1929, 49407, 49407}) {
			t.Errorf("row %v", got)
		}
		if got := tok.Row("a photo of a cat", 4); !cmp.Equal(got, []int32{49406, 320, 1125, 49407}) {
			t.Errorf("cut row %v", got)
		}
	}
}

func TestCLIPVocabularyGivesTransformersIDs(t *testing.T) {
	dir := clipVocab(t)
	if dir == "" {
		return
	}
	tok, err := token.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join("testdata", "clip_ids.json"))
	if err != nil {
		t.Fatal(err)
	}
	var fixture struct {
		IDs [][2]json.RawMessage `json:"ids"`
	}
	if err := json.Unmarshal(text, &fixture); err != nil {
		t.Fatal(err)
	}
	for _, row := range fixture.IDs {
		var text string
		var want []int32
		if err := errors.Join(json.Unmarshal(row[0], &text), json.Unmarshal(row[1], &want)); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, tok.Encode(text), cmpopts.EquateEmpty()); d != "" {
			t.Errorf("%q: %s", text, d)
		}
	}
}

func TestRowsAreFilledWithTheFoldersPad(t *testing.T) {
	dir, again := t.TempDir(), t.TempDir()
	if err := trained(t, captions, 560).Save(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, token.MarksFile)); err == nil {
		t.Error("marks were written for rows that end marks fill")
	}
	marks := filepath.Join(dir, token.MarksFile)
	for text, pad := range map[string]string{
		`{"pad_token": "!"}`: "!",
		`{"bos_token": {"content": "<|startoftext|>", "lstrip": false}, "eos_token": "<|endoftext|>", "pad_token": {"content": "!"}, "unk_token": "x"}`: "!",
		`{"pad_token": "<|endoftext|>"}`: token.End,
	} {
		if err := os.WriteFile(marks, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		tok, err := token.Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		want := tok.EndID()
		if pad == "!" {
			want = 0
		}
		if row := tok.Row("", 4); !cmp.Equal(row, []int32{tok.StartID(), tok.EndID(), want, want}) || tok.PadID() != want {
			t.Errorf("%s: %v", text, row)
		}
		if err := tok.Save(again); err != nil {
			t.Fatal(err)
		}
		if back, err := token.Load(again); err != nil || back.PadID() != want && pad == "!" {
			t.Errorf("%s: the pad did not come back: %v", text, err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, token.ConfigFile), []byte(`{"pad_token": "!", "model_max_length": 77}`), 0o666); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{`{}`: true, `{"pad_token": "<|endoftext|>"}`: false} {
		if err := os.WriteFile(marks, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		if tok, err := token.Load(dir); err != nil || (tok.PadID() == 0) != want {
			t.Errorf("%s before tokenizer_config.json: %v", text, err)
		}
	}
	for _, text := range []string{`[`, `{"pad_token": "no such symbol"}`, `{"eos_token": "!"}`, `{"pad_token": 3}`} {
		if err := os.WriteFile(marks, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := token.Load(dir); err == nil || !strings.Contains(err.Error(), token.MarksFile) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestTheOneFileOfTransformers5IsTheSameVocabulary(t *testing.T) {
	dir, fast := t.TempDir(), t.TempDir()
	want := trained(t, captions, 560)
	if err := want.Save(dir); err != nil {
		t.Fatal(err)
	}
	vocab, err := os.ReadFile(filepath.Join(dir, token.VocabFile))
	if err != nil {
		t.Fatal(err)
	}
	lines, err := os.ReadFile(filepath.Join(dir, token.MergesFile))
	if err != nil {
		t.Fatal(err)
	}
	var merges []any
	for i, line := range strings.Split(strings.TrimSpace(string(lines)), "\n")[1:] {
		if i%2 == 0 { // both spellings
			merges = append(merges, line)
		} else {
			merges = append(merges, strings.Fields(line))
		}
	}
	write := func(edit func(model map[string]any)) {
		model := map[string]any{"type": "BPE", "dropout": nil, "end_of_word_suffix": "</w>", "vocab": json.RawMessage(vocab), "merges": merges}
		edit(model)
		text, err := json.Marshal(map[string]any{"version": "1.0", "model": model})
		if err == nil {
			err = os.WriteFile(filepath.Join(fast, token.FastFile), text, 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	write(func(map[string]any) {})
	if got, err := token.Load(fast); err != nil || !got.Same(want) {
		t.Errorf("another vocabulary: %v", err)
	}
	for key, value := range map[string]any{"type": "WordPiece", "end_of_word_suffix": "", "dropout": 0.1, "merges": []any{"one"}, "vocab": 3} {
		write(func(m map[string]any) { m[key] = value })
		if _, err := token.Load(fast); err == nil || !strings.Contains(err.Error(), token.FastFile) {
			t.Errorf("%s %v: %v", key, value, err)
		}
	}
}

var captions = []string{
	"Small left pleural effusion.", "large LEFT pleural effusion", "no pleural effusion, 2.5 cm nodule",
	"The patient's left lung: naïve “quotes” – 肺炎 🫁", "nodule in the left lung",
}

func trained(t *testing.T, texts []string, size int) *token.Tokenizer {
	tok, err := token.Train(texts, size)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func TestTrainedVocabularyJoinsFrequentWordsAndKeepsEveryByte(t *testing.T) {
	tok := trained(t, captions, 600)
	if got := len(tok.Encode("left pleural effusion")); got != 3 {
		t.Errorf("%d ids for three frequent words", got)
	}
	for _, text := range append(captions, "ZYX unseen \x80 \u200b words", "&lt;b&gt;") {
		want := strings.Join(token.Words(text), " ")
		if got := tok.Decode(tok.Encode(text)); got != want {
			t.Errorf("%q came back as %q, want %q", text, got, want)
		}
	}
}

func TestTrainingDoesNotDependOnTheOrderOfTexts(t *testing.T) {
	back := make([]string, len(captions))
	for i, c := range captions {
		back[len(captions)-1-i] = c
	}
	a, b := t.TempDir(), t.TempDir()
	if err := trained(t, captions, 700).Save(a); err != nil {
		t.Fatal(err)
	}
	if err := trained(t, back, 700).Save(b); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{token.VocabFile, token.MergesFile} {
		x, _ := os.ReadFile(filepath.Join(a, f))
		y, _ := os.ReadFile(filepath.Join(b, f))
		if len(x) == 0 || string(x) != string(y) {
			t.Errorf("%s differs", f)
		}
	}
}

func TestSavedVocabularyLoadsTheSame(t *testing.T) {
	dir := t.TempDir()
	tok := trained(t, captions, 560)
	if err := tok.Save(dir); err != nil {
		t.Fatal(err)
	}
	again, err := token.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range captions {
		if d := cmp.Diff(tok.Row(c, 24), again.Row(c, 24)); d != "" {
			t.Error(d)
		}
	}
}

func TestDamagedVocabulariesAreRefused(t *testing.T) {
	good := t.TempDir()
	if err := trained(t, captions, 520).Save(good); err != nil {
		t.Fatal(err)
	}
	read := func(f string) string {
		b, _ := os.ReadFile(filepath.Join(good, f))
		return string(b)
	}
	vocab, merges := read(token.VocabFile), read(token.MergesFile)
	cases := []struct{ name, vocab, merges, want string }{
		{"not JSON", "[", merges, "vocab.json"},
		{"id used twice", strings.Replace(vocab, `"\"": 1,`, `"\"": 0,`, 1), merges, "used twice"},
		{"no end mark", strings.Replace(vocab, `<|endoftext|>`, `<|end|>`, 1), merges, "lacks <|endoftext|>"},
		{"no byte", strings.Replace(vocab, `"!": 0`, `"!!!": 0`, 1), merges, "byte symbol"},
		{"merge of three", vocab, merges + "a b c\n", "not a pair"},
		{"merge without symbol", vocab, merges + "zz zz\n", "lacks"},
		{"missing", "", "", "no such file"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for f, text := range map[string]string{token.VocabFile: c.vocab, token.MergesFile: c.merges} {
				if text != "" {
					if err := os.WriteFile(filepath.Join(dir, f), []byte(text), 0o666); err != nil {
						t.Fatal(err)
					}
				}
			}
			if _, err := token.Load(dir); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	if _, err := token.Train(captions, 100); err == nil {
		t.Error("a vocabulary of 100 ids was made")
	}
}

func FuzzEncodeDecodeKeepsTheWords(f *testing.F) {
	tok, err := token.Train(captions, 600)
	if err != nil {
		f.Fatal(err)
	}
	for _, c := range captions {
		f.Add(c)
	}
	f.Fuzz(func(t *testing.T, text string) {
		want := ""
		for _, w := range token.Words(text) {
			if w != token.Start && w != token.End {
				want += " " + w
			}
		}
		if got := tok.Decode(tok.Encode(text)); got != strings.TrimPrefix(want, " ") {
			t.Errorf("%q came back as %q", text, got)
		}
	})
}
