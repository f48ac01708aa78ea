package pipelines

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// Variable is a variable block and the value that it got.
type Variable struct {
	Name        string
	Description string
	Sensitive   bool
	Type        cty.Type // DynamicPseudoType: any
	Value       cty.Value
	HasDefault  bool

	defaults    *typeexpr.Defaults
	at          hcl.Range
	validations []validation
	set         bool
	argument    *named // what the module block sets it to
}

type validation struct {
	condition, message hcl.Expression
}

// sensitive marks values that must not be printed.
type sensitive struct{}

// decodeVariable reads variable "NAME" { type default description sensitive validation {} }.
func (m *module) decodeVariable(b *hclsyntax.Block) hcl.Diagnostics {
	diags := checkLabels(b, "NAME")
	if diags.HasErrors() {
		return diags
	}
	v := &Variable{Name: b.Labels[0], Type: cty.DynamicPseudoType, at: b.DefRange(), Value: cty.DynamicVal}
	if other := m.variable(v.Name); other != nil {
		return hcl.Diagnostics{mistake(b.DefRange(), "Variable declared twice", "Variable %q is also declared at %s. Give one of them another name.", v.Name, place(other.at))}
	}
	if m.parent == nil {
		m.p.Variables = append(m.p.Variables, v)
	} else if has(moduleArguments, v.Name) {
		diags = append(diags, mistake(b.LabelRanges[0], "Reserved name", "%q has a meaning of its own in a module block, so a module's variable cannot be called so. Choose another name.", v.Name))
	}
	m.variables = append(m.variables, v)
	m.variableByName[v.Name] = v
	d := &blockReader{block: b, known: []string{"type", "default", "description", "sensitive"}, nested: []string{"validation"}}
	d.check()
	v.Description, _ = d.text("description")
	v.Sensitive = d.flag("sensitive")
	if a, ok := b.Body.Attributes["type"]; ok {
		typ, defaults, more := typeexpr.TypeConstraintWithDefaults(a.Expr)
		d.diags = append(d.diags, more...)
		if !more.HasErrors() {
			v.Type, v.defaults = typ, defaults
		}
	}
	if a, ok := b.Body.Attributes["default"]; ok {
		value, more := m.p.work.evaluate(a.Expr, nil)
		d.diags = append(d.diags, more...)
		v.HasDefault = true
		if !more.HasErrors() {
			d.diags = append(d.diags, v.assign(value, a.Expr.Range(), "The default")...)
		}
	}
	for _, nested := range b.Body.Blocks {
		if nested.Type == "validation" {
			d.diags = append(d.diags, v.addValidation(nested)...)
		}
	}
	return append(diags, d.diags...)
}

func (v *Variable) addValidation(b *hclsyntax.Block) hcl.Diagnostics {
	d := &blockReader{block: b, known: []string{"condition", "error_message"}}
	d.check()
	for _, name := range d.known {
		if _, ok := b.Body.Attributes[name]; !ok {
			d.diags = append(d.diags, mistake(b.DefRange(), "Missing attribute", "A validation needs %s. Add %s = EXPRESSION.", name, name))
		}
	}
	if !d.diags.HasErrors() {
		v.validations = append(v.validations, validation{b.Body.Attributes["condition"].Expr, b.Body.Attributes["error_message"].Expr})
	}
	return d.diags
}

// assign gives the variable a value, converted to its type.
func (v *Variable) assign(value cty.Value, at hcl.Range, what string) hcl.Diagnostics {
	v.set = true
	converted, err := v.convert(value)
	if err != nil {
		shown := describe(value)
		if v.Sensitive || value.HasMarkDeep(sensitive{}) {
			shown = "the value that was given (sensitive)"
		}
		return hcl.Diagnostics{mistake(at, "Wrong type", "%s of variable %q must be %s: %s, not %s.",
			what, v.Name, typeexpr.TypeString(v.Type), err, shown)}
	}
	v.Value = converted
	return nil
}

