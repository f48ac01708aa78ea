package dag

import (
	"cmp"
	"fmt"
	"maps"
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
	Reason   string       `json:"reason,omitempty"`   // upstream: why the producer has to run; input: why its parts cannot be told
	Files    []FileChange `json:"files,omitempty"`    // of an input folder, or members of a gathered input

	old, new Digest // of an input
	path     string // of an input from outside
	group    bool   // a gathered input
	maybe    bool   // upstream: it may turn out that it need not run
}

// FileChange is a part of an input that differs.
type FileChange struct {
	Path    string `json:"path"`              // of a file in a folder; the axes of a member: method=lora,seed=0
	Kind    string `json:"kind"`              // "added", "removed", "changed", "renamed" (its extension) or "moved" (in the order)
	Address string `json:"address,omitempty"` // of the instance that makes a member
	Old     Digest `json:"old,omitempty"`     // of a member
	New     Digest `json:"new,omitempty"`     // of a member; "" if it is not known yet
}

// String is one line for people.
func (c Change) String() string {
	text := c.text()
	if c.Pos.File != "" {
		text += fmt.Sprintf(" (%s:%d)", c.Pos.File, c.Pos.Line)
	}
	return text
}

func (c Change) text() string {
	switch c.Kind {
	case ChangeNew:
		return "never ran"
	case ChangeEngine:
		return "this version of pipe makes its keys in another way"
	case ChangeVersion:
		return fmt.Sprintf("version of %s: %s -> %s", c.Name, c.Old, c.New)
	case ChangeInput:
		return c.inputText()
	case ChangeCode, ChangeOutput, ChangeEnvironment:
		switch {
		case c.Old == "":
			return fmt.Sprintf("%s %s is new", c.Kind, c.Name)
		case c.New == "":
			return fmt.Sprintf("%s %s is no longer there", c.Kind, c.Name)
		case c.Kind == ChangeCode:
			return fmt.Sprintf("code %s changed", c.Name)
		}
		return fmt.Sprintf("%s %s: %s -> %s", c.Kind, c.Name, c.Old, c.New)
	case ChangeUpstream:
		has := "has"
		if c.maybe {
			has = "may have"
		}
		return fmt.Sprintf("input %s waits for %s, which %s to run: %s", c.Name, c.Upstream, has, c.Reason)
	case ChangeMissing:
		return "its result was removed from the store: " + c.Name
	case ChangeCorrupt:
		return "its result was damaged: " + c.Name
	case ChangeReplace:
		return "asked for by -replace"
	case ChangeFailed:
		return "the last attempt failed: " + clip(Headline(c.Old))
	}
	return fmt.Sprintf("%s: %s -> %s", c.Name, absent(c.Old), absent(c.New))
}

func (c Change) inputText() string {
	from := c.path
	if c.Upstream != "" {
		from = c.Upstream + " gave other bytes"
	}
	switch {
	case c.old == "":
		return fmt.Sprintf("input %s is new", c.Name)
	case c.group:
		return fmt.Sprintf("input %s changed: %s", c.Name, cmp.Or(memberText(c.Files), c.Reason))
	case c.new == "":
		return fmt.Sprintf("input %s is no longer read", c.Name)
	case c.old == c.new:
		return fmt.Sprintf("input %s: %s -> %s", c.Name, c.Old, c.New)
	}
	return fmt.Sprintf("input %s changed: %s", c.Name, from)
}

