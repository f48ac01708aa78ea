package pipelines

import (
	"fmt"
	"strings"

	"github.com/pipe-ml/pipe/dag"
)

// Resolve returns the instances among nodes that an address or selector means, in their order. When there
// are none it says why: an unknown stage, a stage without that axis, or an axis without that value.
func Resolve(nodes []*dag.Node, text string) ([]*dag.Node, error) {
	s, err := ParseSelector(text)
	if err != nil {
		return nil, err
	}
	var found, ofStage []*dag.Node
	var stageNames []string
	for _, n := range nodes {
		if n.Group != nil {
			continue
		}
		if (len(stageNames) == 0 || stageNames[len(stageNames)-1] != n.Stage) && !has(stageNames, n.Stage) {
			stageNames = append(stageNames, n.Stage)
		}
		if n.Stage == s.Stage {
			ofStage = append(ofStage, n)
		}
		if s.Match(n) {
			found = append(found, n)
		}
	}
	if len(found) > 0 {
		return found, nil
	}
	if s.Module != "" {
		return nil, fmt.Errorf("no module is called %s, or it has no instance.%s", s.Module, didYouMean(s.Module, moduleNames(stageNames)))
	}
	if len(ofStage) == 0 {
		return nil, fmt.Errorf("no stage is called %s.%s", s.Stage, didYouMean(s.Stage, stageNames))
	}
	return nil, fmt.Errorf("no instance of %s is %s: %s", s.Stage, text, s.explain(ofStage))
}

// ModuleOf is the address of the module that a stage is in, or "" for the root.
func ModuleOf(stage string) string {
	names := strings.Split(stage, ".")
	return strings.Join(names[:max(0, len(names)-2)], ".")
}

// moduleNames lists the modules that stages are in.
func moduleNames(stages []string) []string {
	var names []string
	for _, s := range stages {
		for m := ModuleOf(s); m != "" && !has(names, m); m = ModuleOf(m) {
			names = append(names, m)
		}
	}
	return names
}

// explain says which term no instance of the stage meets.
func (s Selector) explain(instances []*dag.Node) string {
	axes := instances[0].Axes
	if s.byPos && len(s.terms) != len(axes) {
		return fmt.Sprintf("it has %d axes (%s), not %d", len(axes), listing(axisNames(axes)), len(s.terms))
	}
	for i, t := range s.terms {
		axis := i
		if !s.byPos {
			axis = axisIndex(axes, t.axis)
		}
		if axis < 0 {
			return fmt.Sprintf("it has no axis %q.%s", t.axis, didYouMean(t.axis, axisNames(axes)))
		}
		values, met := valuesOn(instances, axis, t)
		if !met {
			return fmt.Sprintf("axis %s has no value %s.%s", axes[axis].Name, t.text, didYouMean(strings.Trim(t.text, `"`), values))
		}
	}
	return "no cell of its matrix has these values together"
}

// valuesOn lists the distinct values on an axis and tells whether one of them meets the term.
func valuesOn(instances []*dag.Node, axis int, t term) (values []string, met bool) {
	seen := map[string]bool{}
	for _, n := range instances {
		text := plainText(n.Axes[axis].Value)
		if !seen[text] {
			seen[text] = true
			values = append(values, text)
		}
		met = met || t.any || sameValue(n.Axes[axis].Value, t.text)
	}
	return values, met
}

func axisNames(axes []dag.Axis) []string {
	names := make([]string, len(axes))
	for i, a := range axes {
		names[i] = a.Name
	}
	return names
}
