package dag

import (
	"encoding/json"
	"path"
	"slices"
	"strings"
)

// memberDiff says which elements of a gathered input came, went or changed, by their axes in whatever order these are:
// those that went, then those that are there now in their order. Of a member that is not known yet it says only
// whether it is new.
func (s *session) memberDiff(before []ManifestMember, group *Node) []FileChange {
	was := formerMembers(before, group.Group)
	var out []FileChange
	var order, same []int // of the members that are in both lists: where they were
	stays := map[int]bool{}
	for i, m := range group.Group {
		a, known := s.artifact(m.Ref)
		c := FileChange{Path: memberName(axesText(m.Axes), group), Address: m.Ref.Address, New: a.Digest}
		var old ManifestMember
		if was[i] >= 0 {
			old = before[was[i]]
			c.Old = old.Digest
			order, stays[was[i]] = append(order, was[i]), true
		}
		switch {
		case was[i] < 0:
			c.Kind = "added"
		case known && old.Digest != a.Digest:
			c.Kind = "changed"
		case known && path.Ext(old.As) != a.ext():
			c.Kind = "renamed"
		case axesKey(m.Axes, true) != axesKey(old.Axes, true):
			c.Kind, c.From, c.Path = "retyped", axesSpelled(old.Axes), axesSpelled(m.Axes)
		case !sameOrder(m.Axes, old.Axes):
			c.Kind, c.From = "reordered", axesText(old.Axes)
		}
		if c.Kind != "" {
			out = append(out, c)
		}
	}
	var gone []FileChange
	for i, m := range before {
		if stays[i] {
			same = append(same, i)
		} else {
			gone = append(gone, FileChange{Path: memberName(axesText(m.Axes), group), Kind: "removed", Old: m.Digest})
		}
	}
	if len(out)+len(gone) > 0 {
		return slices.Concat(gone, out)
	}
	for i, at := range order {
		if at != same[i] {
			out = append(out, FileChange{Path: memberName(axesText(before[at].Axes), group), Kind: "moved"})
		}
	}
	return out
}

// formerMembers says for each member which one of before it is, or -1: the one with the same axes, else one whose
// axes differ from them in type only, as 0 and "0" do.
func formerMembers(before []ManifestMember, now []Member) []int {
	was := make([]int, len(now))
	for i := range was {
		was[i] = -1
	}
	taken := map[int]bool{}
	for _, typed := range []bool{true, false} {
		at := map[string]int{}
		for i, m := range before {
			if !taken[i] {
				at[axesKey(m.Axes, typed)] = i
			}
		}
		for i, m := range now {
			key := axesKey(m.Axes, typed)
			if k, ok := at[key]; ok && was[i] < 0 {
				was[i], taken[k] = k, true
				delete(at, key)
			}
		}
	}
	return was
}

// axesKey is the same for axes in another order, and, unless typed, for values of another type that read the same.
func axesKey(axes []Axis, typed bool) string {
	byName := slices.SortedFunc(slices.Values(axes), func(a, b Axis) int { return strings.Compare(a.Name, b.Name) })
	if typed {
		return axesSpelled(byName)
	}
	return axesText(byName)
}

func sameOrder(a, b []Axis) bool {
	return slices.EqualFunc(a, b, func(x, y Axis) bool { return x.Name == y.Name })
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
func axesText(axes []Axis) string { return joinAxes(axes, axisText) }

// axesSpelled tells the types too: method="lora",seed=0.
func axesSpelled(axes []Axis) string { return joinAxes(axes, spell) }

func joinAxes(axes []Axis, value func(any) string) string {
	parts := make([]string, len(axes))
	for i, a := range axes {
		parts[i] = a.Name + "=" + value(a.Value)
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
