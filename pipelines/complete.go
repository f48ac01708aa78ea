package pipelines

import (
	"slices"
	"strings"

	"github.com/pipe-ml/pipe/dag"
)

// Complete proposes addresses that begin with text, for a shell: modules and stages, then names of axes, then their values among
// the instances that agree with what is there already.
func Complete(nodes []*dag.Node, text string) []string {
	head, rest, bracketed := strings.Cut(text, "[")
	if !bracketed {
		return completeStage(nodes, text)
	}
	cut := lastComma(rest)
	base, last := head+"["+rest[:cut], rest[cut:]
	chosen := Selector{Stage: head}
	if cut > 0 {
		var err error
		if chosen, err = ParseSelector(strings.TrimSuffix(base, ",") + "]"); err != nil {
			return nil
		}
	}
	var among []*dag.Node
	for _, n := range nodes {
		if !n.Virtual() && n.Stage == head && agrees(chosen, n) {
			among = append(among, n)
		}
	}
	if len(among) == 0 || len(chosen.terms) >= len(among[0].Axes) {
		return nil
	}
	axes := among[0].Axes
	if axis, value, named := cutAxis(last); named && !chosen.byPos {
		if i := axisIndex(axes, axis); i >= 0 {
			return completeValue(among, base+axis+"=", value, i, len(chosen.terms)+1 < len(axes), plainText)
		}
		return nil
	}
	if chosen.byPos || strings.HasPrefix(last, `"`) {
		return completeValue(among, base, last, len(chosen.terms), len(chosen.terms)+1 < len(axes), axisText)
	}
	var out []string
	for _, a := range axes {
		taken := slices.ContainsFunc(chosen.terms, func(t term) bool { return t.axis == a.Name })
		if !taken && strings.HasPrefix(a.Name, last) {
			out = append(out, base+a.Name+"=")
		}
	}
	return out
}

// completeStage proposes modules and stages; a bracket follows where there are axes to choose from and one stage is meant.
func completeStage(nodes []*dag.Node, text string) []string {
	var out, names []string
	var only *dag.Node
	for _, n := range nodes {
		if n.Virtual() || len(names) > 0 && names[len(names)-1] == n.Stage {
			continue
		}
		names = append(names, n.Stage)
		if strings.HasPrefix(n.Stage, text) {
			out = append(out, n.Stage)
			only = n
		}
	}
	if len(out) == 1 && len(only.Axes) > 0 {
		out = append(out, only.Stage+"[")
	}
	for _, m := range moduleNames(names) {
		if strings.HasPrefix(m, text) {
			out = append(out, m)
		}
	}
	return out
}

// completeValue proposes values of an axis; one that is whole is closed, or goes on to the next axis.
func completeValue(among []*dag.Node, base, text string, axis int, more bool, spell func(any) string) []string {
	var values []string
	for _, n := range among {
		if v := spell(n.Axes[axis].Value); strings.HasPrefix(v, text) && !slices.Contains(values, v) {
			values = append(values, v)
		}
	}
	var out []string
	for _, v := range values {
		if more && v != text && len(values) > 1 {
			out = append(out, base+v)
			continue
		}
		out = append(out, base+v+"]")
		if more {
			out = append(out, base+v+",")
		}
	}
	return out
}

// agrees is Match for a selector by position that does not give all values yet.
func agrees(s Selector, n *dag.Node) bool {
	for i, t := range s.terms {
		axis := i
		if !s.byPos {
			axis = axisIndex(n.Axes, t.axis)
		}
		if axis < 0 || axis >= len(n.Axes) || !t.any && !sameValue(n.Axes[axis].Value, t.text) {
			return false
		}
	}
	return true
}

// lastComma is where the last term begins: behind the last comma outside of quotes.
func lastComma(text string) int {
	commas, _ := commasOutside(text)
	if len(commas) == 0 {
		return 0
	}
	return commas[len(commas)-1] + 1
}
