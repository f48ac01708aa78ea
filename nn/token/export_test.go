package token

import (
	"slices"
	"strings"
)

// Decode is the inverse of Encode, which the tests hold it to: words are separated by single spaces, marks left out.
func (t *Tokenizer) Decode(ids []int32) string {
	var b []byte
	for _, id := range ids {
		if id == t.StartID() || id == t.EndID() {
			continue
		}
		symbol, ends := strings.CutSuffix(t.symbols[id], wordEnd)
		for _, r := range symbol {
			b = append(b, byte(slices.Index(byteRunes[:], r)))
		}
		if ends {
			b = append(b, ' ')
		}
	}
	return strings.TrimSuffix(string(b), " ")
}
