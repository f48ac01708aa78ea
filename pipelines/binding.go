package pipelines

import (
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// binding is an expression, and the artifacts that the names in it mean to one stage.
type binding struct {
	expr  hcl.Expression
	in    *module // whose names the expression uses
	all   bool    // each reference in it means every instance
	refs  []*reference
	links []link
}

// link is a name that stands for an expression with artifacts, written elsewhere: var.NAME for the argument of a
// module block, module.NAME.OUT for the value of an output.
type link struct {
	path     []string // as in the expression
	to       *binding
	variable *Variable // whose type the value takes, or nil
}

// hop is a step to another expression. With all, each reference in that means every instance.
type hop struct {
	to  *named
	all bool
}

// name finds the artifacts that one name in the expression means. done are the expressions that are bound for this
// stage already: each is bound once, however often it is named.
func (b *binding) name(t hcl.Traversal, done map[hop]*binding) *hcl.Diagnostic {
	switch root := t.RootName(); {
	case root == "var" || root == "local":
		if d := b.in.checkNamed(t); d != nil {
			return d
		}
		if root == "var" {
			if v := b.in.variable(step(t, 1)); v.argument != nil {
				b.link([]string{"var", v.Name}, hop{v.argument, false}, v, t.SourceRange(), done)
			}
		}
		return nil
	case root == "module" || root == "all" && step(t, 1) == "module":
		all := root == "all"
		if all {
			t = t[1:]
		}
		o, d := b.in.moduleOutput(t)
		if o == nil {
			return d
		}
		path := []string{"module", step(t, 1), o.Name}
		if all && o.named.sound && !o.named.late {
			return mistake(t.SourceRange(), "Nothing to gather", "Output %s is a plain value, the same for all. Write %s.", o.Address(), strings.Join(path, "."))
		}
		if all {
			path = append([]string{"all"}, path...)
		}
		b.link(path, hop{o.named, all}, nil, t.SourceRange(), done)
		return nil
	}
	r, d := b.in.resolve(t)
	if r != nil {
		r.all = r.all || b.all
		b.refs = append(b.refs, r)
	}
	return d
}

// link notes a name that stands for another expression, and binds that. Mistakes in it are told where it is written.
func (b *binding) link(path []string, to hop, v *Variable, at hcl.Range, done map[hop]*binding) {
	if !to.to.sound || !to.to.late {
		return // a plain value is known to all expressions
	}
	to.all = to.all || b.all
	target := done[to]
	if target == nil {
		target = &binding{expr: to.to.expr, in: to.to.in, all: to.all}
		done[to] = target
		for _, t := range target.expr.Variables() {
			_ = target.name(t, done)
		}
		for _, r := range target.references() {
			r.at, r.via = at, strings.Join(path, ".")
		}
	}
	b.links = append(b.links, link{path, target, v})
}

// references lists those of the expression and of the expressions that it stands for.
func (b *binding) references() []*reference {
	var refs []*reference
	seen := map[*binding]bool{}
	var visit func(*binding)
	visit = func(b *binding) {
		if seen[b] {
			return
		}
		seen[b] = true
		refs = append(refs, b.refs...)
		for _, l := range b.links {
			visit(l.to)
		}
	}
	visit(b)
	return refs
}

// artifacts tells whether the value depends on references.
func (b *binding) artifacts() bool { return len(b.refs)+len(b.links) > 0 }

// tree is a nest of names with values at its leaves: what an expression sees under var, module, all and the types.
type tree map[string]any

func (t tree) put(v cty.Value, path []string) {
	for _, name := range path[:len(path)-1] {
		next, ok := t[name].(tree)
		if !ok {
			next = tree{}
			t[name] = next
		}
		t = next
	}
	t[path[len(path)-1]] = v
}

// fill adds the names of an object that are not there yet.
func (t tree) fill(name string, object cty.Value) {
	inner, ok := t[name].(tree)
	if !ok {
		return
	}
	for key, v := range object.AsValueMap() {
		if _, there := inner[key].(tree); there {
			inner.fill(key, v)
		} else if inner[key] == nil {
			inner[key] = v
		}
	}
}

func (t tree) object() map[string]cty.Value {
	values := make(map[string]cty.Value, len(t))
	for name, x := range t {
		if inner, ok := x.(tree); ok {
			values[name] = cty.ObjectVal(inner.object())
		} else {
			values[name] = x.(cty.Value)
		}
	}
	return values
}
