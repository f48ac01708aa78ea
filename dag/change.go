package dag

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// The kinds of Change.
const (
	ChangeNew         = "new"         // the address never had a result
	ChangeEngine      = "engine"      // manifests are made in another way now
	ChangeType        = "type"        // the stage type
	ChangeVersion     = "version"     // of the stage type
	ChangeConfig      = "config"      // an attribute
	ChangeInput       = "input"       // content that is read
	ChangeCode        = "code"        // a code file
	ChangeEnvironment = "environment" // what the probe printed
	ChangeOutput      = "output"      // what is declared to be made
	ChangeSalt        = "salt"
	ChangeUpstream    = "upstream" // a producer will run: what it makes is not known
	ChangeMissing     = "missing"  // the result was there once
	ChangeEvicted     = "evicted"  // a GC removed the result, to make room
	ChangeCorrupt     = "corrupt"  // the result was there with other bytes
	ChangeReplace     = "replace"  // asked for
	ChangeFailed      = "failed"   // the last attempt
)

// Change is one difference between the last result of an instance and now.
type Change struct {
	Kind     string       `json:"kind"`
	Name     string       `json:"name,omitempty"` // attribute path, input, file, output or probe
	Old      string       `json:"old,omitempty"`
	New      string       `json:"new,omitempty"`
	Pos      Pos          `json:"pos,omitzero"`
	Upstream string       `json:"upstream,omitempty"` // address of the producer of an input
	Reason   string       `json:"reason,omitempty"`   // upstream: why the producer has to run; input: why its parts cannot be told; code: what became of it
	Files    []FileChange `json:"files,omitempty"`    // of an input folder, or members of a gathered input
	Causes   []Cause      `json:"causes,omitempty"`   // upstream, input: why the producers have to run, or ran
	Log      string       `json:"log,omitempty"`      // failed: path of what the attempt said

	old, new Digest // of an input
	output   string // of the producer
	path     string // of an input from outside
	group    bool   // a gathered input
	alike    string // upstream: Reason without what is peculiar to the producer
	maybe    bool   // upstream: it may turn out that it need not run
	vague    bool   // the values are left out
}

// FileChange is a part of an input that differs.
type FileChange struct {
	Path string `json:"path"` // of a file in a folder; the axes of a member: method=lora,seed=0
	// Kind is "added", "removed", "changed", "renamed" (a member: its extension) or "moved" (in the order); of a file also
	// "executable" and "unexecutable" (the bytes are the same), and "folder" or "file", which it is now and was not; of a
	// member also "retyped" (an axis is of another type: 0 and "0") or "reordered" (its axes are).
	Kind    string `json:"kind"`
	From    string `json:"from,omitempty"`    // what it was called, if otherwise
	Address string `json:"address,omitempty"` // of the instance that makes a member
	Old     Digest `json:"old,omitempty"`     // of a member
	New     Digest `json:"new,omitempty"`     // of a member; "" if it is not known yet
}

// String is one line for people.
func (c Change) String() string {
	text := c.text()
	text += c.Pos.note()
	if c.Kind == ChangeInput && len(c.Causes) > 0 {
		text += ", since " + causeText(c.Causes, c.Upstream)
	}
	return text
}

func (c Change) text() string {
	switch c.Kind {
	case ChangeNew:
		return "never ran"
	case ChangeEngine:
		return fmt.Sprintf("this version of pipe makes its keys in another way (%s -> %s)", c.Old, c.New)
	case ChangeVersion:
		return fmt.Sprintf("version of %s: %s -> %s", c.Name, c.Old, c.New)
	case ChangeInput:
		return c.inputText()
	case ChangeCode, ChangeOutput, ChangeEnvironment:
		return c.fileText()
	case ChangeUpstream:
		return c.upstreamText()
	case ChangeMissing:
		if c.Name == manifestBlob {
			return "what changed cannot be told: the manifest of its last result was removed from the store"
		}
		return "its result was removed from the store: " + c.Name
	case ChangeEvicted:
		return strings.TrimSuffix("its result was evicted by gc at "+c.Name, " at ")
	case ChangeCorrupt:
		if c.Name == manifestBlob {
			return "what changed cannot be told: the manifest of its last result was damaged, and is in quarantine"
		}
		return "its result was damaged: " + c.Name
	case ChangeReplace:
		return "asked for by -replace"
	case ChangeFailed:
		return "the last attempt failed: " + clip(Headline(c.Old))
	}
	if c.vague {
		return c.Name + " changed"
	}
	return fmt.Sprintf("%s: %s -> %s", c.Name, absent(c.Old), absent(c.New))
}

