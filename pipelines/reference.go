package pipelines

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/pipe-ml/pipe/stages"
)

// reference is TYPE.NAME.OUT or all.TYPE.NAME.OUT in an expression.
type reference struct {
	all    bool
	target *Stage
	output string
	kind   string
	at     hcl.Range
	joins  []join // the axes on which the target must agree with the referring stage
}

// join pairs an axis of the target with the same axis of the referring stage.
type join struct {
	target, mine int
}

// item is NAME = reference in an object.
type item struct {
	name string
	ref  *reference
}

func (r *reference) String() string {
	text := r.target.Address() + "." + r.output
	if r.all {
		text = "all." + text
	}
	return text
}

// findReferences resolves what the expressions of a stage refer to.
func (s *Stage) findReferences(p *Pipeline) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, a := range s.attrs {
		diags = append(diags, a.bind(p, s)...)
	}
	for _, name := range metaOrder(s.meta) {
		a := s.meta[name]
		switch name {
		case "matrix":
			if target, more, ok := p.wholeMatrix(a.expr); ok {
				s.matrixOf = target
				a.sound = !more.HasErrors()
				diags = append(diags, more...)
				continue
			}
			fallthrough
		case "include", "exclude", "enabled":
			diags = append(diags, a.bindConstant(p)...)
		default:
			diags = append(diags, a.bind(p, s)...)
		}
	}
	return diags
}

// bindConstant checks an expression that is evaluated before there are instances.
func (a *attribute) bindConstant(p *Pipeline) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, t := range a.expr.Variables() {
		switch root := t.RootName(); root {
		case "var", "local":
			if d := p.checkNamed(t); d != nil {
				diags = append(diags, d)
			}
		default:
			detail := "%s is needed before anything runs, so it may use only var.NAME, local.NAME and functions, not %q."
			if a.name == "matrix" {
				detail += " To take over another stage's cells, write matrix = TYPE.NAME.matrix and nothing else."
			}
			diags = append(diags, mistake(t.SourceRange(), "Unexpected reference", detail, a.name, root))
		}
	}
	a.sound = !diags.HasErrors()
	return diags
}

// bind resolves the references in an attribute that is evaluated for each instance.
func (a *attribute) bind(p *Pipeline, s *Stage) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, t := range a.expr.Variables() {
		var d *hcl.Diagnostic
		switch root := t.RootName(); {
		case root == "var" || root == "local":
			d = p.checkNamed(t)
		case root == "each":
			// Checked when the axes are known.
		case s.keyed() && has([]string{"input", "output", "params"}, root):
			a.local = true
			d = s.checkOwn(t)
		default:
			var r *reference
			if r, d = p.resolve(t); r != nil {
				a.refs = append(a.refs, r)
				if whole, more := hcl.AbsTraversalForExpr(a.expr); !more.HasErrors() && len(whole) == len(t) {
					a.direct = r
				}
			}
		}
		if d != nil {
			diags = append(diags, d)
		}
	}
	a.sound = !diags.HasErrors()
	if !a.sound {
		s.broken = true
	}
	if port, ok := s.schema.Input(a.name); ok && port.Form == stages.Keyed {
		a.items = a.plainItems()
	}
	return diags
}

// plainItems reads an object whose keys are names and whose values are references and nothing else. It is nil for
// any other expression.
func (a *attribute) plainItems() []item {
	object, ok := a.expr.(*hclsyntax.ObjectConsExpr)
	if !ok || len(object.Items) == 0 || len(object.Items) != len(a.refs) {
		return nil
	}
	items := make([]item, len(object.Items))
	for i, o := range object.Items {
		key, ok := o.KeyExpr.(*hclsyntax.ObjectConsKeyExpr)
		if !ok || key.ForceNonLiteral {
			return nil
		}
		name := hcl.ExprAsKeyword(key.Wrapped)
		t, diags := hcl.AbsTraversalForExpr(o.ValueExpr)
		if name == "" || diags.HasErrors() || a.refs[i].at != t.SourceRange() ||
			slices.ContainsFunc(items[:i], func(earlier item) bool { return earlier.name == name }) {
			return nil
		}
		items[i] = item{name, a.refs[i]}
	}
	slices.SortFunc(items, func(a, b item) int { return strings.Compare(a.name, b.name) })
	return items
}

// checkOwn checks input.NAME, output.NAME and params.file.
func (s *Stage) checkOwn(t hcl.Traversal) *hcl.Diagnostic {
	root, name := t.RootName(), step(t, 1)
	var names []string
	switch root {
	case "params":
		names = []string{"file"}
	case "output":
		names = s.outputNames()
	case "input":
		for _, port := range s.schema.Inputs {
			a := s.attr(port.Name)
			if a == nil || port.Form != stages.Keyed {
				continue
			}
			items, diags := hcl.ExprMap(a.expr)
			if diags.HasErrors() {
				return nil // computed: evaluation will tell
			}
			for _, item := range items {
				if key, diags := item.Key.Value(nil); !diags.HasErrors() && !key.IsNull() {
					names = append(names, keyText(key))
				}
			}
		}
	}
	if has(names, name) {
		return nil
	}
	return mistake(t.SourceRange(), "Unknown "+root, "Stage %s has no %s.%s.%s", s.Address(), root, name, didYouMean(name, names))
}

