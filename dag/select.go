package dag

import (
	"errors"
	"fmt"
	"strings"
)

// Select finds the instances that a selector names, in topological order:
//
//	finetune.classifier                          every instance of the stage
//	finetune.classifier["lora",0.1,0]            one instance by its address
//	finetune.classifier[method=lora,seed=0]      every instance with these values on these axes
//
// A selector that matches nothing is an error.
func (g *Graph) Select(selector string) ([]*Node, error) {
	if n, ok := g.Node(selector); ok && !n.Virtual() {
		return []*Node{n}, nil
	}
	stage, rest, bracket := strings.Cut(selector, "[")
	var want [][2]string
	if bracket {
		rest, closed := strings.CutSuffix(rest, "]")
		if !closed {
			return nil, fmt.Errorf("selector %s: missing ]", selector)
		}
		for pair := range strings.SplitSeq(rest, ",") {
			axis, value, ok := strings.Cut(pair, "=")
			if !ok {
				return nil, g.noMatch(selector, stage)
			}
			want = append(want, [2]string{strings.TrimSpace(axis), strings.Trim(strings.TrimSpace(value), `"`)})
		}
	}
	var out []*Node
	for _, n := range g.order {
		if !n.Virtual() && n.Stage == stage && n.matches(want) {
			out = append(out, n)
		}
	}
	if len(out) == 0 {
		return nil, g.noMatch(selector, stage)
	}
	return out, nil
}

// matches says whether n has all the values wanted.
func (n *Node) matches(want [][2]string) bool {
	for _, w := range want {
		found := false
		for _, a := range n.Axes {
			found = found || a.Name == w[0] && axisText(a.Value) == w[1]
		}
		if !found {
			return false
		}
	}
	return true
}

// axisText spells a value as people type it in a selector.
func axisText(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	b, err := Canonical(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

// noMatch says what would have matched.
func (g *Graph) noMatch(selector, stage string) error {
	var stages, instances []string
	for _, n := range g.order {
		switch {
		case n.Virtual():
		case n.Stage == stage:
			instances = append(instances, n.Address)
		case len(stages) == 0 || stages[len(stages)-1] != n.Stage:
			stages = append(stages, n.Stage)
		}
	}
	if len(instances) > 0 {
		return fmt.Errorf("no instance matches %s; %s has %s", selector, stage, list(instances, 4))
	}
	return fmt.Errorf("no instance matches %s; the stages are %s", selector, list(stages, 12))
}

// selectAll unites selectors. All that match nothing are reported.
func (g *Graph) selectAll(selectors []string) ([]string, error) {
	var out []string
	var errs []error
	for _, sel := range selectors {
		nodes, err := g.Select(sel)
		errs = append(errs, err)
		for _, n := range nodes {
			out = append(out, n.Address)
		}
	}
	return out, errors.Join(errs...)
}

// list spells the first few of many.
func list(items []string, limit int) string {
	if len(items) <= limit {
		return strings.Join(items, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(items[:limit], ", "), len(items)-limit)
}
