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
	if here != around {
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
		key, ok := w.key(x.Key)
		if !ok {
			return nil, at, false
		}
		return w.part(x.Collection, at, key)
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

// key is the value of an index that is each.AXIS or written out.
func (w *written) key(expr hclsyntax.Expression) (cty.Value, bool) {
	if t, ok := expr.(*hclsyntax.ScopeTraversalExpr); ok && t.Traversal.RootName() == "each" && len(t.Traversal) == 2 {
		w.byCell = true
		i := axisIndex(w.inst.Axes, step(t.Traversal, 1))
		if i < 0 {
			return cty.NilVal, false
		}
		return axisCty(w.inst.Axes[i].Value), true
	}
	v, diags := expr.Value(nil)
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
