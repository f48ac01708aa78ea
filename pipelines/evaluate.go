package pipelines

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
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
	stage *Stage
	inst  *Instance
	shared
	patterns map[string][]string  // what the patterns of a code attribute matched
	groups   map[string]*dag.Node // vertices that its inputs read and no block makes, by address: virtual ones, and downloads
	failed   map[string]bool      // attributes with a mistake: it is told once, not for every instance
	diags    hcl.Diagnostics
}

func newEvaluator(s *Stage, groups map[string]*dag.Node) *evaluator {
	return &evaluator{stage: s, shared: newShared(), groups: groups, failed: map[string]bool{}, patterns: map[string][]string{}}
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
	ctx := e.scope(a, &a.binding, map[*binding]cty.Value{})
	if len(a.each) > 0 {
		ctx.Variables["each"] = e.eachValue()
	}
	if a.local {
		for name, v := range e.own[e.names] {
			ctx.Variables[name] = v
		}
	}
	return ctx
}

// scope gives the artifacts in an expression their names. done holds the values of expressions that others stand for.
func (e *evaluator) scope(a *attribute, b *binding, done map[*binding]cty.Value) *hcl.EvalContext {
	seen := tree{}
	for _, r := range b.refs {
		value := cty.DynamicVal
		if ph := r.place(e.inst); ph != nil {
			value = ph.value()
		}
		path := []string{r.target.Type, r.target.Name, r.output}
		if r.written {
			path = append([]string{"all"}, path...)
		}
		seen.put(value, path)
	}
	for _, l := range b.links {
		seen.put(e.follow(a, l, done), l.path)
	}
	for name, object := range b.in.base.Variables {
		seen.fill(name, object)
	}
	ctx := b.in.base.NewChild()
	ctx.Variables = seen.object()
	return ctx
}

// follow evaluates the expression that a name stands for.
func (e *evaluator) follow(a *attribute, l link, done map[*binding]cty.Value) cty.Value {
	if v, ok := done[l.to]; ok {
		return v
	}
	done[l.to] = cty.DynamicVal
	v, diags := a.in.p.work.evaluate(l.to.expr, e.scope(a, l.to, done))
	if !diags.HasErrors() && l.variable != nil {
		converted, err := l.variable.convert(v)
		if err != nil {
			diags = append(diags, mistake(l.to.expr.Range(), "Wrong type", "The value of variable %q must be %s: %s. Give the artifact as it is, or change the type at %s.",
				l.variable.Name, typeexpr.TypeString(l.variable.Type), err, place(l.variable.at)))
		}
		v = converted
	}
	for _, d := range diags {
		e.report(a, d)
	}
	if diags.HasErrors() {
		v = cty.DynamicVal
	}
	done[l.to] = v
	return v
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
	v, diags := a.in.p.work.evaluate(a.expr, ctx)
	for _, d := range diags {
		if refs := a.references(); len(refs) > 0 && d.Severity == hcl.DiagError {
			d.Detail += "\n" + opaque(refs)
		}
		e.report(a, d)
	}
	if diags.HasErrors() || !v.IsWhollyKnown() {
		return cty.NilVal, false
	}
	return v, true
}

// choose is expr.Value, but a condition gives only the branch that it chooses, whatever the other one is:
// HCL would mark the result with the placeholders of both branches.
func choose(expr hcl.Expression, ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	switch x := expr.(type) {
	case *hclsyntax.ParenthesesExpr:
		return choose(x.Expression, ctx)
	case *hclsyntax.ConditionalExpr:
		condition, diags := x.Condition.Value(ctx)
		if diags.HasErrors() || !truthful(condition) {
			return expr.Value(ctx) // for its own diagnostics, and the marks of the condition
		}
		if condition.True() {
			return choose(x.TrueResult, ctx)
		}
		return choose(x.FalseResult, ctx)
	case *hclsyntax.ObjectConsExpr:
		var diags hcl.Diagnostics
		values := map[string]cty.Value{}
		for _, item := range x.Items {
			key, more := item.KeyExpr.Value(ctx)
			if more.HasErrors() || key.IsMarked() || key.IsNull() || key.Type() != cty.String {
				return expr.Value(ctx)
			}
			value, more := choose(item.ValueExpr, ctx)
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
	if a.artifacts() {
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
