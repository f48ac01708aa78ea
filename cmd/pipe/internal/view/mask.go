package view

import (
	"io"
	"sort"
	"strings"
)

// Mask hides sensitive values in all that a view writes, as continuous integration services do. A value is
// hidden wherever its text appears, so very short ones, which would hide half of everything, are not. Only
// the values of this run are known; former ones, numbers and short ones are hidden where an attribute is shown, by its
// path (dag.Node.Secret).
type Mask struct {
	replacer *strings.Replacer
}

// shortest is the least length of a text that is hidden.
const shortest = 4

// hidden stands where a sensitive value was.
const hidden = "(sensitive)"

// Hide adds texts to be hidden.
func (m *Mask) Hide(texts []string) {
	var pairs []string
	longestFirst := append([]string(nil), texts...)
	sort.Slice(longestFirst, func(i, j int) bool { return len(longestFirst[i]) > len(longestFirst[j]) })
	for _, text := range longestFirst {
		if len(text) < shortest {
			continue
		}
		// As it is, as it stands in a JSON line, and as in a JSON line that quotes JSON. The most escaped form
		// comes first: the others may be parts of it.
		once := escape(text)
		for _, form := range []string{escape(once), once, text} {
			pairs = append(pairs, form, hidden)
		}
	}
	m.replacer = strings.NewReplacer(pairs...)
}

// escape writes a text as within the quotes of a JSON string.
func escape(text string) string {
	quoted := jsonText(text)
	return quoted[1 : len(quoted)-1]
}

// Hides says whether a text holds a sensitive value.
func (m *Mask) Hides(s string) bool { return m.text(s) != s }

// text hides in a text.
func (m *Mask) text(s string) string {
	if m == nil || m.replacer == nil {
		return s
	}
	return m.replacer.Replace(s)
}

// writer hides in what is written to w. A value must not be split over two writes; views write whole lines.
func (m *Mask) writer(w io.Writer) io.Writer { return maskedWriter{m, w} }

type maskedWriter struct {
	mask *Mask
	w    io.Writer
}

func (m maskedWriter) Write(b []byte) (int, error) {
	if _, err := io.WriteString(m.w, m.mask.text(string(b))); err != nil {
		return 0, err
	}
	return len(b), nil
}
