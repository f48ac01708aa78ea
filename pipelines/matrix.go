package pipelines

import (
	"fmt"
	"sort"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/pipe-ml/pipe/dag"
)

// mostCells bounds the instances of all stages together, so that a slip does not fill the memory.
const mostCells = 300_000

// makeCells evaluates every matrix, then joins the references on the axes.
func (p *Pipeline) makeCells() hcl.Diagnostics {
	var all []*Stage
	all = append(all, p.Stages...)
	for _, o := range p.Outputs {
		all = append(all, o.stage)
	}
	order, cycles := depthFirst(all, func(s *Stage) []*Stage {
		if s.matrixOf == nil {
			return nil
		}
		return []*Stage{s.matrixOf}
	})
	var diags hcl.Diagnostics
	for _, cycle := range cycles {
		names := make([]string, len(cycle))
		for i, s := range cycle {
			s.noCells = true
			names[i] = s.Address() + ".matrix"
		}
		diags = append(diags, mistake(cycle[0].meta["matrix"].expr.Range(), "Matrices in a circle", "%s. Write out the matrix of one of them.", circle(names)))
	}
	cells := 0
	for _, s := range order {
		more := s.makeCells()
		if cells += len(s.cells); cells > mostCells {
			for _, s := range all {
				s.noCells = true // nothing more can be said of them
			}
			at := s.at
			if a := s.meta["matrix"]; a != nil {
				at = a.expr.Range()
			}
			return append(diags, mistake(at, "Too many instances", "The stages have more than %d instances together. Take values off the axes.", mostCells))
		}
		if more.HasErrors() {
			s.noCells = true
		}
		s.broken = s.broken || s.noCells
		diags = append(diags, more...)
	}
	for _, s := range all {
		diags = append(diags, s.joinAxes()...)
	}
	return diags
}

// makeCells computes the stage's axes and cells.
func (s *Stage) makeCells() hcl.Diagnostics {
	if s.noCells {
		return nil
	}
	for _, name := range metaOrder(s.meta) {
		if !s.meta[name].sound {
			s.noCells = s.noCells || has(cellAttributes, name)
			s.broken = true
		}
	}
	if s.noCells {
		return nil
	}
	var cells [][]dag.Axis
	var diags hcl.Diagnostics
	matrix := s.meta["matrix"]
	switch {
	case matrix == nil:
		cells = [][]dag.Axis{nil}
		for _, name := range []string{"include", "exclude"} {
			if a := s.meta[name]; a != nil {
				diags = append(diags, mistake(a.at, "No matrix", "%s changes a matrix, and stage %s has none. Add matrix = { AXIS = [...] }.", name, s.Address()))
			}
		}
	case s.matrixOf != nil:
		if s.matrixOf.noCells {
			s.noCells = true
			return nil
		}
		s.axes = s.matrixOf.axes
		for _, inst := range s.matrixOf.cells {
			cells = append(cells, inst.Axes)
		}
	default:
		var axes []axis
		axes, diags = readAxes(matrix.expr, s.in)
		if diags.HasErrors() {
			return diags
		}
		cells = product(axes)
		for _, a := range axes {
			s.axes = append(s.axes, a.name)
		}
	}
	if matrix != nil {
		var more hcl.Diagnostics
		cells, more = s.adjust(cells, s.in.base)
		diags = append(diags, more...)
	}
	enabled, more := s.enabled(s.in.base)
	diags = append(diags, more...)
	if !enabled {
		cells = nil
	}
	s.index = make(map[string]*Instance, len(cells))
	for _, c := range cells {
		inst := newInstance(s, c)
		s.cells = append(s.cells, inst)
		s.index[strings.Join(inst.texts, ",")] = inst
	}
	return diags
}

// enabled evaluates enabled = CONDITION; a stage that is not enabled has no instances.
func (s *Stage) enabled(ctx *hcl.EvalContext) (bool, hcl.Diagnostics) {
	a := s.meta["enabled"]
	if a == nil {
		return true, nil
	}
	v, diags := s.in.p.work.evaluate(a.expr, ctx)
	if diags.HasErrors() || !v.IsWhollyKnown() {
		s.noCells = true
		return false, diags
	}
	v, _ = v.UnmarkDeep()
	if v.IsNull() || v.Type() != cty.Bool {
		return false, hcl.Diagnostics{explain(mistake(a.expr.Range(), "Wrong type", "enabled must be true or false, not %s.", describe(v)), a.expr, ctx)}
	}
	return v.True(), nil
}

// axis is one line of a matrix.
type axis struct {
	name   string
	values []any
}

// readAxes evaluates a matrix: an object whose attributes are lists. Axes keep the order in which they are
// written, also where a module block writes them; where the object is computed they are sorted by name.
func readAxes(expr hcl.Expression, m *module) ([]axis, hcl.Diagnostics) {
	ctx := m.base
	v, diags := m.p.work.evaluate(expr, ctx)
	if diags.HasErrors() {
		return nil, diags
	}
	v, _ = v.UnmarkDeep()
	if v.IsNull() || !v.IsKnown() || !isObject(v) {
		return nil, hcl.Diagnostics{explain(mistake(expr.Range(), "Invalid matrix",
			"A matrix names axes and their values: matrix = { seed = [0, 1, 2] }. Write that instead of %s.", describe(v)), expr, ctx)}
	}
	places := map[string]hcl.Range{}
	var names []string
	written, in := m.written(expr)
	if items, more := hcl.ExprMap(written); !more.HasErrors() {
		for _, item := range items {
			if key, more := item.Key.Value(in.base); !more.HasErrors() && !key.IsNull() && !has(names, keyText(key)) {
				names = append(names, keyText(key))
				places[keyText(key)] = item.Value.Range()
			}
		}
	} else {
		for name := range v.AsValueMap() {
			names = append(names, name)
			places[name] = expr.Range()
		}
		sort.Strings(names)
	}
	var axes []axis
	n := 1
	for _, name := range names {
		a, more := readAxis(name, v.AsValueMap()[name], places[name])
		for _, d := range more {
			d.Expression, d.EvalContext = expr, ctx
		}
		diags = append(diags, more...)
		axes = append(axes, a)
		if n *= len(a.values); n > mostCells {
			return nil, append(diags, mistake(expr.Range(), "Matrix too large", "It has more than %d cells. Take values off the axes, or take fewer axes.", mostCells))
		}
	}
	if len(names) == 0 {
		diags = append(diags, mistake(expr.Range(), "Invalid matrix", "It has no axis. Leave matrix out for a single instance."))
	}
	return axes, diags
}

