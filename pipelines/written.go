package pipelines

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/pipe-ml/pipe/dag"
)

// written finds out where the parts of a stage's attributes are written: params.rate and split[0] beside params
// and split. A local is followed to where its value stands.
type written struct {
	p      *Pipeline
	inst   *Instance
	at     map[string]dag.Pos
	byCell bool // places depend on the instance: options = local.methods[each.method]
}

// places says where the attributes of an instance are written, and whether that depends on the instance.
func (p *Pipeline) places(s *Stage, inst *Instance) (at map[string]dag.Pos, byCell bool) {
	w := &written{p: p, inst: inst, at: map[string]dag.Pos{}}
	for _, a := range s.attrs {
		w.add(a.name, a.expr, a.at, dag.Pos{})
	}
	if a := s.meta["salt"]; a != nil { // of these alone the key is made
		w.add(a.name, a.expr, a.at, dag.Pos{})
	}
	return w.at, w.byCell
}

// add notes where path is written, and its parts that are written in other lines than around.
func (w *written) add(path string, expr hcl.Expression, at hcl.Range, around dag.Pos) {
	expr, at = w.follow(expr, at)
	here := dag.Pos{File: at.Filename, Line: at.Start.Line}
	if t, ok := expr.(*hclsyntax.ScopeTraversalExpr); ok && t.Traversal.RootName() == "var" {
		here.From = "var." + step(t.Traversal, 1)
	}
	if _, again := w.at[path]; again || here != around {
		w.at[path] = here
	}
	w.parts(path, expr, here)
}

func (w *written) parts(path string, expr hcl.Expression, here dag.Pos) {
	switch x := expr.(type) {
	case *hclsyntax.ObjectConsExpr:
		for _, item := range x.Items {
			if name, ok := fixedKey(item.KeyExpr); ok {
				w.add(path+"."+name, item.ValueExpr, item.KeyExpr.Range(), here)
			}
		}
	case *hclsyntax.TupleConsExpr:
		for i, e := range x.Exprs {
			w.add(fmt.Sprintf("%s[%d]", path, i), e, e.Range(), here)
		}
	case *hclsyntax.FunctionCallExpr:
		if x.Name == "merge" { // later arguments win
			for _, arg := range x.Args {
				object, _ := w.follow(arg, arg.Range())
				w.parts(path, object, here)
			}
		}
	}
}

// follow goes from a reference to a local, or to a part of one, to the expression that it stands for.
func (w *written) follow(expr hcl.Expression, at hcl.Range) (hcl.Expression, hcl.Range) {
	if x, where, ok := w.meant(expr, at); ok {
		return x, where
	}
	return expr, at
}

func (w *written) meant(expr hcl.Expression, at hcl.Range) (hcl.Expression, hcl.Range, bool) {
	switch x := expr.(type) {
	case *hclsyntax.ParenthesesExpr:
		return w.meant(x.Expression, at)
	case *hclsyntax.ScopeTraversalExpr:
		if x.Traversal.RootName() != "local" {
			return expr, at, true
		}
		l := w.p.local(step(x.Traversal, 1))
		if l == nil || !l.sound {
			return nil, at, false
		}
		return w.walk(l.attr.Expr, l.attr.NameRange, x.Traversal[2:])
	case *hclsyntax.RelativeTraversalExpr:
		return w.walk(x.Source, at, x.Traversal)
	case *hclsyntax.IndexExpr:
		return w.element(x.Collection, at, x.Key)
	case *hclsyntax.FunctionCallExpr:
		if x.Name == "lookup" && len(x.Args) == 3 {
			if e, where, ok := w.element(x.Args[0], at, x.Args[1]); ok {
				return e, where, true
			}
			return w.meant(x.Args[2], at)
		}
	case *hclsyntax.ConditionalExpr:
		switch chosen, ok := w.value(x.Condition); {
		case !ok || !truthful(chosen):
			return nil, at, false
		case chosen.True():
			return w.meant(x.TrueResult, at)
		}
		return w.meant(x.FalseResult, at)
	}
	return expr, at, true
}

