package dag

import (
	"slices"
	"strings"
)

// longest is how many letters of a value a line shows.
const longest = 80

// clip keeps a value readable within a line.
func clip(s string) string {
	if r := []rune(s); len(r) > longest {
		return string(r[:longest-1]) + "…"
	}
	return s
}

// readable writes a spelled value with the escapes that people know.
func readable(spelled string) string { return escapes.Replace(spelled) }

var escapes = strings.NewReplacer(`\\`, `\\`, `\u000a`, `\n`, `\u0009`, `\t`, `\u000d`, `\r`)

// contrast clips two values that differ so that both show where they begin to.
func contrast(old, now string) (was, is string) {
	const context = 20 // letters before the first difference
	a, b := []rune(old), []rune(now)
	same := 0
	for same < len(a) && same < len(b) && a[same] == b[same] {
		same++
	}
	cut := same - context
	if max(len(a), len(b)) <= longest || cut <= 0 {
		return clip(old), clip(now)
	}
	return clip("…" + string(a[cut:])), clip("…" + string(b[cut:]))
}

// contrastLines gives the first line of each of two texts that the other one lacks.
func contrastLines(old, now string) (was, is string) {
	a, b := strings.Split(old, "\n"), strings.Split(now, "\n")
	lacking := func(lines, other []string) string {
		for _, l := range lines {
			if !slices.Contains(other, l) {
				return l
			}
		}
		return ""
	}
	was, is = lacking(a, b), lacking(b, a)
	if was == "" && is == "" { // the same lines in another order, or more often
		return contrast(strings.Join(a, "; "), strings.Join(b, "; "))
	}
	return contrast(was, is)
}
