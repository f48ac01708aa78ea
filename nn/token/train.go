package token

import (
	"fmt"
	"sort"
)

// Smallest is the size of a vocabulary without merges: the byte symbols and the marks.
const Smallest = 2*256 + 2

// Train makes a vocabulary of at most size ids from texts: the pair of neighbouring symbols that is most frequent
// becomes a merge, again and again, until the vocabulary is full or no pair occurs twice. Of equally
// frequent pairs the first in the order of their bytes is taken, so the order of the texts does not matter.
func Train(texts []string, size int) (*Tokenizer, error) {
	if size < Smallest {
		return nil, fmt.Errorf("a vocabulary of %d ids is too small: bytes and marks alone need %d", size, Smallest)
	}
	counts := map[string]int{}
	for _, text := range texts {
		for _, w := range Words(text) {
			if w != Start && w != End {
				counts[w]++
			}
		}
	}
	type word struct {
		symbols []string
		count   int
	}
	corpus := make([]word, 0, len(counts))
	for w, n := range counts { // sorted below
		corpus = append(corpus, word{spell(w), n})
	}
	sort.Slice(corpus, func(i, j int) bool { return less(corpus[i].symbols, corpus[j].symbols) })
	var merges [][2]string
	taken := map[string]bool{}
	for len(merges) < size-Smallest {
		pairs := map[[2]string]int{}
		for _, w := range corpus {
			for i := 1; i < len(w.symbols); i++ {
				pairs[[2]string{w.symbols[i-1], w.symbols[i]}] += w.count
			}
		}
		best, most := [2]string{}, 1
		for p, n := range pairs {
			// Two pairs may spell the same symbol ("a"+"bc", "ab"+"c"); a symbol has one id.
			if n > most || n == most && most > 1 && less(p[:], best[:]) {
				if !taken[p[0]+p[1]] {
					best, most = p, n
				}
			}
		}
		if most < 2 {
			break
		}
		taken[best[0]+best[1]] = true
		merges = append(merges, best)
		for i := range corpus {
			corpus[i].symbols = join(corpus[i].symbols, best)
		}
	}
	return newTokenizer(clipSymbols(merges), merges)
}

func less(a, b []string) bool {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return a[i] < b[i]
		}
	}
	return len(a) < len(b)
}