func (w *written) walk(expr hcl.Expression, at hcl.Range, steps hcl.Traversal) (hcl.Expression, hcl.Range, bool) {
	for _, s := range steps {
		var key cty.Value
		switch s := s.(type) {
		case hcl.TraverseAttr:
			key = cty.StringVal(s.Name)
		case hcl.TraverseIndex:
			key = s.Key
		default:
			return nil, at, false
		}
		var ok bool
		if expr, at, ok = w.part(expr, at, key); !ok {
			return nil, at, false
		}
	}
	return w.meant(expr, at)
}

// element is part of an index that is to be evaluated.
func (w *written) element(expr hcl.Expression, at hcl.Range, index hcl.Expression) (hcl.Expression, hcl.Range, bool) {
	key, ok := w.value(index)
	if !ok {
		return nil, at, false
	}
	expr, at, ok = w.part(expr, at, key)
	if !ok {
		return nil, at, false
	}
	return w.meant(expr, at)
}

// part finds one element in an object or a list that is written out.
func (w *written) part(expr hcl.Expression, at hcl.Range, key cty.Value) (hcl.Expression, hcl.Range, bool) {
	expr, at, ok := w.meant(expr, at)
	if !ok {
		return nil, at, false
	}
	switch x := expr.(type) {
	case *hclsyntax.ObjectConsExpr:
		for _, item := range x.Items {
			if name, ok := fixedKey(item.KeyExpr); ok && key.Type() == cty.String && name == key.AsString() {
				return item.ValueExpr, item.KeyExpr.Range(), true
			}
		}
	case *hclsyntax.TupleConsExpr:
		if key.Type() == cty.Number {
			if i, _ := key.AsBigFloat().Int64(); i >= 0 && i < int64(len(x.Exprs)) {
				return x.Exprs[i], x.Exprs[i].Range(), true
			}
		}
	}
	return nil, at, false
}

// value is what a condition or an index is for this instance, if it is made of axes, variables and locals alone.
func (w *written) value(expr hcl.Expression) (cty.Value, bool) {
	for _, t := range expr.Variables() {
		if root := t.RootName(); root != "each" && root != "var" && root != "local" {
			return cty.NilVal, false
		}
		w.byCell = w.byCell || t.RootName() == "each"
	}
	each := map[string]cty.Value{}
	for _, axis := range w.inst.Axes {
		each[axis.Name] = axisCty(axis.Value)
	}
	ctx := w.p.base.NewChild()
	ctx.Variables = map[string]cty.Value{"each": cty.ObjectVal(each)}
	v, diags := expr.Value(ctx)
	v, _ = v.Unmark()
	return v, !diags.HasErrors() && v.IsKnown() && !v.IsNull()
}

// fixedKey is a key of an object that is written out.
func fixedKey(expr hcl.Expression) (string, bool) {
	v, diags := expr.Value(nil)
	if diags.HasErrors() || v.IsNull() || !v.IsKnown() || v.Type() != cty.String {
		return "", false
	}
	return v.AsString(), true
}

// secret notes which parts of an attribute come from sensitive variables.
func (a *attribute) secret(marked []cty.PathValueMarks) {
	for _, m := range marked {
		if _, ok := m.Marks[sensitive{}]; ok {
			if a.secrets == nil {
				a.secrets = map[string]bool{}
			}
			a.secrets[a.name+pathText(m.Path)] = true
		}
	}
}

func pathText(path cty.Path) string {
	var b strings.Builder
	for _, s := range path {
		switch s := s.(type) {
		case cty.GetAttrStep:
			b.WriteString("." + s.Name)
		case cty.IndexStep:
			if s.Key.Type() == cty.String {
				b.WriteString("." + s.Key.AsString())
			} else {
				b.WriteString("[" + s.Key.AsBigFloat().Text('f', 0) + "]")
			}
		}
	}
	return b.String()
}

// secrets lists the parts of the stage's attributes that come from sensitive variables.
func (s *Stage) secrets() []string {
	all := map[string]bool{}
	for _, a := range s.attrs {
		maps.Copy(all, a.secrets)
	}
	if a := s.meta["salt"]; a != nil {
		maps.Copy(all, a.secrets)
	}
	return slices.Sorted(maps.Keys(all))
}
