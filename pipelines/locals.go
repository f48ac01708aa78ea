package pipelines

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// local is one line of a locals block.
type local struct {
	name  string
	attr  *hclsyntax.Attribute
	value cty.Value
	uses  []*local // other locals in its expression
	sound bool     // its references are all right, so that it can be evaluated
}

// decodeLocals reads locals { NAME = EXPRESSION ... }.
func (p *Pipeline) decodeLocals(b *hclsyntax.Block) hcl.Diagnostics {
	diags := checkLabels(b)
	for _, nested := range b.Body.Blocks {
		diags = append(diags, mistake(nested.TypeRange, "Unexpected block", "A locals block holds only lines NAME = EXPRESSION."))
	}
	for _, a := range sortedAttributes(b.Body) {
		if other := p.local(a.Name); other != nil {
			diags = append(diags, mistake(a.NameRange, "Local declared twice", "local.%s is also declared at %s.", a.Name, place(other.attr.NameRange)))
			continue
		}
		p.locals = append(p.locals, &local{name: a.Name, attr: a, value: cty.DynamicVal})
	}
	return diags
}

func (p *Pipeline) local(name string) *local {
	for _, l := range p.locals {
		if l.name == name {
			return l
		}
	}
	return nil
}

func (p *Pipeline) localNames() []string {
	names := make([]string, len(p.locals))
	for i, l := range p.locals {
		names[i] = l.name
	}
	return names
}

// evaluateLocals computes the locals, each after those that it uses, and makes local.NAME known.
func (p *Pipeline) evaluateLocals() hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, l := range p.locals {
		more := p.bindLocal(l)
		l.sound = !more.HasErrors()
		diags = append(diags, more...)
	}
	order, cycles := depthFirst(p.locals, func(l *local) []*local { return l.uses })
	for _, cycle := range cycles {
		names := make([]string, len(cycle))
		for i, l := range cycle {
			l.sound = false
			names[i] = "local." + l.name
		}
		diags = append(diags, mistake(cycle[0].attr.Range(), "Locals in a circle", "%s.", circle(names)))
	}
	values := map[string]cty.Value{}
	for _, l := range p.locals {
		values[l.name] = cty.DynamicVal
	}
	for _, l := range order {
		p.base.Variables["local"] = cty.ObjectVal(values)
		if !l.sound {
			continue
		}
		value, more := l.attr.Expr.Value(p.base)
		diags = append(diags, more...)
		if !more.HasErrors() {
			l.value = value
			values[l.name] = value
		}
	}
	p.base.Variables["local"] = cty.ObjectVal(values)
	return diags
}

// bindLocal checks the references in a local's expression.
func (p *Pipeline) bindLocal(l *local) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, t := range l.attr.Expr.Variables() {
		switch root := t.RootName(); root {
		case "var", "local":
			if d := p.checkNamed(t); d != nil {
				diags = append(diags, d)
			} else if other := p.local(step(t, 1)); root == "local" && other != nil {
				l.uses = append(l.uses, other)
			}
		default:
			diags = append(diags, mistake(t.SourceRange(), "Unexpected reference",
				"A local may use var.NAME, local.NAME and functions; it is the same for all stages, so %q has no meaning here. Write it in the stage.", root))
		}
	}
	return diags
}

// checkNamed checks a traversal var.NAME or local.NAME.
func (p *Pipeline) checkNamed(t hcl.Traversal) *hcl.Diagnostic {
	root, name := t.RootName(), step(t, 1)
	if name == "" {
		return mistake(t.SourceRange(), "Incomplete reference", "Write %s.NAME.", root)
	}
	if root == "var" && p.variable(name) == nil {
		return mistake(t.SourceRange(), "Unknown variable", "No variable is called %q.%s", name, didYouMean(name, p.variableNames()))
	}
	if root == "local" && p.local(name) == nil {
		return mistake(t.SourceRange(), "Unknown local", "No local is called %q.%s", name, didYouMean(name, p.localNames()))
	}
	return nil
}

// step returns the i-th name of a traversal such as var.data, or "" where there is none.
func step(t hcl.Traversal, i int) string {
	if i >= len(t) {
		return ""
	}
	switch s := t[i].(type) {
	case hcl.TraverseRoot:
		return s.Name
	case hcl.TraverseAttr:
		return s.Name
	}
	return ""
}
