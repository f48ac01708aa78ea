package pipelines

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// local is one line of a locals block.
type local struct {
	*named
	name string
}

// decodeLocals reads locals { NAME = EXPRESSION ... }.
func (m *module) decodeLocals(b *hclsyntax.Block) hcl.Diagnostics {
	diags := checkLabels(b)
	for _, nested := range b.Body.Blocks {
		diags = append(diags, mistake(nested.TypeRange, "Unexpected block", "A locals block holds only lines NAME = EXPRESSION."))
	}
	for _, a := range sortedAttributes(b.Body) {
		if other := m.local(a.Name); other != nil {
			diags = append(diags, mistake(a.NameRange, "Local declared twice", "local.%s is also declared at %s. Give one of them another name.", a.Name, place(other.at)))
			continue
		}
		l := &local{named: newNamed(m, m.prefix()+"local."+a.Name, a.Expr, a.NameRange), name: a.Name}
		m.locals = append(m.locals, l)
		m.localByName[a.Name] = l
	}
	return diags
}

func (m *module) local(name string) *local { return m.localByName[name] }

func (m *module) localNames() []string {
	names := make([]string, len(m.locals))
	for i, l := range m.locals {
		names[i] = l.name
	}
	return names
}

// checkNamed checks a traversal var.NAME or local.NAME.
func (m *module) checkNamed(t hcl.Traversal) *hcl.Diagnostic {
	root, name := t.RootName(), step(t, 1)
	if name == "" {
		return mistake(t.SourceRange(), "Incomplete reference", "Write %s.NAME.", root)
	}
	if root == "var" && m.variable(name) == nil {
		return mistake(t.SourceRange(), "Unknown variable", "No variable is called %q.%s", name, orDeclare(name, m.variableNames(), "variable \"%s\" {}"))
	}
	if root == "local" && m.local(name) == nil {
		return mistake(t.SourceRange(), "Unknown local", "No local is called %q.%s", name, orDeclare(name, m.localNames(), "locals { %s = VALUE }"))
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
