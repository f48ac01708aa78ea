package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/pipe-ml/pipe/dag"
)

// whyProject is a copy of the applied study in testdata/why, which a row of the table spoils.
type whyProject struct {
	*testing.T
	dir string
}

func (p *whyProject) check(errs ...error) {
	p.Helper()
	if err := errors.Join(errs...); err != nil {
		p.Fatal(err)
	}
}

func (p *whyProject) path(name string) string { return filepath.Join(p.dir, name) }

func (p *whyProject) write(name, text string) {
	p.Helper()
	p.check(os.MkdirAll(filepath.Dir(p.path(name)), 0o777), os.WriteFile(p.path(name), []byte(text), 0o666))
}

// edit replaces text in the study; it must be there once.
func (p *whyProject) edit(old, now string) {
	p.Helper()
	text, err := os.ReadFile(p.path("study.hcl"))
	p.check(err)
	if strings.Count(string(text), old) != 1 {
		p.Fatalf("study.hcl does not hold %q once", old)
	}
	p.write("study.hcl", strings.Replace(string(text), old, now, 1))
}

func (p *whyProject) remove(name string)   { p.check(os.Remove(p.path(name))) }
func (p *whyProject) rename(old, n string) { p.check(os.Rename(p.path(old), p.path(n))) }

// pipe runs a verb and gives what it wrote.
func (p *whyProject) pipe(args ...string) string {
	p.Helper()
	cmd := exec.Command("pipe", args...)
	cmd.Dir = p.dir
	out, err := cmd.CombinedOutput()
	var failed *exec.ExitError
	if err != nil && (!errors.As(err, &failed) || failed.ExitCode() != exitFailed) {
		p.Fatalf("pipe %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// inside runs a verb that starts no worker, in this process.
func (p *whyProject) inside(args ...string) string {
	p.Helper()
	var out bytes.Buffer
	if code := Main(context.Background(), args, streams{in: os.Stdin, out: &out, err: &out}); code != 0 {
		p.Fatalf("pipe %s: exit code %d\n%s", strings.Join(args, " "), code, out.String())
	}
	return out.String()
}

// lines decodes JSON lines.
func (p *whyProject) lines(text string) []map[string]any {
	p.Helper()
	var all []map[string]any
	for line := range strings.Lines(text) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			p.Fatalf("%s: %v", line, err)
		}
		all = append(all, m)
	}
	return all
}

// line finds the line of a type about an address.
func (p *whyProject) line(text, typ, address string) map[string]any {
	p.Helper()
	for _, m := range p.lines(text) {
		if m["type"] == typ && m["address"] == address {
			return m
		}
	}
	return nil
}

// result is the last result of an address.
func (p *whyProject) result(address string) *dag.Result {
	p.Helper()
	store, err := dag.Open(p.path(".pipe"))
	p.check(err)
	defer store.Close()
	r, err := store.LastResult(address)
	p.check(err)
	return r
}

func (p *whyProject) blob(d dag.Digest) string { return ".pipe/cas/" + d.Hex()[:2] + "/" + d.Hex() }
func (p *whyProject) record(address string) string {
	return ".pipe/actions/" + p.result(address).Key + ".json"
}

// spoil turns over a bit of a file.
func (p *whyProject) spoil(name string) {
	p.Helper()
	raw, err := os.ReadFile(p.path(name))
	p.check(err, os.Chmod(p.path(name), 0o666))
	raw[0] ^= 1
	p.check(os.WriteFile(p.path(name), raw, 0o666))
}

// names are digests, which the rows leave out.
var names = regexp.MustCompile(`[0-9a-f]{64}|[0-9a-f]{12}`)

func sum(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) }

// Each row of whyRows and whyUpstreamRows changes one thing. Then plan, why and the start of the action must say the same, and after the
// run why must say that the result is there and why it was made.
func TestWhyTellsWhatChanged(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/why/base.txtar")
	base := &whyProject{t, t.TempDir()}
	base.check(err, txtar.Write(archive, base.dir))
	base.pipe("apply", "study.hcl")
	for _, row := range slices.Concat(whyRows, whyUpstreamRows) {
		t.Run(row.name, func(t *testing.T) {
			p := &whyProject{t, filepath.Join(t.TempDir(), "copy")}
			p.check(exec.Command("cp", "-a", base.dir, p.dir).Run())
			t.Chdir(p.dir)
			row.edit(p)
			if row.apply != nil {
				p.pipe(append(append([]string{"apply", "study.hcl"}, row.args...), row.apply...)...)
			}
			row.test(p)
		})
	}
}

func (row whyRow) test(p *whyProject) {
	arguments := func(verb string, more ...string) []string {
		return append(append([]string{verb, "-json", "study.hcl"}, more...), row.args...)
	}
	replaces := len(row.args) > 0 && row.args[0] == "-replace" // which why does not know
	planned := p.line(p.inside(arguments("plan")...), "planned_action", row.address)
	state, reason := planned["state"], planned["reason"]
	if replaces {
		if reason != row.want[0] {
			p.Errorf("plan says %v", reason)
		}
	} else {
		if why := p.line(p.inside(arguments("why", row.address)...), "explanation", row.address); why["state"] != state || why["reason"] != reason && state != "cached" {
			p.Errorf("why says %v: %v", why["state"], why["reason"])
		}
		var told []string
		for line := range strings.Lines(p.inside(append([]string{"why", "-no-color", "study.hcl", row.address}, row.args...)...)) {
			if !strings.HasPrefix(line, "  last result: ") && !strings.HasPrefix(line, "  the reason then: ") {
				told = append(told, names.ReplaceAllString(strings.TrimSuffix(line, "\n"), "NAME"))
			}
		}
		if diff := cmp.Diff(row.want, told); diff != "" {
			p.Errorf("why (-want +got):\n%s", diff)
		}
	}
	if state == dag.StateCached {
		return
	}
	events := p.pipe(arguments("apply", "-target", row.address)...)
	want := row.started
	if want == "" && state == dag.StateRun {
		want, _ = reason.(string)
	}
	start := p.line(events, "action_start", row.address)
	got, _ := start["reason"].(string)
	if got != want {
		p.Errorf("apply started it since %q, want %q", got, want)
	}
	if start == nil || replaces || p.line(events, "action_failed", row.address) != nil {
		return
	}
	after := p.line(p.inside(arguments("why", row.address)...), "explanation", row.address)
	if after["state"] != dag.StateCached || after["ran"] != got {
		p.Errorf("afterwards why says %q, and that it ran since %q, not %q", after["state"], after["ran"], got)
	}
}
