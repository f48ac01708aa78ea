package dag

import (
	"path/filepath"
	"strings"
	"testing"
)

// A link in an output is stored as what it leads to, whichever of the two is read first.
func TestLinksInOutputsAreFollowed(t *testing.T) {
	tests := []struct {
		name  string
		files map[string]string // in the folder of the outputs; the output is "out"
		want  string
	}{
		{"to a file before it", map[string]string{"out/a": "1", "out/b": "-> a"}, "a=1b=1"},
		{"to a file behind it", map[string]string{"out/a": "-> b", "out/b": "1"}, "a=1b=1"},
		{"to a folder before it", map[string]string{"out/a/x": "1", "out/b": "-> a"}, "a/x=1b/x=1"},
		{"to a folder behind it", map[string]string{"out/a": "-> b", "out/b/x": "1"}, "a/x=1b/x=1"},
		{"to a file of another folder", map[string]string{"out/a/x": "1", "out/b/y": "-> ../a/x"}, "a/x=1b/y=1"},
		{"to a link", map[string]string{"out/a": "1", "out/b": "-> a", "out/c": "-> b"}, "a=1b=1c=1"},
		{"to a file beside the output", map[string]string{"out/a": "-> ../x", "x": "1"}, "a=1"},
		{"to a folder beside the output", map[string]string{"out/a": "-> ../x", "x/y": "1"}, "a/y=1"},
		{"the output itself, to a file", map[string]string{"out": "-> x", "x": "1"}, "1"},
		{"the output itself, to a folder", map[string]string{"out": "-> x", "x/y": "1"}, "y=1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t)
			n := node("a", "links", "")
			n.Outputs[0].Path = "out"
			n.Config["files"] = tt.files
			nodes := []*Node{n, node("b", "modes", "", "a")}
			r.counts(r.apply(ApplyOptions{}, nodes...), 2, 0, 2, 0, 0)
			if got := r.content("a"); got != tt.want {
				t.Errorf("made %q, want %q", got, tt.want)
			}
			if got := r.content("b"); !strings.HasPrefix(tt.name, "the output itself") && (strings.Contains(got, "false") || got == "") {
				t.Errorf("modes %q: all were programs", got)
			}
			r.counts(r.apply(ApplyOptions{}, nodes...), 2, 2, 0, 0, 0)
		})
	}
}

func TestLinksToWhatIsOutsideAreCopied(t *testing.T) {
	r := newRig(t)
	path := r.write("data/x.txt", "mine")
	n := node("a", "links", "")
	n.Outputs[0].Path = "out"
	n.Config["files"] = map[string]string{"out/file": "-> " + path, "out/folder": "-> " + filepath.Dir(path)}
	r.counts(r.apply(ApplyOptions{}, n), 1, 0, 1, 0, 0)
	r.write("data/x.txt", "changed")
	if got := r.content("a"); got != "file=minefolder/x.txt=mine" {
		t.Errorf("made %q", got)
	}
}

func TestLinksThatCannotBeFollowedAreErrors(t *testing.T) {
	tests := []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"dangling", map[string]string{"out/sub/a": "-> ../gone", "out/b": "1"}, "output out: out/sub/a is a link to ../gone, where there is nothing: remove"},
		{"the output itself dangles", map[string]string{"out": "-> gone"}, "output out: out is a link to gone, where there is nothing: remove"},
		{"to itself", map[string]string{"out/a": "-> a"}, "output out: out/a is a link to a, which leads back"},
		{"to each other", map[string]string{"out/a": "-> b", "out/b": "-> a"}, "output out: out/a is a link to b, which leads back"},
		{"to its own folder", map[string]string{"out/a": "-> ."}, "output out: out/a is a link to ., which leads back"},
		{"to a folder above", map[string]string{"out/sub/a": "-> ../..", "out/b": "1"}, "is a link to ../.., which leads back"},
		{"to a folder that leads back", map[string]string{"out/a/x": "-> ../b", "out/b/y": "-> ../a"}, "output out: out/a/x/y is a link to ../a, which leads back"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t)
			n := node("a", "links", "")
			n.Outputs[0].Path = "out"
			n.Config["files"] = tt.files
			sum := r.apply(ApplyOptions{}, n)
			r.counts(sum, 1, 0, 0, 1, 0)
			if m := sum.Failures[0].Message; !strings.Contains(m, tt.want) || !strings.Contains(m, "remove the link") {
				t.Errorf("message %q, want %q", m, tt.want)
			}
		})
	}
}
