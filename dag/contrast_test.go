package dag

import (
	"strings"
	"testing"
)

func TestContrastShowsWhereTwoValuesDiffer(t *testing.T) {
	long := strings.Repeat("x", 100)
	for _, tt := range []struct{ old, now, was, is string }{
		{"8", "16", "8", "16"},
		{"", "16", "", "16"},
		{long + "1", long + "2", "…" + long[:20] + "1", "…" + long[:20] + "2"},
		{long, long + "2", "…" + long[:20], "…" + long[:20] + "2"},
		{"a" + long, "b", "a" + long[:78] + "…", "b"},
		{"ä" + long + "é", "ä" + long + "è", "…" + long[:20] + "é", "…" + long[:20] + "è"},
	} {
		if was, is := contrast(tt.old, tt.now); was != tt.was || is != tt.is {
			t.Errorf("%q, %q: got %q, %q, want %q, %q", tt.old, tt.now, was, is, tt.was, tt.is)
		}
	}
}

func TestContrastOfLinesIsOneLine(t *testing.T) {
	for _, tt := range []struct{ old, now, was, is string }{
		{"a 1\nb 2\nc 3", "a 1\nb 3\nc 3", "b 2", "b 3"},
		{"a\nb", "a\nb\nc", "", "c"},
		{"a\nb", "b\na", "a; b", "b; a"},
		{"", "v1", "", "v1"},
	} {
		if was, is := contrastLines(tt.old, tt.now); was != tt.was || is != tt.is {
			t.Errorf("%q, %q: got %q, %q, want %q, %q", tt.old, tt.now, was, is, tt.was, tt.is)
		}
	}
}
