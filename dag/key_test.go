package dag

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestCanonical(t *testing.T) {
	tests := []struct {
		name string
		in   any
		want string
	}{
		{"keys are sorted", map[string]any{"b": 1, "a": map[string]any{"z": nil, "y": true}}, `{"a":{"y":true,"z":null},"b":1}`},
		{"one number", []any{1, 1.0, int64(1), json.Number("1"), json.Number("1.0"), json.Number("1e0")}, `[1,1,1,1,1,1]`},
		{"shortest fraction", []any{0.1, json.Number("0.10"), 1e-7, 1e300}, `[0.1,0.1,1e-07,1e+300]`},
		{"minus zero", math.Copysign(0, -1), `0`},
		{"large integer keeps its digits", json.Number("9007199254740993"), `9007199254740993`},
		{"text", "a\"\\\n\tü<&>\u2028", `"a\"\\\u000a\u0009ü<&>` + "\u2028" + `"`},
		{"typed values", map[string]any{"s": []string{"x"}, "f": map[string]float64{"k": 2}, "b": float32(0.5)}, `{"b":0.5,"f":{"k":2},"s":["x"]}`},
		{"empty", map[string]any{"l": []any{}, "o": map[string]any{}}, `{"l":[],"o":{}}`},
	}
	for _, tt := range tests {
		got, err := Canonical(tt.in)
		if err != nil || string(got) != tt.want {
			t.Errorf("%s: %s, %v; want %s", tt.name, got, err, tt.want)
		}
	}
	for name, bad := range map[string]any{"NaN": math.NaN(), "infinity": math.Inf(1), "bytes": "\xff", "func": func() {}} {
		if b, err := Canonical(map[string]any{"x": bad}); err == nil {
			t.Errorf("%s gave %s", name, b)
		}
	}
}

// keyOf is the key of n, all of whose inputs are outside the store.
func keyOf(t *testing.T, root string, n *Node) string {
	t.Helper()
	r := &resolver{root: root, files: &statCache{path: filepath.Join(t.TempDir(), "stat")}, patience: time.Minute}
	res, err := r.resolve(context.Background(), n, nil)
	if err != nil {
		t.Fatal(err)
	}
	return res.key
}

// The key changes with all that a stage reads and with nothing else.
func TestKey(t *testing.T) {
	root := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	data := file("data/x.csv", "1,2")
	file("run.py", "print()")
	file("elsewhere/x.csv", "1,2")
	make := func() *Node {
		n := node("x", "command", "hello")
		n.Config["nested"] = map[string]any{"list": []any{1.0, "two"}}
		n.Inputs = []Input{{Name: "data", Path: data}}
		n.Code = []string{"run.py"}
		n.Probe = []string{"echo", "v1"}
		return n
	}
	base := keyOf(t, root, make())
	const golden = "3703dde4ea2fa1979bad1621e045fabaf3904f7e71cb510f09e6ca3e4bace466"
	tests := []struct {
		name string
		edit func(n *Node)
		same bool
	}{
		{"nothing", func(*Node) {}, true},
		{"address", func(n *Node) { n.Address, n.Stage = "y", "y" }, true},
		{"resources", func(n *Node) { n.Resources = Resources{CPUs: 8, Memory: 1 << 40, Time: time.Hour} }, true},
		{"retry and executor", func(n *Node) { n.Retry.Attempts, n.Executor = 4, "local" }, true},
		{"positions", func(n *Node) { n.Pos = map[string]Pos{"text": {File: "f", Line: 1}} }, true},
		{"kind of an output", func(n *Node) { n.Outputs[0].Kind = "other" }, true},
		{"number spelt as an integer", func(n *Node) { n.Config["nested"].(map[string]any)["list"].([]any)[0] = 1 }, true},
		{"the same file elsewhere", func(n *Node) { n.Inputs[0].Path = filepath.Join(root, "elsewhere/x.csv") }, true},
		{"type", func(n *Node) { n.Type = "other" }, false},
		{"version", func(n *Node) { n.Version++ }, false},
		{"config", func(n *Node) { n.Config["text"] = "Hello" }, false},
		{"nested config", func(n *Node) { n.Config["nested"].(map[string]any)["list"].([]any)[1] = "three" }, false},
		{"more config", func(n *Node) { n.Config["more"] = nil }, false},
		{"salt", func(n *Node) { n.Salt = "s" }, false},
		{"file of an output", func(n *Node) { n.Outputs[0].Path = "out.csv" }, false},
		{"more outputs", func(n *Node) { n.Outputs = append(n.Outputs, Output{Name: "p", Path: "p"}) }, false},
		{"name of an input", func(n *Node) { n.Inputs[0].Name = "other" }, false},
		{"name of an outside file", func(n *Node) { n.Inputs[0].Path = file("data/y.csv", "1,2") }, false},
		{"content of an outside file", func(n *Node) { n.Inputs[0].Path = file("more/x.csv", "1,3") }, false},
		{"content of the code", func(n *Node) { file("b/run.py", "print(1)"); n.Code = []string{"b/run.py"} }, false},
		{"output of the probe", func(n *Node) { n.Probe = []string{"echo", "v2"} }, false},
	}
	for _, tt := range tests {
		n := make()
		tt.edit(n)
		if got := keyOf(t, root, n); (got == base) != tt.same {
			t.Errorf("%s: the key changed: %v, want %v", tt.name, got != base, !tt.same)
		}
	}
	if base != golden {
		t.Errorf("the key is %s: if manifests changed on purpose, raise manifestSchema and set it here", base)
	}
}

