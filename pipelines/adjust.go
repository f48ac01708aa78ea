package pipelines

import (
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/pipe-ml/pipe/dag"
)

// adjust applies exclude, then include, to the cells of a matrix.
//
// exclude = [{method = "vpt", seed = 1}] drops every cell that has these values; axes left out match all.
// include = [{method = "full", fraction = 1, seed = 7}] appends cells, which name every axis.
func (s *Stage) adjust(cells [][]dag.Axis, ctx *hcl.EvalContext) ([][]dag.Axis, hcl.Diagnostics) {
	var diags hcl.Diagnostics
	if a := s.meta["exclude"]; a != nil {
		patterns, more := s.patterns(a, ctx)
		diags = append(diags, more...)
		if len(patterns)*len(cells) > mostWork {
			return nil, append(diags, mistake(a.expr.Range(), "Too much to exclude", "%d patterns for %d cells are too many. Leave axes out of the patterns, so that one drops many cells.", len(patterns), len(cells)))
		}
		for i, pattern := range patterns {
			kept := make([][]dag.Axis, 0, len(cells))
			for _, c := range cells {
				if !matches(c, pattern) {
					kept = append(kept, c)
				}
			}
			if len(kept) == len(cells) {
				diags = append(diags, caution(a.expr.Range(), "Nothing excluded", "No cell of the matrix has the values of exclude[%d]: %s.",
					i, ReadableAddress(s.Address(), pattern)))
			}
			cells = kept
		}
	}
	if a := s.meta["include"]; a != nil {
		patterns, more := s.patterns(a, ctx)
		diags = append(diags, more...)
		present := make(map[string]bool, len(cells))
		for _, c := range cells {
			present[strings.Join(axisTexts(c), ",")] = true
		}
		for i, pattern := range patterns {
			cell, missing := ordered(s.axes, pattern)
			if len(missing) > 0 {
				diags = append(diags, mistake(a.expr.Range(), "Incomplete cell", "include[%d] must give a value to every axis; missing: %s.", i, listing(missing)))
				continue
			}
			if text := strings.Join(axisTexts(cell), ","); !present[text] {
				present[text] = true
				cells = append(cells, cell)
			}
		}
	}
	return cells, diags
}

// patterns reads a list of objects with axis values.
func (s *Stage) patterns(a *attribute, ctx *hcl.EvalContext) ([][]dag.Axis, hcl.Diagnostics) {
	v, diags := s.in.p.work.evaluate(a.expr, ctx)
	if diags.HasErrors() {
		return nil, diags
	}
	v, _ = v.UnmarkDeep()
	wrong := func(v cty.Value) hcl.Diagnostics {
		return hcl.Diagnostics{explain(mistake(a.expr.Range(), "Invalid "+a.name,
			"%s is a list of cells, %s = [{ %s = ... }], not %s.", a.name, a.name, s.axes[0], describe(v)), a.expr, ctx)}
	}
	if v.IsNull() || !v.IsKnown() || !v.CanIterateElements() || isObject(v) {
		return nil, wrong(v)
	}
	var patterns [][]dag.Axis
	for it := v.ElementIterator(); it.Next(); {
		_, e := it.Element()
		if e.IsNull() || !isObject(e) {
			return nil, wrong(e)
		}
		var pattern []dag.Axis
		for inner := e.ElementIterator(); inner.Next(); {
			k, v := inner.Element()
			name := k.AsString()
			if !has(s.axes, name) {
				diags = append(diags, mistake(a.expr.Range(), "Unknown axis", "The matrix of %s has no axis %q.%s", s.Address(), name, didYouMean(name, s.axes)))
				continue
			}
			value, err := axisValue(v)
			if err != nil {
				diags = append(diags, mistake(a.expr.Range(), "Invalid "+a.name, "Axis %s: %s", name, stopped(err.Error())))
				continue
			}
			pattern = append(pattern, dag.Axis{Name: name, Value: value})
		}
		patterns = append(patterns, pattern)
	}
	if diags.HasErrors() {
		return nil, diags
	}
	return patterns, nil
}

// matches tells whether a cell has every value of a pattern.
func matches(cell, pattern []dag.Axis) bool {
	for _, want := range pattern {
		i := axisIndex(cell, want.Name)
		if i < 0 || cell[i].Value != want.Value {
			return false
		}
	}
	return true
}

// ordered brings a pattern into the order of the axes and lists those that it lacks.
func ordered(axes []string, pattern []dag.Axis) (cell []dag.Axis, missing []string) {
	for _, name := range axes {
		if i := axisIndex(pattern, name); i >= 0 {
			cell = append(cell, pattern[i])
		} else {
			missing = append(missing, name)
		}
	}
	return cell, missing
}

func axisTexts(cell []dag.Axis) []string {
	texts := make([]string, len(cell))
	for i, a := range cell {
		texts[i] = axisText(a.Value)
	}
	return texts
}
