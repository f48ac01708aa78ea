package token

import (
	"fmt"
	"html"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// The marks around every text.
const (
	Start = "<|startoftext|>"
	End   = "<|endoftext|>"
)

const wordEnd = "</w>"

// Tokenizer is a vocabulary with its merges. It may be used by several goroutines.
type Tokenizer struct {
	symbols []string         // by id
	ids     map[string]int32 // of symbols
	merges  [][2]string      // by rank
	ranks   map[[2]string]int
	pad     string // fills rows
}

// newTokenizer checks that the parts fit together.
func newTokenizer(symbols []string, merges [][2]string) (*Tokenizer, error) {
	t := &Tokenizer{symbols: symbols, merges: merges, ids: make(map[string]int32, len(symbols)),
		ranks: make(map[[2]string]int, len(merges)), pad: End}
	for id, s := range symbols {
		if first, twice := t.ids[s]; twice {
			return nil, fmt.Errorf("symbol %q has the ids %d and %d", s, first, id)
		}
		t.ids[s] = int32(id)
	}
	for _, r := range byteRunes {
		for _, s := range []string{string(r), string(r) + wordEnd} {
			if _, ok := t.ids[s]; !ok {
				return nil, fmt.Errorf("the vocabulary lacks the byte symbol %q", s)
			}
		}
	}
	for _, mark := range []string{Start, End} {
		if _, ok := t.ids[mark]; !ok {
			return nil, fmt.Errorf("the vocabulary lacks %s", mark)
		}
	}
	for rank, m := range merges {
		if _, ok := t.ids[m[0]+m[1]]; !ok {
			return nil, fmt.Errorf("merge %d makes %q, which the vocabulary lacks", rank+1, m[0]+m[1])
		}
		if _, twice := t.ranks[m]; !twice {
			t.ranks[m] = rank
		}
	}
	return t, nil
}

// Len is the number of ids.
func (t *Tokenizer) Len() int { return len(t.symbols) }

// Same tells whether t and o turn every text into the same ids.
func (t *Tokenizer) Same(o *Tokenizer) bool {
	return slices.Equal(t.symbols, o.symbols) && slices.Equal(t.merges, o.merges) && t.pad == o.pad
}

// StartID is the id of the start mark.
func (t *Tokenizer) StartID() int32 { return t.ids[Start] }

// EndID is the id of the end mark.
func (t *Tokenizer) EndID() int32 { return t.ids[End] }

// PadID is the id that fills rows: the end mark's, unless the vocabulary's folder names another.
func (t *Tokenizer) PadID() int32 { return t.ids[t.pad] }

// words is CLIP's pattern, on lower-case text whose white space is single spaces.
var words = regexp.MustCompile(`<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+`)

// Words cleans a text and cuts it into what merges never cross: HTML's escapes undone, twice as in CLIP, composed characters (NFC),
// lower case.
func Words(text string) []string {
	text = norm.NFC.String(html.UnescapeString(html.UnescapeString(text)))
	text = strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "İ", "i\u0307") // the one letter that becomes two
	return words.FindAllString(strings.ToLower(text), -1)
}

// Encode returns the ids of a text, without marks.
func (t *Tokenizer) Encode(text string) []int32 {
	var ids []int32
	for _, w := range Words(text) {
		if w == Start || w == End {
			ids = append(ids, t.ids[w])
			continue
		}
		for _, s := range t.merge(spell(w)) {
			ids = append(ids, t.ids[s])
		}
	}
	return ids
}

// Row returns length ids: the start mark, the text's ids as far as they fit, an end mark, and the pad's to the end.
// length is at least 2.
func (t *Tokenizer) Row(text string, length int) []int32 {
	row := make([]int32, length)
	row[0] = t.StartID()
	n := 1 + copy(row[1:length-1], t.Encode(text))
	row[n] = t.EndID()
	for i := n + 1; i < length; i++ {
		row[i] = t.PadID()
	}
	return row
}

// spell writes a word in byte symbols.
func spell(word string) []string {
	symbols := make([]string, len(word))
	for i := range len(word) {
		symbols[i] = string(byteRunes[word[i]])
	}
	symbols[len(symbols)-1] += wordEnd
	return symbols
}

// merge joins the pair of least rank, everywhere in the word, until no pair is left to join.
func (t *Tokenizer) merge(symbols []string) []string {
	for len(symbols) > 1 {
		best, found := 0, false
		for i := 1; i < len(symbols); i++ {
			if rank, ok := t.ranks[[2]string{symbols[i-1], symbols[i]}]; ok && (!found || rank < best) {
				best, found = rank, true
			}
		}
		if !found {
			break
		}
		symbols = join(symbols, t.merges[best])
	}
	return symbols
}

// join replaces each occurrence of a pair, from the left, in place.
func join(symbols []string, pair [2]string) []string {
	out := symbols[:0]
	for i := 0; i < len(symbols); i++ {
		if i+1 < len(symbols) && symbols[i] == pair[0] && symbols[i+1] == pair[1] {
			out = append(out, pair[0]+pair[1])
			i++
			continue
		}
		out = append(out, symbols[i])
	}
	return out
}

// byteRunes gives each byte a printable character: itself where it is one, else the next from U+0100 on.
var byteRunes = func() (runes [256]rune) {
	next := rune(256)
	for b := range 256 {
		if printable(b) {
			runes[b] = rune(b)
		} else {
			runes[b] = next
			next++
		}
	}
	return runes
}()

func printable(b int) bool { return b >= '!' && b <= '~' || b >= 0xA1 && b <= 0xAC || b >= 0xAE }

// byteSymbols are the byte symbols in CLIP's order: the printable bytes first.
func byteSymbols() []string {
	var first, then []string
	for b, r := range byteRunes {
		if printable(b) {
			first = append(first, string(r))
		} else {
			then = append(then, string(r))
		}
	}
	return append(first, then...)
}

// clipSymbols is the vocabulary of a list of merges in CLIP's order.
func clipSymbols(merges [][2]string) []string {
	symbols := byteSymbols()
	for _, s := range symbols[:256:256] {
		symbols = append(symbols, s+wordEnd)
	}
	for _, m := range merges {
		symbols = append(symbols, m[0]+m[1])
	}
	return append(symbols, Start, End)
}