// fileText tells of code, outputs and the probe.
func (c Change) fileText() string {
	what := c.Kind
	if c.Kind == ChangeEnvironment {
		what = "probe"
	}
	switch {
	case c.Kind == ChangeOutput && c.Old == c.New:
		return fmt.Sprintf("output %s is called %s now", c.Reason, c.Name)
	case c.Kind == ChangeEnvironment && !c.vague:
		return fmt.Sprintf("probe %s: %s -> %s", c.Name, absent(c.Old), absent(c.New))
	case c.Old == "":
		return fmt.Sprintf("%s %s is new", what, c.Name)
	case c.New == "":
		return fmt.Sprintf("%s %s is %s", what, c.Name, cmp.Or(c.Reason, "no longer declared"))
	case c.Kind == ChangeCode || c.vague:
		return fmt.Sprintf("%s %s changed", what, c.Name)
	}
	return fmt.Sprintf("%s %s: %s -> %s", what, c.Name, c.Old, c.New)
}

func (c Change) inputText() string {
	from := c.path
	if c.Upstream != "" {
		from = "other bytes from " + c.Upstream
		if c.output != "" {
			from += "." + c.output
		}
	}
	switch {
	case c.old == "":
		return fmt.Sprintf("input %s is new", c.Name)
	case c.group, c.path != "" && len(c.Files) > 0 && c.new != "":
		return fmt.Sprintf("input %s changed: %s", c.Name, cmp.Or(memberText(c.Files, c.vague), c.Reason, "what it gathers is listed in another way"))
	case c.new == "":
		return fmt.Sprintf("input %s is no longer read", c.Name)
	case c.old == c.new && c.Reason != "":
		return fmt.Sprintf("input %s is called %s now", c.Reason, c.Name)
	case c.old == c.new:
		return fmt.Sprintf("name of input %s: %s -> %s", c.Name, c.Old, c.New)
	}
	text := fmt.Sprintf("input %s changed: %s", c.Name, cmp.Or(from, "other bytes"))
	switch {
	case c.new.IsTree() && !c.old.IsTree():
		text += ", a folder now"
	case c.old.IsTree() && !c.new.IsTree():
		text += ", a file now"
	}
	return text
}

func (c Change) upstreamText() string {
	switch {
	case c.maybe && len(c.Causes) > 0:
		return fmt.Sprintf("input %s waits for %s, which may have to run since %s", c.Name, c.Upstream, causeText(c.Causes, ""))
	case c.maybe:
		return fmt.Sprintf("input %s waits for %s, which may have to run: %s", c.Name, c.Upstream, c.Reason)
	}
	return fmt.Sprintf("input %s waits for %s, which has to run: %s", c.Name, c.Upstream, c.Reason)
}

// memberText counts what happened to the members of a group or the files of a folder, and names the first of them
// if it is to name any.
func memberText(members []FileChange, count bool) string {
	byKind := map[string][]string{}
	var kinds []string
	for _, m := range members {
		kind := m.Words()
		if byKind[kind] == nil {
			kinds = append(kinds, kind)
		}
		name := m.Path
		if m.From != "" {
			name = m.From + " -> " + m.Path
		}
		byKind[kind] = append(byKind[kind], name)
	}
	var parts []string
	for _, k := range kinds {
		if count {
			parts = append(parts, fmt.Sprintf("%d %s", len(byKind[k]), k))
		} else {
			parts = append(parts, list(byKind[k], 2)+" "+k)
		}
	}
	return strings.Join(parts, "; ")
}

// absent spells a value that is not there.
func absent(s string) string {
	if s == "" {
		return "(none)"
	}
	return s
}

// Headline is the first line of a message. The clause that announces the lines below it, as in "exit status 3;
// its last lines:", is left out with them.
func Headline(message string) string {
	line, _, _ := strings.Cut(message, "\n")
	line, announces := strings.CutSuffix(strings.TrimSpace(line), ":")
	if i := strings.LastIndex(line, "; "); announces && i >= 0 {
		return line[:i]
	}
	return line
}

// compare lists what differs between an old manifest and what st is made of now; secret was secret then. Inputs that
// are not known yet are left out.
func (s *session) compare(old *Manifest, st *state, secret []string) []Change {
	n := *st.node
	n.Secret = slices.Concat(n.Secret, secret)
	changes := compareManifests(old, st.action.manifest, &n, s.compareInputs(old, st.action.manifest, &n))
	for i := range changes {
		if c := &changes[i]; c.Kind == ChangeCode && c.New == "" {
			if c.Reason = "no longer there"; exists(filepath.Join(cmp.Or(n.Root, s.root), filepath.FromSlash(c.Name))) {
				c.Reason = "no longer listed"
			}
		}
	}
	return changes
}