// written follows var.NAME to the argument that sets it, and module.NAME.OUT to the output's value.
func (m *module) written(expr hcl.Expression) (hcl.Expression, *module) {
	for range deepestModule * 2 { // each module is entered and left at most once
		t, diags := hcl.AbsTraversalForExpr(expr)
		if diags.HasErrors() || t.RootName() == "local" {
			break
		}
		if t.RootName() == "all" {
			t = t[1:]
		}
		next, rest := m.behind(t)
		if next == nil || len(rest) > 0 {
			break
		}
		expr, m = next.expr, next.in
	}
	return expr, m
}

// behind is the expression that the name at the beginning of a traversal stands for, if it is another one's: a local, an
// argument or an output's value. rest is what of that is meant.
func (m *module) behind(t hcl.Traversal) (n *named, rest hcl.Traversal) {
	switch root := step(t, 0); {
	case root == "local" && len(t) >= 2:
		if l := m.local(step(t, 1)); l != nil {
			return l.named, t[2:]
		}
	case root == "var" && len(t) >= 2:
		if v := m.variable(step(t, 1)); v != nil && v.argument != nil {
			return v.argument, t[2:]
		}
	case root == "module" && len(t) >= 3:
		if o, _ := m.moduleOutput(t); o != nil && o.named.expr != nil {
			return o.named, t[3:]
		}
	}
	return nil, nil
}

func readAxis(name string, v cty.Value, at hcl.Range) (axis, hcl.Diagnostics) {
	a := axis{name: name}
	if !hclsyntax.ValidIdentifier(name) {
		return a, hcl.Diagnostics{mistake(at, "Invalid axis name", "%q cannot be written as each.NAME.", name)}
	}
	if (name == "include" || name == "exclude") && !v.IsNull() {
		return a, hcl.Diagnostics{mistake(at, "Misplaced "+name, "Write %s beside matrix, not inside of it.", name)}
	}
	if v.IsNull() || !v.IsKnown() || !v.CanIterateElements() || isObject(v) {
		return a, hcl.Diagnostics{mistake(at, "Invalid axis", "Axis %s must be a list of values, not %s.", name, describe(v))}
	}
	seen := map[string]bool{}
	var diags hcl.Diagnostics
	var several []cty.Value
	for it := v.ElementIterator(); it.Next(); {
		_, e := it.Element()
		value, err := axisValue(e)
		if err != nil && !e.IsNull() && e.CanIterateElements() {
			several = append(several, e)
			continue
		}
		if err != nil {
			diags = append(diags, mistake(at, "Invalid axis", "Axis %s: %s", name, stopped(err.Error())))
			continue
		}
		if text := axisText(value); seen[text] {
			diags = append(diags, mistake(at, "Value twice on an axis", "Axis %s has the value %s twice. Take one of them away.", name, text))
		} else {
			seen[text] = true
			a.values = append(a.values, value)
		}
	}
	if len(several) > 0 {
		diags = append(diags, unnamed(name, several, at))
	}
	return a, diags
}

// unnamed tells of values that are lists or objects how an axis has them: by name.
func unnamed(axis string, values []cty.Value, at hcl.Range) *hcl.Diagnostic {
	const shown = 2
	var named []string
	for i, v := range values[:min(len(values), shown)] {
		named = append(named, fmt.Sprintf("%c = %s", 'a'+i, describe(v)))
	}
	if len(values) > shown {
		named = append(named, "...")
	}
	return mistake(at, "Invalid axis", "Axis %[1]s: a value must be a string, a number or a bool, since it names its instances; not %[2]s. Name the values, locals { %[1]ss = { %[3]s } }, "+
		"take their names for the axis, %[1]s = keys(local.%[1]ss), and write local.%[1]ss[each.%[1]s] where a value is wanted.", axis, describe(values[0]), strings.Join(named, ", "))
}

// axisValue turns a cty value into a string, a float64 or a bool.
func axisValue(v cty.Value) (any, error) {
	if !v.IsNull() && v.IsKnown() {
		switch v.Type() {
		case cty.String:
			return v.AsString(), nil
		case cty.Bool:
			return v.True(), nil
		case cty.Number:
			f, _ := v.AsBigFloat().Float64()
			return f, nil
		}
	}
	return nil, fmt.Errorf("a value must be a string, a number or a bool, not %s", describe(v))
}

// product lists all combinations; the last axis turns fastest.
func product(axes []axis) [][]dag.Axis {
	cells := [][]dag.Axis{nil}
	for _, a := range axes {
		next := make([][]dag.Axis, 0, len(cells)*len(a.values))
		for _, c := range cells {
			for _, v := range a.values {
				next = append(next, append(c[:len(c):len(c)], dag.Axis{Name: a.name, Value: v}))
			}
		}
		cells = next
	}
	return cells
}
