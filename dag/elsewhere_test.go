package dag

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

// Nothing that cannot be what an action makes gets in, whatever it is named: a record from elsewhere may be anything.
func TestRecordsFromElsewhereAreLookedAt(t *testing.T) {
	evil := []byte(`[{"name":"../../evil","digest":"sha256:` + hashBytes(nil) + `","size":0}]`)
	tests := map[string]func(r *Result){
		"another key":         func(r *Result) { r.Key = strings.Repeat("0", 64) },
		"no outputs":          func(r *Result) { r.Outputs = nil },
		"another output":      func(r *Result) { r.Outputs[0].Name = "other" },
		"another file":        func(r *Result) { r.Outputs[0].File = "../out.txt" },
		"a path as digest":    func(r *Result) { r.Outputs[0].Digest = "sha256:../../../../etc/passwd" },
		"a short digest":      func(r *Result) { r.Outputs[0].Digest = "sha256:" },
		"a file as a folder":  func(r *Result) { r.Outputs[0].Digest = Digest(treePrefix + r.Outputs[0].Digest.Hex()) },
		"a folder that leads": func(r *Result) { r.Outputs[0].Digest = Digest(treePrefix + hashBytes(evil)) },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			c := node("c", "text", "C")
			l.apply(l.machine(), c)
			path := l.server.Paths("/ac/")[0]
			var kept struct{ StdoutRaw []byte }
			var r Result
			if err := errors.Join(json.Unmarshal(l.server.Content(path), &kept), json.Unmarshal(kept.StdoutRaw, &r)); err != nil {
				t.Fatal(err)
			}
			change(&r)
			text, _ := json.Marshal(r)
			record, _ := json.Marshal(map[string]any{"stdoutRaw": text}) // it names no file
			l.server.Keep(path, record)
			l.server.Keep("/cas/"+hashBytes(evil), evil)
			l.server.Keep("/cas/"+hashBytes(nil), []byte{})
			second := l.machine()
			sum, got := l.apply(second, c)
			second.counts(sum, 1, 0, 1, 0, 0)
			if got != "C" || exists(filepath.Join(second.dir, "evil")) {
				t.Errorf("published %q", got)
			}
		})
	}
}
