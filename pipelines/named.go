package pipelines

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// named is an expression that others use by a name: a local, an argument of a module block, or an output's value.
type named struct {
	expr     hcl.Expression
	in       *module   // whose names the expression uses
	text     string    // module.x.local.a, as a circle shows it
	at       hcl.Range // of the name that it is written after
	variable *Variable // that an argument sets
	output   bool

	uses  []*named
	late  bool // it is made of artifacts: its value differs from stage to stage
	each  bool // it is an output's value that has a meaning only in the cells of the output
	sound bool // nothing is wrong with it so far
	value cty.Value
}

func newNamed(in *module, text string, expr hcl.Expression, at hcl.Range) *named {
	return &named{in: in, text: text, expr: expr, at: at, value: cty.DynamicVal}
}

// allNamed lists every named expression, module by module.
func (p *Pipeline) allNamed() []*named {
	var list []*named
	for _, m := range p.modules {
		list = append(list, m.arguments...)
		for _, l := range m.locals {
			list = append(list, l.named)
		}
		for _, o := range m.outputs {
			if o.named.expr != nil {
				o.named.output = true
				list = append(list, o.named)
			}
		}
	}
	return list
}

// evaluateNamed computes the named expressions that are no artifacts, each after those that it uses, through all
// modules, and makes their values known to the other expressions.
func (p *Pipeline) evaluateNamed() hcl.Diagnostics {
	var diags hcl.Diagnostics
	all := p.allNamed()
	for _, n := range all {
		more := n.bind()
		n.sound = !more.HasErrors()
		diags = append(diags, more...)
	}
	order, cycles := depthFirst(all, func(n *named) []*named { return n.uses })
	for _, cycle := range cycles {
		names := make([]string, len(cycle))
		summary := "Locals in a circle"
		for i, n := range cycle {
			n.sound = false
			names[i] = n.text
			if n.variable != nil || n.output {
				summary = "Values in a circle"
			}
		}
		diags = append(diags, mistake(cycle[0].expr.Range(), summary, "Each of these is computed from the next one: %s. Write one of them without the next.", circle(names)))
	}
	for _, n := range order {
		diags = append(diags, n.evaluate()...)
	}
	for _, m := range p.modules {
		m.publishNames()
	}
	for _, m := range p.modules {
		for _, v := range m.variables {
			if m.parent == nil {
				diags = append(diags, v.unset()...)
			}
			diags = append(diags, v.validate(m)...)
		}
	}
	return diags
}

// bind checks the names in the expression that have a meaning before there are instances.
func (n *named) bind() hcl.Diagnostics {
	var diags hcl.Diagnostics
	local := n.variable == nil && !n.output
	for _, t := range n.expr.Variables() {
		var d *hcl.Diagnostic
		switch root := t.RootName(); {
		case root == "var":
			if d = n.in.checkNamed(t); d == nil {
				if v := n.in.variable(step(t, 1)); v.argument != nil {
					n.uses = append(n.uses, v.argument)
				}
			}
		case root == "local":
			if d = n.in.checkNamed(t); d == nil {
				n.uses = append(n.uses, n.in.local(step(t, 1)).named)
			}
		case root == "module" || root == "all" && step(t, 1) == "module":
			if root == "all" {
				t = t[1:]
				n.late = true
			}
			var o *Output
			if o, d = n.in.moduleOutput(t); o != nil && o.named.expr != nil {
				n.uses = append(n.uses, o.named)
			}
		case local:
			d = mistake(t.SourceRange(), "Unexpected reference",
				"A local may use var.NAME, local.NAME, module.NAME.OUTPUT and functions; it is the same for all stages, so %q has no meaning here. Write it in the stage.", root)
		case root == "each" && n.output:
			n.each = true
		case root == "each":
			d = mistake(t.SourceRange(), "Unexpected reference",
				"A module block has no matrix, so each has no meaning here. Put the matrix on the stages of the module; its axes may come through a variable.")
		default:
			n.late = true // what it refers to is resolved for every stage that uses it
		}
		if d != nil {
			diags = append(diags, d)
		}
	}
	return diags
}

// evaluate computes the value when those that it uses are known.
func (n *named) evaluate() hcl.Diagnostics {
	if !n.sound {
		return nil
	}
	for _, u := range n.uses {
		n.late = n.late || u.late
		n.each = n.each || u.each
	}
	if n.late && n.variable == nil && !n.output {
		n.sound = false
		for _, u := range n.uses {
			if u.late {
				return hcl.Diagnostics{mistake(n.expr.Range(), "Artifact in a local",
					"%s is made of artifacts, and those are others for each stage, while a local is the same for all. Write the expression in the stage.", u.text)}
			}
		}
	}
	if n.late || n.each {
		if n.variable != nil {
			n.variable.set = true
		}
		return nil
	}
	value, diags := n.in.p.work.evaluate(n.expr, n.context())
	if diags.HasErrors() {
		n.sound = false
		return diags
	}
	if n.variable != nil {
		diags = append(diags, n.variable.assign(value, n.expr.Range(), "The value")...)
		value = n.variable.Value
	}
	n.value = value
	return diags
}

// checkNamed tells what is wrong with the references in arguments and outputs, once for all stages that use them.
func (p *Pipeline) checkNamed() hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, n := range p.allNamed() {
		if !n.sound || !n.late {
			continue
		}
		b := &binding{expr: n.expr, in: n.in}
		done := map[hop]*binding{}
		for _, t := range n.expr.Variables() {
			if t.RootName() == "each" {
				continue // checked when the axes are known
			}
			if d := b.name(t, done); d != nil {
				n.sound = false
				diags = append(diags, d)
			}
		}
	}
	return diags
}

// context holds the names that the expression uses and no others, since those may not be known yet.
func (n *named) context() *hcl.EvalContext {
	ctx := n.in.base.NewChild()
	names := tree{}
	for _, t := range n.expr.Variables() {
		name := step(t, 1)
		switch t.RootName() {
		case "var":
			names.put(n.in.variable(name).Value, []string{"var", name})
		case "local":
			names.put(n.in.local(name).value, []string{"local", name})
		case "module":
			value := cty.DynamicVal
			if o, _ := n.in.moduleOutput(t); o != nil {
				value = o.named.value
			}
			names.put(value, []string{"module", name, step(t, 2)})
		}
	}
	ctx.Variables = names.object()
	return ctx
}

// publishNames makes var.NAME, local.NAME and module.NAME.OUT known to the expressions of the module.
func (m *module) publishNames() {
	vars := make(map[string]cty.Value, len(m.variables))
	for _, v := range m.variables {
		vars[v.Name] = v.Value
	}
	locals := make(map[string]cty.Value, len(m.locals))
	for _, l := range m.locals {
		locals[l.name] = l.value
	}
	modules := make(map[string]cty.Value, len(m.modules))
	for _, child := range m.modules {
		outputs := make(map[string]cty.Value, len(child.outputs))
		for _, o := range child.outputs {
			outputs[o.Name] = o.named.value
		}
		modules[child.name] = cty.ObjectVal(outputs)
		if child.unread {
			modules[child.name] = cty.DynamicVal
		}
	}
	m.base.Variables = map[string]cty.Value{"var": cty.ObjectVal(vars), "local": cty.ObjectVal(locals), "module": cty.ObjectVal(modules)}
}