// convert brings a value into the variable's type. Marks stay where they are.
func (v *Variable) convert(value cty.Value) (cty.Value, error) {
	if v.defaults != nil && !value.IsNull() {
		plain, marks := value.UnmarkDeepWithPaths()
		value = v.defaults.Apply(plain).MarkWithPaths(marks)
	}
	value, err := convert.Convert(value, v.Type)
	if err == nil && v.Sensitive {
		value = value.Mark(sensitive{})
	}
	return value, err
}

func (m *module) variable(name string) *Variable { return m.variableByName[name] }

// Secrets lists the texts in the values of the sensitive variables, to be hidden in what is shown. They are
// not hidden in the store: keys are made of them, and programs read them.
func (p *Pipeline) Secrets() []string {
	texts := p.secrets
	for _, m := range p.modules {
		for _, v := range m.variables {
			if v.Value.HasMarkDeep(sensitive{}) {
				texts = append(texts, textsIn(v.Value)...)
			}
		}
	}
	return texts
}

// textsIn lists the strings in a value.
func textsIn(v cty.Value) []string {
	var texts []string
	v, _ = v.UnmarkDeep()
	_ = cty.Walk(v, func(_ cty.Path, x cty.Value) (bool, error) { // the function never fails
		if x.Type() == cty.String && x.IsKnown() && !x.IsNull() {
			texts = append(texts, x.AsString())
		}
		return true, nil
	})
	return texts
}

func (m *module) variableNames() []string {
	names := make([]string, len(m.variables))
	for i, v := range m.variables {
		names[i] = v.Name
	}
	return names
}

// unset reports a variable of the root that nothing has set. One of a module is told where its block is.
func (v *Variable) unset() hcl.Diagnostics {
	if v.set || v.HasDefault {
		return nil
	}
	return hcl.Diagnostics{mistake(v.at, "Variable without a value",
		"Variable %q has no default. Set it with -var %s=VALUE, in a -var-file, or by the environment variable PIPE_VAR_%s.",
		v.Name, v.Name, v.Name)}
}

func (v *Variable) validate(m *module) hcl.Diagnostics {
	if !v.Value.IsWhollyKnown() {
		return nil // an error about it is already there
	}
	var diags hcl.Diagnostics
	for _, rule := range v.validations {
		ok, more := m.p.work.evaluate(rule.condition, m.base)
		diags = append(diags, more...)
		if more.HasErrors() || !ok.IsKnown() {
			continue
		}
		ok, _ = ok.UnmarkDeep()
		if ok.IsNull() || ok.Type() != cty.Bool {
			diags = append(diags, mistake(rule.condition.Range(), "Wrong type", "A condition must be true or false, not %s.", describe(ok)))
			continue
		}
		if ok.True() {
			continue
		}
		text, more := m.p.work.evaluate(rule.message, m.base)
		diags = append(diags, more...)
		text, _ = text.UnmarkDeep()
		if more.HasErrors() || !text.IsKnown() || text.IsNull() || text.Type() != cty.String {
			continue
		}
		at, where := rule.condition.Range(), ""
		if v.argument != nil {
			at, where = v.argument.expr.Range(), " Give it another value; the rule is at "+place(at)+"."
		}
		diags = append(diags, mistake(at, "Invalid value for variable", "%s\nvar.%s is %s.%s", text.AsString(), v.Name, Literal(v.Value), where))
	}
	return diags
}

func place(r hcl.Range) string { return fmt.Sprintf("%s:%d", r.Filename, r.Start.Line) }

// describe writes a value for a message, cut when long.
func describe(v cty.Value) string {
	v, _ = v.UnmarkDeep()
	if !v.IsKnown() {
		return "a value that is not known"
	}
	if v.IsNull() {
		return "null"
	}
	text := strings.TrimSpace(literal(v))
	if len(text) > 80 {
		text = text[:77] + "..."
	}
	return text
}