// memberText counts what happened to the members of a group, and names them if they are few.
func memberText(members []FileChange) string {
	byKind := map[string][]string{}
	var kinds []string
	for _, m := range members {
		if byKind[m.Kind] == nil {
			kinds = append(kinds, m.Kind)
		}
		byKind[m.Kind] = append(byKind[m.Kind], m.Path)
	}
	var parts []string
	for _, k := range kinds {
		parts = append(parts, list(byKind[k], 2)+" "+k)
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

// clip keeps a value readable within a line.
func clip(s string) string {
	const limit = 80
	if r := []rune(s); len(r) > limit {
		return string(r[:limit-1]) + "…"
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

// compare lists what differs between an old manifest and what st is made of now. Inputs that are not known yet
// are left out.
func (s *session) compare(old *Manifest, st *state) []Change {
	now, n := st.action.manifest, st.node
	var out []Change
	if old.Schema != now.Schema {
		out = append(out, Change{Kind: ChangeEngine})
	}
	if old.Type != now.Type {
		out = append(out, Change{Kind: ChangeType, Name: "type", Old: old.Type, New: now.Type})
	}
	if old.Version != now.Version {
		out = append(out, Change{Kind: ChangeVersion, Name: now.Type, Old: fmt.Sprint(old.Version), New: fmt.Sprint(now.Version)})
	}
	compareValues("", old.Config, now.Config, func(path, was, is string) {
		attribute, _, _ := strings.Cut(strings.ReplaceAll(path, "[", "."), ".")
		out = append(out, Change{Kind: ChangeConfig, Name: path, Old: was, New: is, Pos: n.Pos[attribute]})
	})
	out = append(out, s.compareInputs(old, now, n)...)
	out = append(out, compareMaps(ChangeCode, old.Code, now.Code, n.Pos["code"])...)
	out = append(out, compareMaps(ChangeEnvironment, old.Environment, now.Environment, n.Pos["probe"])...)
	out = append(out, compareMaps(ChangeOutput, old.Outputs, now.Outputs, n.Pos["outputs"])...)
	if old.Salt != now.Salt {
		out = append(out, Change{Kind: ChangeSalt, Name: "salt", Old: old.Salt, New: now.Salt, Pos: n.Pos["salt"]})
	}
	return out
}

func compareMaps(kind string, old, now map[string]string, pos Pos) []Change {
	var out []Change
	for _, k := range bothKeys(old, now) {
		if old[k] != now[k] {
			out = append(out, Change{Kind: kind, Name: k, Old: clip(old[k]), New: clip(now[k]), Pos: pos})
		}
	}
	return out
}

// compareInputs lists the inputs that differ for sure. A gathered input that is not wholly known yet may do so
// already: by a member that came, went or changed.
func (s *session) compareInputs(old, now *Manifest, n *Node) []Change {
	was, is := map[string]ManifestInput{}, map[string]ManifestInput{}
	for _, in := range old.Inputs {
		was[in.Name] = in
	}
	for _, in := range now.Inputs {
		is[in.Name] = in
	}
	nodeInputs := map[string]Input{}
	for _, in := range n.Inputs {
		nodeInputs[in.Name] = in
	}
	var out []Change
	for _, name := range bothKeys(was, is) {
		o, w := was[name], is[name]
		if o == w {
			continue
		}
		in, declared := nodeInputs[name]
		c := Change{Kind: ChangeInput, Name: name, Old: o.Digest.Short(), New: w.Digest.Short(), Pos: cmp.Or(n.Pos[name], n.Pos["inputs"]), old: o.Digest, new: w.Digest}
		if o.Digest == w.Digest {
			c.Old, c.New = o.As, w.As
		}
		if c.path, c.Upstream = in.Path, in.Group; in.From != nil {
			c.Upstream = in.From.Address
		}
		_, before := was[name]
		switch {
		case declared && before && o.Group != w.Group:
			c.Old, c.New, c.old, c.new = shape(o), shape(w), o.Digest, o.Digest
		case o.Group && w.Group:
			c.group = true
			members, err := s.gatheredBefore(o.Digest)
			if err != nil {
				c.Reason = "by which members cannot be told, since the list of what it gathered before has left the store"
			} else {
				c.Files = s.memberDiff(members, s.states[in.Group].node)
			}
		}
		if declared && w.Digest == "" && c.old != c.new && len(c.Files) == 0 {
			continue
		}
		out = append(out, c)
	}
	return out
}

// shape says how an input is read.
func shape(in ManifestInput) string {
	if in.Group {
		return "all that is gathered"
	}
	return "one file or folder"
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
	report(path, clip(spell(old)), clip(spell(now)))
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
