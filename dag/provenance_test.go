package dag

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// lineage lists the addresses of a provenance with what each input goes back to.
func lineage(p *Provenance) [][]string {
	byKey := map[string]string{}
	for _, s := range p.Steps {
		byKey[s.Key] = s.Result.Address
	}
	var out [][]string
	for _, s := range p.Steps {
		line := []string{s.Result.Address}
		for _, from := range s.Result.From {
			text := from.Input + "="
			for _, k := range from.Keys {
				text += byKey[k] + "." + from.Output + " "
			}
			line = append(line, text+from.Path)
		}
		out = append(out, line)
	}
	return out
}

func TestProvenanceGoesBackToWhatWasRead(t *testing.T) {
	r := newRig(t)
	studyFiles(r)
	nodes := study(r)
	// Two with the same bytes: their reader goes back to the one that it read.
	nodes = append(nodes, node("twin[1]", "text", "same"), node("twin[2]", "text", "same"), node("reader", "concat", "", "twin[2]"))
	nodes[5].Salt = "1"
	r.apply(ApplyOptions{}, nodes...)
	file := r.write("moved/x", r.content("x"))
	p, err := r.engine.Store.Provenance(file)
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{
		{"x", "in=up.out ", "all_g=m[1].out m[2].out ", "outside=" + filepath.Join(r.dir, "data")},
		{"up"}, {"m[1]"}, {"m[2]"},
	}
	if diff := cmp.Diff(want, lineage(p)); diff != "" {
		t.Error(diff)
	}
	if n := len(p.Steps[0].Members["all_g"]); n != 2 {
		t.Errorf("%d members", n)
	}
	p, err = r.engine.Store.Provenance(r.write("r", r.content("reader")))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]string{{"reader", "in=twin[2].out "}, {"twin[2]"}}, lineage(p)); diff != "" {
		t.Error(diff)
	}
	p, err = r.engine.Store.Provenance(r.write("twin", "same"))
	if err != nil || len(p.Also) != 1 {
		t.Errorf("%+v, %v: want one other maker", p, err)
	}
	within, err := r.engine.Store.Provenance(r.write("b", "b"))
	if err != nil || within.Within != "sub/b.txt" || within.Steps[0].Result.Address != "up" {
		t.Errorf("%+v, %v: want sub/b.txt of up", within, err)
	}
}

func TestProvenanceSaysWhatIsGone(t *testing.T) {
	r := newRig(t)
	nodes := []*Node{node("a", "text", "A"), node("b", "concat", "", "a")}
	r.apply(ApplyOptions{}, nodes...)
	file := r.write("b", r.content("b"))
	var unknown *UnknownContentError
	if _, err := r.engine.Store.Provenance(r.write("c", "other")); !errors.As(err, &unknown) || unknown.Changed {
		t.Errorf("got %v", err)
	}
	last, err := r.engine.Store.LastResult("a")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(r.engine.Store.record(last.Key)); err != nil {
		t.Fatal(err)
	}
	p, err := r.engine.Store.Provenance(file)
	if err != nil || len(p.Steps) != 2 || p.Steps[1].Result != nil || p.Steps[1].Manifest == nil {
		t.Errorf("%+v, %v: want a second step without a record", p, err)
	}
}
