package pipelines

import (
	"os"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// Setting gives variables values from outside the pipeline: one variable by Name and Text, or all those in
// a var-file of NAME = VALUE lines.
type Setting struct {
	Name, Text string
	File       string
	Origin     string // "-var", "PIPE_VAR_data": where it comes from, for messages
	Lenient    bool   // a name that is not declared is no mistake
}

// EnvPrefix begins the environment variables that set variables.
const EnvPrefix = "PIPE_VAR_"

// FromEnvironment picks the settings out of an environment (os.Environ). The environment is shared with
// other pipelines, so it may set what this one does not declare.
func FromEnvironment(environ []string) []Setting {
	var settings []Setting
	for _, entry := range environ {
		name, text, _ := strings.Cut(entry, "=")
		if rest, ok := strings.CutPrefix(name, EnvPrefix); ok && rest != "" {
			settings = append(settings, Setting{Name: rest, Text: text, Origin: name, Lenient: true})
		}
	}
	return settings
}

// apply assigns what the setting holds.
func (s Setting) apply(m *module) hcl.Diagnostics {
	if s.File != "" {
		return s.applyFile(m)
	}
	v := m.variable(s.Name)
	if v == nil {
		if s.Lenient {
			return nil
		}
		return hcl.Diagnostics{{Severity: hcl.DiagError, Summary: "Unknown variable",
			Detail: s.Origin + " sets " + s.Name + ", but no variable is called so." + didYouMean(s.Name, m.variableNames())}}
	}
	value, diags := s.parse(m, v)
	if diags.HasErrors() {
		return diags
	}
	diags = v.assign(value, v.at, "The value given by "+s.Origin)
	return diags
}

// parse reads the text as the variable's type asks: as it stands for strings, else as an expression.
func (s Setting) parse(m *module, v *Variable) (cty.Value, hcl.Diagnostics) {
	if v.Type == cty.String || v.Type == cty.DynamicPseudoType {
		return cty.StringVal(s.Text), nil
	}
	if d := checkNesting("<"+s.Origin+">", []byte(s.Text)); d != nil {
		return cty.NilVal, hcl.Diagnostics{d}
	}
	expr, diags := hclsyntax.ParseExpression([]byte(s.Text), "<"+s.Origin+">", hcl.InitialPos)
	if !diags.HasErrors() {
		var value cty.Value
		if value, diags = m.p.work.evaluate(expr, nil); !diags.HasErrors() {
			return value, nil
		}
	}
	v.set = true // what it was set to is wrong, and that it is missing would be no news
	shown := s.Text
	if v.Sensitive {
		shown = "this (sensitive)"
	}
	switch v.Type {
	case cty.Bool:
		return cty.NilVal, hcl.Diagnostics{mistake(v.at, "Invalid value for variable", "%s: variable %q must be true or false, not %s.", s.Origin, v.Name, shown)}
	case cty.Number:
		return cty.NilVal, hcl.Diagnostics{mistake(v.at, "Invalid value for variable", "%s: variable %q must be a number, not %s.", s.Origin, v.Name, shown)}
	}
	return cty.NilVal, hcl.Diagnostics{mistake(v.at, "Invalid value for variable",
		"%s gives variable %q the text %s, which is not an expression: %s. Lists and strings inside need quotes for the shell, as in -var '%s=[\"a\", \"b\"]'.",
		s.Origin, v.Name, shown, strings.TrimSuffix(diags[0].Detail, "."), v.Name)}
}

// applyFile reads a file of NAME = VALUE lines.
func (s Setting) applyFile(m *module) hcl.Diagnostics {
	text, err := os.ReadFile(s.File)
	if err != nil {
		return hcl.Diagnostics{{Severity: hcl.DiagError, Summary: "Cannot read the var-file", Detail: sentence(err)}}
	}
	if d := checkEncoding(s.File, text); d != nil {
		return hcl.Diagnostics{d}
	}
	file, diags := hclsyntax.ParseConfig(text, s.File, hcl.InitialPos)
	if file == nil {
		return diags
	}
	m.p.files[s.File] = file
	body := file.Body.(*hclsyntax.Body)
	for _, b := range body.Blocks {
		diags = append(diags, mistake(b.TypeRange, "Unexpected block", "A var-file holds only lines NAME = VALUE."))
	}
	for _, a := range sortedAttributes(body) {
		v := m.variable(a.Name)
		if v == nil {
			diags = append(diags, mistake(a.NameRange, "Unknown variable", "No variable is called %q.%s", a.Name, didYouMean(a.Name, m.variableNames())))
			continue
		}
		value, more := m.p.work.evaluate(a.Expr, nil)
		diags = append(diags, more...)
		if !more.HasErrors() {
			diags = append(diags, v.assign(value, a.Expr.Range(), "The value")...)
		}
	}
	return diags
}