func TestManifestIsSpelledAsCanonicalSpellsIt(t *testing.T) {
	m := &Manifest{
		Schema: 1, Type: "co\"py\n", Version: 3, Salt: "ä", Config: map[string]any{"b": []any{1.5, "x\\"}, "a": nil, "": true},
		Inputs:  []ManifestInput{{Name: "z", Digest: "sha256:0", As: "z.txt"}, {Name: "all", Digest: "sha256:1", As: "all", Group: true}},
		Outputs: map[string]string{"o": "o.txt", "n": "n"}, Code: map[string]string{"b.py": "sha256:2", "a.py": "sha256:3"},
		Environment: map[string]string{"sh -c \"v\"": "1"},
	}
	raw, _, err := m.canonical()
	if err != nil {
		t.Fatal(err)
	}
	members, _, err := canonicalMembers([]ManifestMember{{As: "0", Digest: "tree:0", Axes: []Axis{{"seed", 1.0}, {"method", "lo\tra"}}}, {As: "1"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, spelled := range [][]byte{raw, members} {
		v, err := decodeJSON(spelled)
		if err != nil {
			t.Fatalf("%v: %s", err, spelled)
		}
		if want, err := Canonical(v); err != nil || string(want) != string(spelled) {
			t.Errorf("%s\nwant %s, %v", spelled, want, err)
		}
	}
	m.Config["a"] = math.NaN()
	if _, key, err := m.canonical(); err == nil {
		t.Errorf("not a number has the key %s", key)
	}
}

func TestManifestReadsBack(t *testing.T) {
	n := node("x", "text", "hi")
	n.Config["rate"] = 1e-4
	r := &resolver{files: &statCache{}, patience: time.Minute}
	res, err := r.resolve(context.Background(), n, nil)
	if err != nil {
		t.Fatal(err)
	}
	m, err := decodeManifest(res.raw)
	if err != nil {
		t.Fatal(err)
	}
	if _, key, err := m.canonical(); err != nil || key != res.key {
		t.Errorf("it reads back as another one: %s, %v", key, err)
	}
	req, err := m.request(n, "/work", 3)
	if err != nil {
		t.Fatal(err)
	}
	if string(req.Config) != `{"rate":0.0001,"text":"hi"}` || req.Outputs["out"] != "/work/outputs/out.txt" || req.Threads != 3 {
		t.Errorf("request %+v", req)
	}
}

func TestStatCache(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(filepath.Join(dir, "store"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	path := filepath.Join(dir, "f")
	put := func(text string, age time.Duration) {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(-age)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	digest := func() Digest {
		d, err := s.files.digest(path)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	// Same size, same times, other bytes: within the clock's resolution only reading tells.
	put("one", 0)
	info, _ := os.Stat(path)
	first := digest()
	put("two", 0)
	os.Chtimes(path, info.ModTime(), info.ModTime())
	if digest() == first {
		t.Error("a young file was trusted")
	}
	// An old entry is trusted, and survives saving.
	e := s.files.entries[path]
	e.hashed += int64(time.Hour)
	e.hex = strings.Repeat("0", 64)
	s.files.entries[path] = e
	if err := s.files.save(s); err != nil {
		t.Fatal(err)
	}
	s.files = &statCache{path: s.files.path}
	if got := digest(); got.Hex() != e.hex {
		t.Errorf("a settled file was read again: %s", got)
	}
	put("three", time.Hour)
	if got := digest(); got.Hex() != hashBytes([]byte("three")) {
		t.Errorf("a changed file was not read: %s", got)
	}
}

func TestTreeDigest(t *testing.T) {
	digest := func(dir string) Digest {
		t.Helper()
		d, err := (&statCache{}).digest(dir)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	put := func(dir, name, text string, mode os.FileMode) {
		path := filepath.Join(dir, name)
		os.MkdirAll(filepath.Dir(path), 0o755)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	one, two := t.TempDir(), t.TempDir()
	put(one, "b/c.txt", "c", 0o644)
	put(one, "a.txt", "a", 0o644)
	put(two, "a.txt", "a", 0o600)
	put(two, "elsewhere", "c", 0o644)
	os.Mkdir(filepath.Join(two, "b"), 0o755)
	if err := os.Symlink(filepath.Join(two, "elsewhere"), filepath.Join(two, "b", "c.txt")); err != nil {
		t.Fatal(err)
	}
	without := digest(two)
	put(one, "elsewhere", "c", 0o644)
	if digest(one) != without {
		t.Error("a link and the file it leads to differ")
	}
	put(one, "a.txt", "A", 0o644)
	if digest(one) == without {
		t.Error("a change was not seen")
	}
	if err := os.Symlink(two, filepath.Join(two, "b", "loop")); err != nil {
		t.Fatal(err)
	}
	if _, err := (&statCache{}).digest(two); err == nil || !strings.Contains(err.Error(), "leads back") {
		t.Errorf("a loop: %v", err)
	}
}

// A probe that hangs is killed with all that it has started, and the failures of all inputs say where they are written.
func TestWhatCannotBeReadIsToldWithItsPlace(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := os.Symlink("nowhere", link); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		probe    []string
		path     string
		patience time.Duration
		want     string
	}{
		"hangs":     {[]string{"sh", "-c", "sleep 1000 & sleep 1000"}, "", 50 * time.Millisecond, `(p.hcl:7): it did not end in 50ms and was killed: a probe prints a version and ends`},
		"not there": {[]string{"no-such-program-of-pipe"}, "", time.Minute, `x: probe "no-such-program-of-pipe" (p.hcl:7): exec: "no-such-program-of-pipe": executable file not found in $PATH: install it, or write its path`},
		"silent":    {[]string{"false"}, "", time.Minute, `(p.hcl:7): exit status 1, and it printed nothing: run it by hand to see why`},
		"loud":      {[]string{"sh", "-c", "echo broken; exit 3"}, "", time.Minute, "(p.hcl:7): exit status 3; it printed:\nbroken"},
		"link":      {nil, link, time.Minute, "x: input in (p.hcl:9): " + link + " is a link to nowhere, which is not there: mend the link, or name what it should lead to"},
		"no file":   {nil, filepath.Join(dir, "none"), time.Minute, "none: no such file or directory: make it, or mend the path"},
	} {
		t.Run(name, func(t *testing.T) {
			n := node("x", "text", "")
			n.Probe = test.probe
			n.Pos = map[string]Pos{"": {File: "p.hcl", Line: 5}, "probe": {File: "p.hcl", Line: 7}, "in": {File: "p.hcl", Line: 9}}
			if test.path != "" {
				n.Inputs = []Input{{Name: "in", Path: test.path}}
			}
			r := &resolver{root: dir, files: &statCache{}, patience: test.patience}
			if _, err := r.resolve(t.Context(), n, nil); err == nil || !strings.HasSuffix(err.Error(), test.want) {
				t.Errorf("error %v, want %s", err, test.want)
			}
		})
	}
}
