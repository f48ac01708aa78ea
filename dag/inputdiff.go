package dag

import (
	"cmp"
	"path/filepath"
	"strings"
)

// inputDiff compares the inputs of a node with those of an old manifest.
type inputDiff struct {
	*session
	node    *Node
	was, is map[string]ManifestInput
	called  map[string]string // input -> the name under which the same content was read before
}

// compareInputs lists the inputs that differ for sure. A gathered input that is not wholly known yet may do so
// already: by a member that came, went or changed.
func (s *session) compareInputs(old, now *Manifest, n *Node) []Change {
	d := &inputDiff{s, n, inputsByName(old), inputsByName(now), map[string]string{}}
	declared := map[string]Input{}
	for _, in := range n.Inputs {
		declared[in.Name] = in
	}
	gone := map[string]bool{}
	for _, name := range bothKeys(d.is, nil) {
		if was := d.formerName(name, gone); was != "" {
			d.called[name], gone[was] = was, true
		}
	}
	var out []Change
	for _, name := range bothKeys(d.was, d.is) {
		if d.was[name] == d.is[name] || gone[name] {
			continue
		}
		if c, ok := d.change(name, declared[name]); ok {
			out = append(out, c)
		}
	}
	return out
}

func inputsByName(m *Manifest) map[string]ManifestInput {
	inputs := map[string]ManifestInput{}
	for _, in := range m.Inputs {
		inputs[in.Name] = in
	}
	return inputs
}

// formerName finds what a new input was called when it was read under a name that is gone, or "".
func (d *inputDiff) formerName(name string, taken map[string]bool) string {
	is := d.is[name]
	if _, before := d.was[name]; before || is.Digest == "" {
		return ""
	}
	for _, old := range bothKeys(d.was, nil) {
		_, still := d.is[old]
		if o := d.was[old]; !still && !taken[old] && o.Digest == is.Digest && o.Group == is.Group {
			return old
		}
	}
	return ""
}

// change says how the input called name differs. It is false if that is not known yet.
func (d *inputDiff) change(name string, in Input) (Change, bool) {
	o, w := d.was[name], d.is[name]
	_, before := d.was[name]
	declared := in.Name != ""
	c := Change{
		Kind: ChangeInput, Name: name, Old: o.Digest.Short(), New: w.Digest.Short(),
		Pos: cmp.Or(d.node.at("inputs."+name), d.node.at(name)), old: o.Digest, new: w.Digest,
	}
	if in.Path != "" {
		c.path = d.relative(in.Path)
	}
	if c.Upstream = in.Group; in.From != nil {
		c.Upstream, c.output = in.From.Address, in.From.Output
	}
	switch {
	case d.called[name] != "":
		c.Old, c.New, c.old, c.Reason = w.Digest.Short(), w.Digest.Short(), w.Digest, d.called[name]
	case declared && before && o.Group != w.Group:
		c.Old, c.New, c.old, c.new = shape(o), shape(w), o.Digest, o.Digest
	case o.Group && w.Group:
		c.group = true
		members, err := d.gatheredBefore(o.Digest)
		if err != nil {
			c.Reason = "by which members cannot be told, since the list of what it gathered before has left the store"
		} else {
			c.Files = d.memberDiff(members, d.states[in.Group].node)
		}
	case o.Digest == w.Digest:
		c.Old, c.New = o.As, w.As
	case in.Path != "":
		d.detail(&c, in.Path)
	}
	// What is not known yet is waited for, unless something else is known to differ.
	return c, !declared || !before || w.Digest != "" || c.old == c.new || len(c.Files) > 0
}

// relative writes a path from the folder of the pipeline where it lies in there.
func (s *session) relative(path string) string {
	if rel, err := filepath.Rel(s.root, path); err == nil && rel != ".." && !strings.HasPrefix(rel, "../") {
		return filepath.ToSlash(rel)
	}
	return path
}

// shape says how an input is read.
func shape(in ManifestInput) string {
	if in.Group {
		return "all that is gathered"
	}
	return "one file or folder"
}