// compareManifests lists what differs, with what differs in the inputs in its place. n says where things are written.
func compareManifests(old, now *Manifest, n *Node, inputs []Change) []Change {
	var out []Change
	if old.Schema != now.Schema {
		out = append(out, Change{Kind: ChangeEngine, Old: fmt.Sprint(old.Schema), New: fmt.Sprint(now.Schema)})
	}
	if old.Type != now.Type {
		out = append(out, Change{Kind: ChangeType, Name: "type", Old: old.Type, New: now.Type})
	}
	if old.Version != now.Version {
		out = append(out, Change{Kind: ChangeVersion, Name: now.Type, Old: fmt.Sprint(old.Version), New: fmt.Sprint(now.Version)})
	}
	sameFiles := slices.Equal(bothKeys(old.Code, nil), bothKeys(now.Code, nil))
	compareValues("", old.Config, now.Config, func(path, was, is string) {
		if attribute, _ := cutPath(path); attribute == "code" && !sameFiles {
			return // the files are told one by one
		}
		out = append(out, n.changed(Change{Kind: ChangeConfig, Name: path, Old: was, New: is}, path))
	})
	out = append(out, inputs...)
	for _, k := range bothKeys(old.Code, now.Code) {
		if old.Code[k] != now.Code[k] {
			out = append(out, Change{Kind: ChangeCode, Name: k, Old: old.Code[k], New: now.Code[k], Pos: cmp.Or(n.at("code"), n.Pos[""])})
		}
	}
	for _, k := range bothKeys(old.Environment, now.Environment) {
		was, before := old.Environment[k]
		is, after := now.Environment[k]
		asked := spell(old.Config["probe"]) == spell(now.Config["probe"]) // else config has told that another one is asked
		if was != is && (before && after || asked) {
			was, is = contrastLines(was, is)
			c := Change{Kind: ChangeEnvironment, Name: k, Old: was, New: is, Pos: n.at("probe")}
			if n.hides("probe") {
				c.Name = hiddenValue
				c.hide()
			}
			out = append(out, c)
		}
	}
	out = append(out, compareOutputs(old.Outputs, now.Outputs, n)...)
	if old.Salt != now.Salt {
		out = append(out, n.changed(Change{Kind: ChangeSalt, Name: "salt", Old: old.Salt, New: now.Salt}, "salt"))
	}
	return out
}

// compareOutputs tells of an output that makes the same file under another name as that.
func compareOutputs(old, now map[string]string, n *Node) []Change {
	called := map[string]string{} // file -> name that it has no longer
	for name, file := range old {
		if _, ok := now[name]; !ok {
			called[file] = name
		}
	}
	renamed := map[string]bool{}
	var out []Change
	for _, k := range slices.Sorted(maps.Keys(now)) {
		c := Change{Kind: ChangeOutput, Name: k, Old: old[k], New: now[k], Pos: n.at("outputs." + k)}
		if was, ok := called[now[k]]; ok && c.Old == "" {
			renamed[was] = true
			c.Old, c.Reason = now[k], was
			out = append(out, c)
		} else if c.Old != c.New {
			out = append(out, c)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(old)) {
		if _, ok := now[k]; !ok && !renamed[k] {
			out = append(out, Change{Kind: ChangeOutput, Name: k, Old: old[k], Pos: n.at("outputs")})
		}
	}
	return out
}

func bothKeys[V any](a, b map[string]V) []string {
	keys := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(keys)
	return slices.Compact(keys)
}

// compareValues walks two JSON values and reports where they differ. A value that is absent is "".
func compareValues(path string, old, now any, report func(path, was, is string)) {
	if spell(old) == spell(now) {
		return
	}
	om, ok1 := old.(map[string]any)
	nm, ok2 := now.(map[string]any)
	if ok1 && ok2 {
		for _, k := range bothKeys(om, nm) {
			compareValues(strings.TrimPrefix(path+"."+k, "."), om[k], nm[k], report)
		}
		return
	}
	ol, ok1 := old.([]any)
	nl, ok2 := now.([]any)
	if ok1 && ok2 && len(ol) == len(nl) {
		for i := range ol {
			compareValues(fmt.Sprintf("%s[%d]", path, i), ol[i], nl[i], report)
		}
		return
	}
	was, is := contrast(readable(spell(old)), readable(spell(now)))
	report(path, was, is)
}

func spell(v any) string {
	if v == nil {
		return ""
	}
	b, err := Canonical(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

// list spells the first few of many.
func list(items []string, limit int) string {
	if len(items) <= limit {
		return strings.Join(items, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(items[:limit], ", "), len(items)-limit)
}
