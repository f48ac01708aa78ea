package dag

import (
	"encoding/json"
	"path"
	"slices"
	"strings"
)

// memberDiff says which elements of a gathered input came, went or changed, by their axes: those that went, then
// those that are there now in their order. Of a member that is not known yet it says only whether it is new.
func (s *session) memberDiff(before []ManifestMember, group *Node) []FileChange {
	was := make(map[string]ManifestMember, len(before))
	for _, m := range before {
		was[axesText(m.Axes)] = m
	}
	var out []FileChange
	var order, same []string // of the members that are in both lists
	for _, m := range group.Group {
		name := axesText(m.Axes)
		old, ok := was[name]
		a, known := s.artifact(m.Ref)
		c := FileChange{Path: memberName(name, group), Address: m.Ref.Address, Old: old.Digest, New: a.Digest}
		switch {
		case !ok:
			c.Kind = "added"
		case known && old.Digest != a.Digest:
			c.Kind = "changed"
		case known && path.Ext(old.As) != a.ext():
			c.Kind = "renamed"
		}
		if c.Kind != "" {
			out = append(out, c)
		}
		if ok {
			order = append(order, name)
			delete(was, name)
		}
	}
	var gone []FileChange
	for _, m := range before {
		name := axesText(m.Axes)
		if _, ok := was[name]; ok {
			gone = append(gone, FileChange{Path: memberName(name, group), Kind: "removed", Old: m.Digest})
		} else {
			same = append(same, name)
		}
	}
	if len(out)+len(gone) > 0 {
		return slices.Concat(gone, out)
	}
	for i, name := range order {
		if name != same[i] {
			out = append(out, FileChange{Path: memberName(name, group), Kind: "moved"})
		}
	}
	return out
}

// memberName is what a member is called: its axes, or what its group is called if it has none.
func memberName(axes string, group *Node) string {
	if axes == "" {
		return group.Address
	}
	return axes
}

// gatheredBefore reads the list of a gathered input from the store.
func (s *session) gatheredBefore(list Digest) ([]ManifestMember, error) {
	if members, ok := s.before[list]; ok {
		return members, nil
	}
	raw, err := s.store.read(list.Hex())
	if err != nil {
		return nil, err
	}
	var members []ManifestMember
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, err
	}
	s.before[list] = members
	return members, nil
}

// axesText names a member: method=lora,seed=0.
func axesText(axes []Axis) string {
	parts := make([]string, len(axes))
	for i, a := range axes {
		parts[i] = a.Name + "=" + axisText(a.Value)
	}
	return strings.Join(parts, ",")
}

// axisText spells a value as people type it in a selector.
func axisText(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return spell(v)
}
