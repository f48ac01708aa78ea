package pipelines

import (
	"fmt"
	"sort"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"golang.org/x/mod/semver"
)

// checkLabels tells whether a block has the labels that its type needs, each a plain name.
func checkLabels(b *hclsyntax.Block, want ...string) hcl.Diagnostics {
	usage := b.Type
	for _, w := range want {
		usage += fmt.Sprintf(" %q", w)
	}
	if len(b.Labels) != len(want) {
		return hcl.Diagnostics{mistake(b.DefRange(), "Wrong labels", "Block %q has %d labels; write %s { ... }.", b.Type, len(b.Labels), usage)}
	}
	for i, label := range b.Labels {
		if !hclsyntax.ValidIdentifier(label) {
			return hcl.Diagnostics{mistake(b.LabelRanges[i], "Invalid name",
				"%q cannot be referred to. Take another name: a name starts with a letter and holds letters, digits, _ and -.", label)}
		}
	}
	return nil
}

// sortedAttributes returns the attributes of a body in the order of the file.
func sortedAttributes(body *hclsyntax.Body) []*hclsyntax.Attribute {
	attrs := make([]*hclsyntax.Attribute, 0, len(body.Attributes))
	for _, a := range body.Attributes {
		attrs = append(attrs, a)
	}
	sort.Slice(attrs, func(i, j int) bool { return attrs[i].NameRange.Start.Byte < attrs[j].NameRange.Start.Byte })
	return attrs
}

// blockReader reads the plain attributes of a block that is not a stage, and collects what is wrong.
type blockReader struct {
	block  *hclsyntax.Block
	known  []string // attributes
	nested []string // block types
	ctx    *hcl.EvalContext
	diags  hcl.Diagnostics
}

// check reports attributes and blocks that do not belong here.
func (d *blockReader) check() {
	for _, a := range sortedAttributes(d.block.Body) {
		if !has(d.known, a.Name) {
			d.diags = append(d.diags, mistake(a.NameRange, "Unknown attribute", "Block %q has no attribute %q.%s",
				d.block.Type, a.Name, didYouMean(a.Name, d.known)))
		}
	}
	for _, b := range d.block.Body.Blocks {
		if !has(d.nested, b.Type) {
			d.diags = append(d.diags, mistake(b.TypeRange, "Unknown block", "Block %q holds no block %q. Take it away.%s",
				d.block.Type, b.Type, suggestOnly(b.Type, d.nested)))
		}
	}
}

// at is the place of an attribute's value.
func (d *blockReader) at(name string) hcl.Range {
	if a, ok := d.block.Body.Attributes[name]; ok {
		return a.Expr.Range()
	}
	return d.block.DefRange()
}

// value evaluates an attribute to a known, non-null value of the wanted type. ok is false when it is
// absent or wrong.
func (d *blockReader) value(name string, want cty.Type) (cty.Value, bool) {
	a, ok := d.block.Body.Attributes[name]
	if !ok {
		return cty.NilVal, false
	}
	v, diags := a.Expr.Value(d.ctx)
	d.diags = append(d.diags, diags...)
	if diags.HasErrors() {
		return cty.NilVal, false
	}
	v, _ = v.UnmarkDeep()
	if v.IsNull() || !v.IsKnown() || v.Type() != want {
		d.diags = append(d.diags, mistake(a.Expr.Range(), "Wrong type", "%s must be a %s, not %s.",
			name, want.FriendlyName(), describe(v)))
		return cty.NilVal, false
	}
	return v, true
}

func (d *blockReader) text(name string) (string, bool) {
	v, ok := d.value(name, cty.String)
	if !ok {
		return "", false
	}
	return v.AsString(), true
}

func (d *blockReader) flag(name string) bool {
	v, ok := d.value(name, cty.Bool)
	return ok && v.True()
}

// checkVersion compares this program with a constraint such as ">= 0.1, < 2".
func checkVersion(constraint string) error {
	for _, part := range strings.Split(constraint, ",") {
		part = strings.TrimSpace(part)
		version := strings.TrimSpace(strings.TrimLeft(part, "<>=!~"))
		op := strings.TrimSpace(strings.TrimSuffix(part, version))
		if !semver.IsValid("v" + version) {
			return fmt.Errorf("%q is not a version constraint such as \">= 0.1\"", constraint)
		}
		c := semver.Compare("v"+Version, "v"+version)
		ok := false
		switch op {
		case "", "=":
			ok = c == 0
		case "!=":
			ok = c != 0
		case ">=":
			ok = c >= 0
		case ">":
			ok = c > 0
		case "<=":
			ok = c <= 0
		case "<":
			ok = c < 0
		case "~>":
			ok = c >= 0 && agreeButLast(version, Version)
		default:
			return fmt.Errorf("%q is not a version constraint such as \">= 0.1\"", constraint)
		}
		if !ok {
			return fmt.Errorf("this is pipe %s, and the pipeline needs %s. Use another version of pipe, or change required_version", Version, constraint)
		}
	}
	return nil
}

// agreeButLast tells whether a whole version begins with the given parts of another, but for the last of these.
func agreeButLast(given, whole string) bool {
	if i := strings.IndexAny(given, "-+"); i >= 0 {
		given = given[:i]
	}
	return strings.HasPrefix(whole, given[:strings.LastIndexByte(given, '.')+1])
}

func has(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// sentence makes the text of an error the detail of a diagnostic.
func sentence(err error) string {
	s := err.Error()
	if s == "" {
		return s
	}
	return stopped(strings.ToUpper(s[:1]) + s[1:])
}

// stopped ends a text with a full stop unless it ends a sentence already.
func stopped(s string) string {
	if !strings.HasSuffix(s, ".") && !strings.HasSuffix(s, "?") {
		s += "."
	}
	return s
}
