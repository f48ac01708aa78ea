package pipelines

import (
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/pipe-ml/pipe/dag"
)

// memo is the value of an attribute that several instances share.
type memo struct {
	value any
	ok    bool
}

// evaluator evaluates the attributes of one stage for one instance after the other.
type evaluator struct {
	p     *Pipeline
	stage *Stage
	inst  *Instance
	shared
	patterns map[string][]string  // what the patterns of a code attribute matched
	groups   map[string]*dag.Node // virtual vertices that its inputs read, by address
	failed   map[string]bool      // attributes with a mistake: it is told once, not for every instance
	diags    hcl.Diagnostics
}

func (p *Pipeline) evaluator(s *Stage, groups map[string]*dag.Node) *evaluator {
	return &evaluator{p: p, stage: s, shared: newShared(), groups: groups, failed: map[string]bool{}, patterns: map[string][]string{}}
}

// report adds a diagnostic about an attribute, and which instance it was found in.
func (e *evaluator) report(a *attribute, d *hcl.Diagnostic) {
	if d.Severity == hcl.DiagError {
		e.failed[a.name] = true
	}
	if len(e.inst.Axes) > 0 && d.EvalContext == nil {
		d.Detail += "\nThis is in " + e.inst.readable() + "."
	}
	e.diags = append(e.diags, d)
}

// context builds what the attribute's expression can see: nothing but what it refers to.
func (e *evaluator) context(a *attribute) *hcl.EvalContext {
	ctx := e.p.base.NewChild()
	ctx.Variables = map[string]cty.Value{}
	if len(a.each) > 0 {
		ctx.Variables["each"] = e.eachValue()
	}
	if a.local {
		for name, v := range e.own[e.names] {
			ctx.Variables[name] = v
		}
	}
	tree := map[string]map[string]map[string]cty.Value{} // root or "all." + type, name, output
	for _, r := range a.refs {
		root := r.target.Type
		if r.all {
			root = "all." + root
		}
		if tree[root] == nil {
			tree[root] = map[string]map[string]cty.Value{}
		}
		if tree[root][r.target.Name] == nil {
			tree[root][r.target.Name] = map[string]cty.Value{}
		}
		value := cty.DynamicVal
		if ph := r.place(e.inst); ph != nil {
			value = ph.value()
		}
		tree[root][r.target.Name][r.output] = value
	}
	all := map[string]cty.Value{}
	for root, byName := range tree {
		names := map[string]cty.Value{}
		for name, outputs := range byName {
			names[name] = cty.ObjectVal(outputs)
		}
		if typ, ok := strings.CutPrefix(root, "all."); ok {
			all[typ] = cty.ObjectVal(names)
		} else {
			ctx.Variables[root] = cty.ObjectVal(names)
		}
	}
	if len(all) > 0 {
		ctx.Variables["all"] = cty.ObjectVal(all)
	}
	return ctx
}

// value evaluates an attribute. ok is false when there is nothing to go on with: a mistake, or something
// unknown because of another mistake.
func (e *evaluator) value(a *attribute) (cty.Value, bool) {
	if !a.sound || e.failed[a.name] {
		return cty.NilVal, false
	}
	if a.direct != nil {
		ph := a.direct.place(e.inst)
		if ph == nil {
			return cty.NilVal, false
		}
		return ph.value(), true
	}
	ctx := e.context(a)
	v, diags := evaluate(a.expr, ctx)
	for _, d := range diags {
		if len(a.refs) > 0 && d.Severity == hcl.DiagError {
			d.Detail += "\n" + opaque(a.refs)
		}
		e.report(a, d)
	}
	if diags.HasErrors() || !v.IsWhollyKnown() {
		return cty.NilVal, false
	}
	return v, true
}

// evaluate is expr.Value, but a condition gives only the branch that it chooses, whatever the other one is:
// HCL would mark the result with the placeholders of both branches.
func evaluate(expr hcl.Expression, ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	switch x := expr.(type) {
	case *hclsyntax.ParenthesesExpr:
		return evaluate(x.Expression, ctx)
	case *hclsyntax.ConditionalExpr:
		condition, diags := x.Condition.Value(ctx)
		if diags.HasErrors() || !truthful(condition) {
			return expr.Value(ctx) // for its own diagnostics, and the marks of the condition
		}
		if condition.True() {
			return evaluate(x.TrueResult, ctx)
		}
		return evaluate(x.FalseResult, ctx)
	case *hclsyntax.ObjectConsExpr:
		var diags hcl.Diagnostics
		values := map[string]cty.Value{}
		for _, item := range x.Items {
			key, more := item.KeyExpr.Value(ctx)
			if more.HasErrors() || key.IsMarked() || key.IsNull() || key.Type() != cty.String {
				return expr.Value(ctx)
			}
			value, more := evaluate(item.ValueExpr, ctx)
			diags = append(diags, more...)
			values[key.AsString()] = value
		}
		return cty.ObjectVal(values), diags
	}
	return expr.Value(ctx)
}

// truthful tells whether a value can decide a condition.
func truthful(v cty.Value) bool {
	return !v.IsMarked() && v.IsKnown() && !v.IsNull() && v.Type() == cty.Bool
}

// config evaluates an attribute to a JSON value.
func (e *evaluator) config(a *attribute) (any, bool) {
	if len(a.refs) > 0 {
		return e.evaluateConfig(a)
	}
	key := e.memoKey(a)
	m, ok := a.memo[key]
	if !ok {
		m.value, m.ok = e.evaluateConfig(a)
		a.memo[key] = m
	}
	return m.value, m.ok
}

func (e *evaluator) evaluateConfig(a *attribute) (any, bool) {
	v, ok := e.value(a)
	if !ok {
		return nil, false
	}
	if v.ContainsMarked() {
		_, marked := v.UnmarkDeepWithPaths()
		a.secret(marked)
	}
	v, marks := v.UnmarkDeep()
	if list := placeholders(marks); len(list) > 0 {
		refs := make([]*reference, len(list))
		for i, ph := range list {
			refs[i] = ph.ref
		}
		e.report(a, mistake(list[0].ref.at, "Artifact where a value is needed", "%s of %s is a plain value. %s",
			a.name, e.stage.Address(), opaque(refs)))
		return nil, false
	}
	value, err := plain(v)
	if err != nil {
		e.report(a, e.explain(a, mistake(a.expr.Range(), "Invalid value", "%s: %s", a.name, sentence(err))))
		return nil, false
	}
	return value, true
}

// explain lets a diagnostic show the values in the attribute's expression.
func (e *evaluator) explain(a *attribute, d *hcl.Diagnostic) *hcl.Diagnostic {
	return explain(d, a.expr, e.context(a))
}
