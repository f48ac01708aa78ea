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
}

type validation struct {
	condition, message hcl.Expression
}

// sensitive marks values that must not be printed.
type sensitive struct{}

// decodeVariable reads variable "NAME" { type default description sensitive validation {} }.
func (p *Pipeline) decodeVariable(b *hclsyntax.Block) hcl.Diagnostics {
	diags := checkLabels(b, "NAME")
	if diags.HasErrors() {
		return diags
	}
	v := &Variable{Name: b.Labels[0], Type: cty.DynamicPseudoType, at: b.DefRange(), Value: cty.DynamicVal}
	if other := p.variable(v.Name); other != nil {
		return hcl.Diagnostics{mistake(b.DefRange(), "Variable declared twice", "Variable %q is also declared at %s.", v.Name, place(other.at))}
	}
	p.Variables = append(p.Variables, v)
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
		value, more := a.Expr.Value(nil)
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
			d.diags = append(d.diags, mistake(b.DefRange(), "Missing attribute", "A validation needs %s.", name))
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
	if v.defaults != nil && !value.IsNull() {
		value = v.defaults.Apply(value)
	}
	converted, err := convert.Convert(value, v.Type)
	if err != nil {
		return hcl.Diagnostics{mistake(at, "Wrong type", "%s of variable %q must be %s: %s, not %s.",
			what, v.Name, typeexpr.TypeString(v.Type), err, describe(value))}
	}
	v.Value = converted
	return nil
}

func (p *Pipeline) variable(name string) *Variable {
	for _, v := range p.Variables {
		if v.Name == name {
			return v
		}
	}
	return nil
}

// Secrets lists the texts in the values of the sensitive variables, to be hidden in what is shown. They are
// not hidden in the store: keys are made of them, and programs read them.
func (p *Pipeline) Secrets() []string {
	var texts []string
	for _, v := range p.Variables {
		if !v.Sensitive || v.Value == cty.NilVal {
			continue
		}
		_ = cty.Walk(v.Value, func(_ cty.Path, x cty.Value) (bool, error) { // the function never fails
			if x.Type() == cty.String && x.IsKnown() && !x.IsNull() {
				texts = append(texts, x.AsString())
			}
			return true, nil
		})
	}
	return texts
}

func (p *Pipeline) variableNames() []string {
	names := make([]string, len(p.Variables))
	for i, v := range p.Variables {
		names[i] = v.Name
	}
	return names
}

// setVariables applies the settings from outside, checks the values and makes var.NAME known.
func (p *Pipeline) setVariables(settings []Setting) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, s := range settings {
		diags = append(diags, s.apply(p)...)
	}
	values := map[string]cty.Value{}
	for _, v := range p.Variables {
		if !v.set && !v.HasDefault {
			diags = append(diags, mistake(v.at, "Variable without a value",
				"Variable %q has no default. Set it with -var %s=VALUE, in a -var-file, or by the environment variable PIPE_VAR_%s.",
				v.Name, v.Name, v.Name))
		}
		value := v.Value
		if v.Sensitive {
			value = value.Mark(sensitive{})
		}
		values[v.Name] = value
	}
	p.base.Variables["var"] = cty.ObjectVal(values)
	for _, v := range p.Variables {
		diags = append(diags, v.validate(p.base)...)
	}
	return diags
}

func (v *Variable) validate(ctx *hcl.EvalContext) hcl.Diagnostics {
	if !v.Value.IsWhollyKnown() {
		return nil // an error about it is already there
	}
	var diags hcl.Diagnostics
	for _, rule := range v.validations {
		ok, more := rule.condition.Value(ctx)
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
		text, more := rule.message.Value(ctx)
		diags = append(diags, more...)
		text, _ = text.UnmarkDeep()
		if more.HasErrors() || !text.IsKnown() || text.IsNull() || text.Type() != cty.String {
			continue
		}
		shown := describe(v.Value)
		if v.Sensitive {
			shown = "(sensitive)"
		}
		d := mistake(rule.condition.Range(), "Invalid value for variable", "%s\nvar.%s is %s.", text.AsString(), v.Name, shown)
		diags = append(diags, d)
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