// resolve finds the stage and output that a traversal names.
func (p *Pipeline) resolve(t hcl.Traversal) (*reference, *hcl.Diagnostic) {
	r := &reference{at: t.SourceRange()}
	rest := t
	if t.RootName() == "all" {
		r.all = true
		rest = t[1:]
	}
	var names []string
	for i := range rest {
		names = append(names, traversalStep(rest[i]))
	}
	usage := "Write TYPE.NAME.OUTPUT for the instance that agrees with this one, or all.TYPE.NAME.OUTPUT for all that do."
	if len(names) == 0 || names[0] == "" {
		return nil, mistake(r.at, "Incomplete reference", "%s", usage)
	}
	typ := names[0]
	if _, ok := stages.Lookup(typ); !ok && len(p.stagesOf(typ)) == 0 {
		roots := append(append([]string(nil), reservedRoots...), p.usedTypes()...)
		return nil, mistake(r.at, "Unknown reference", "%q is neither a stage type of this pipeline nor one of %s.%s",
			typ, listing(reservedRoots), suggestOnly(typ, roots))
	}
	if len(names) < 2 || names[1] == "" {
		return nil, mistake(r.at, "Incomplete reference", "%s", usage)
	}
	target := p.byName[typ+"."+names[1]]
	if target == nil {
		return nil, mistake(r.at, "Unknown stage", "No stage %q is called %q.%s", typ, names[1], p.suggestStage(typ, names[1]))
	}
	r.target = target
	if !target.known {
		return nil, nil // its unknown type is reported; nothing can be said of its outputs
	}
	if len(names) < 3 || names[2] == "" {
		return nil, mistake(r.at, "Incomplete reference", "Stage %s makes: %s. %s", target.Address(), listing(target.outputNames()), usage)
	}
	if names[2] == "matrix" {
		return nil, mistake(r.at, "Unexpected reference", "%s.matrix can only be another stage's whole matrix: matrix = %s.matrix.", target.Address(), target.Address())
	}
	out, ok := target.output(names[2])
	if !ok {
		return nil, mistake(r.at, "Unknown output", "Stage %s makes no %q.%s", target.Address(), names[2], didYouMean(names[2], target.outputNames()))
	}
	if len(names) > 3 {
		return nil, mistake(r.at, "Nothing inside an artifact", "%s is a file or folder that does not exist yet, so nothing in it can be named here.", strings.Join(names[:3], "."))
	}
	r.output, r.kind = out.Name, out.Kind
	return r, nil
}

// traversalStep is the name of a step; an index gives "".
func traversalStep(t hcl.Traverser) string {
	switch s := t.(type) {
	case hcl.TraverseRoot:
		return s.Name
	case hcl.TraverseAttr:
		return s.Name
	}
	return ""
}

// wholeMatrix recognises TYPE.NAME.matrix.
func (p *Pipeline) wholeMatrix(expr hcl.Expression) (*Stage, hcl.Diagnostics, bool) {
	t, diags := hcl.AbsTraversalForExpr(expr)
	if diags.HasErrors() || len(t) != 3 || step(t, 2) != "matrix" {
		return nil, nil, false
	}
	target := p.byName[t.RootName()+"."+step(t, 1)]
	if target == nil {
		return nil, hcl.Diagnostics{mistake(t.SourceRange(), "Unknown stage", "No stage %q is called %q.%s",
			t.RootName(), step(t, 1), p.suggestStage(t.RootName(), step(t, 1)))}, true
	}
	return target, nil, true
}

func (p *Pipeline) stagesOf(typ string) []string {
	var names []string
	for _, s := range p.Stages {
		if s.Type == typ {
			names = append(names, s.Name)
		}
	}
	return names
}

func (p *Pipeline) usedTypes() []string {
	var types []string
	for _, s := range p.Stages {
		if s.known && !has(types, s.Type) {
			types = append(types, s.Type)
		}
	}
	return types
}

// suggestStage proposes a stage of that type, or one of that name and another type.
func (p *Pipeline) suggestStage(typ, name string) string {
	if names := p.stagesOf(typ); len(names) > 0 {
		return didYouMean(name, names)
	}
	var all []string
	for _, s := range p.Stages {
		all = append(all, s.Address())
	}
	return didYouMean(typ+"."+name, all)
}

// suggestOnly is didYouMean without the list of choices.
func suggestOnly(name string, candidates []string) string {
	if s := nearest(name, candidates); s != "" {
		return fmt.Sprintf(" Did you mean %q?", s)
	}
	return ""
}
