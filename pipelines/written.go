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
// and split. A local, an argument of a module block and an output of a module are followed to where the value stands.
type written struct {
	inst   *Instance
	at     map[string]dag.Pos
	byCell bool // places depend on the instance: options = local.methods[each.method]
}

// spot is an expression, the module whose names it uses, and where a reader looks for it.
type spot struct {
	expr hcl.Expression
	in   *module
	at   hcl.Range
}

// places says where the attributes of an instance are written, and whether that depends on the instance.
func (s *Stage) places(inst *Instance) (at map[string]dag.Pos, byCell bool) {
	w := &written{inst: inst, at: map[string]dag.Pos{"": {File: s.at.Filename, Line: s.at.Start.Line}}}
	for _, a := range s.attrs {
		w.add(a.name, spot{a.expr, a.in, a.at}, dag.Pos{})
	}
	if a := s.meta["salt"]; a != nil { // of these alone the key is made
		w.add(a.name, spot{a.expr, a.in, a.at}, dag.Pos{})
	}
	return w.at, w.byCell
}

// add notes where path is written, and its parts that are written in other lines than around.
func (w *written) add(path string, x spot, around dag.Pos) {
	x = w.follow(x)
	here := dag.Pos{File: x.at.Filename, Line: x.at.Start.Line}
	if t, ok := x.expr.(*hclsyntax.ScopeTraversalExpr); ok && t.Traversal.RootName() == "var" {
		here.From = x.in.prefix() + "var." + step(t.Traversal, 1)
	}
	if _, again := w.at[path]; again || here != around {
		w.at[path] = here
	}
	w.parts(path, x, here)
}

func (w *written) parts(path string, of spot, here dag.Pos) {
	switch x := of.expr.(type) {
	case *hclsyntax.ObjectConsExpr:
		for _, item := range x.Items {
			if name, ok := fixedKey(item.KeyExpr); ok {
				w.add(path+"."+name, spot{item.ValueExpr, of.in, item.KeyExpr.Range()}, here)
			}
		}
	case *hclsyntax.TupleConsExpr:
		for i, e := range x.Exprs {
			w.add(fmt.Sprintf("%s[%d]", path, i), spot{e, of.in, e.Range()}, here)
		}
	case *hclsyntax.FunctionCallExpr:
		if x.Name == "merge" { // later arguments win
			for _, arg := range x.Args {
				w.parts(path, w.follow(spot{arg, of.in, arg.Range()}), here)
			}
		}
	}
}

// follow goes from a name, or from a part of what it stands for, to the expression that is meant.
func (w *written) follow(x spot) spot {
	if meant, ok := w.meant(x); ok {
		return meant
	}
	return x
}

func (w *written) meant(of spot) (spot, bool) {
	switch x := of.expr.(type) {
	case *hclsyntax.ParenthesesExpr:
		return w.meant(spot{x.Expression, of.in, of.at})
	case *hclsyntax.ScopeTraversalExpr:
		switch n, rest := of.in.behind(x.Traversal); {
		case n == nil:
			return of, true
		case n.sound:
			return w.walk(spot{n.expr, n.in, n.at}, rest)
		}
		return spot{}, false
	case *hclsyntax.RelativeTraversalExpr:
		return w.walk(spot{x.Source, of.in, of.at}, x.Traversal)
	case *hclsyntax.IndexExpr:
		return w.element(spot{x.Collection, of.in, of.at}, x.Key)
	case *hclsyntax.FunctionCallExpr:
		if x.Name == "lookup" && len(x.Args) == 3 {
			if found, ok := w.element(spot{x.Args[0], of.in, of.at}, x.Args[1]); ok {
				return found, true
			}
			return w.meant(spot{x.Args[2], of.in, of.at})
		}
	case *hclsyntax.ConditionalExpr:
		switch chosen, ok := w.value(spot{x.Condition, of.in, of.at}); {
		case !ok || !truthful(chosen):
			return spot{}, false
		case chosen.True():
			return w.meant(spot{x.TrueResult, of.in, of.at})
		}
		return w.meant(spot{x.FalseResult, of.in, of.at})
	}
	return of, true
}

func (w *written) walk(x spot, steps hcl.Traversal) (spot, bool) {
	for _, s := range steps {
		var key cty.Value
		switch s := s.(type) {
		case hcl.TraverseAttr:
			key = cty.StringVal(s.Name)
		case hcl.TraverseIndex:
			key = s.Key
		default:
			return spot{}, false
		}
		var ok bool
		if x, ok = w.part(x, key); !ok {
			return spot{}, false
		}
	}
	return w.meant(x)
}

// element is part of an index that is to be evaluated.
func (w *written) element(of spot, index hcl.Expression) (spot, bool) {
	key, ok := w.value(spot{index, of.in, of.at})
	if !ok {
		return spot{}, false
	}
	x, ok := w.part(of, key)
	if !ok {
		return spot{}, false
	}
	return w.meant(x)
}

// part finds one element in an object or a list that is written out.
func (w *written) part(of spot, key cty.Value) (spot, bool) {
	of, ok := w.meant(of)
	if !ok {
		return spot{}, false
	}
	switch x := of.expr.(type) {
	case *hclsyntax.ObjectConsExpr:
		for _, item := range x.Items {
			if name, ok := fixedKey(item.KeyExpr); ok && key.Type() == cty.String && name == key.AsString() {
				return spot{item.ValueExpr, of.in, item.KeyExpr.Range()}, true
			}
		}
	case *hclsyntax.TupleConsExpr:
		if key.Type() == cty.Number {
			if i, _ := key.AsBigFloat().Int64(); i >= 0 && i < int64(len(x.Exprs)) {
				return spot{x.Exprs[i], of.in, x.Exprs[i].Range()}, true
			}
		}
	}
	return spot{}, false
}

// value is what a condition or an index is for this instance, if it is made of axes and of names of values.
func (w *written) value(x spot) (cty.Value, bool) {
	for _, t := range x.expr.Variables() {
		if root := t.RootName(); root != "each" && root != "var" && root != "local" && root != "module" {
			return cty.NilVal, false
		}
		w.byCell = w.byCell || t.RootName() == "each"
	}
	each := map[string]cty.Value{}
	for _, axis := range w.inst.Axes {
		each[axis.Name] = axisCty(axis.Value)
	}
	ctx := x.in.base.NewChild()
	ctx.Variables = map[string]cty.Value{"each": cty.ObjectVal(each)}
	v, diags := x.in.p.work.evaluate(x.expr, ctx)
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
