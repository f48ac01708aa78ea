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
	all     bool
	target  *Stage
	output  string
	kind    string
	at      hcl.Range
	joins   []join // the axes on which the target must agree with the referring stage
	written bool   // with all. before it, in its own expression
	via     string // the name that stands for it: var.images, module.x.model
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
	if r.via != "" {
		text = r.via + " (" + text + ")"
	}
	return text
}

// name is how the files of a module call the target, or what it stands behind.
func (r *reference) name(m *module) string {
	if r.via != "" {
		return strings.TrimPrefix(r.via, "all.")
	}
	return r.target.seenFrom(m)
}

// wide says how they write it to mean every instance.
func (r *reference) wide(m *module) string {
	switch {
	case strings.HasPrefix(r.via, "var."):
		return "all. before the artifact that the module block sets " + r.via + " to"
	case r.via != "":
		return "all." + r.name(m)
	}
	return "all." + r.name(m) + "." + r.output
}

// narrow says how they write it to mean one instance.
func (r *reference) narrow(m *module) string {
	switch {
	case strings.HasPrefix(r.via, "var."):
		return "the artifact that the module block sets " + r.via + " to without all."
	case r.via != "":
		return r.name(m)
	}
	return r.name(m) + "." + r.output
}

// findReferences resolves what the expressions of a stage refer to.
func (s *Stage) findReferences() hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, a := range s.attrs {
		diags = append(diags, a.bind(s)...)
	}
	for _, name := range metaOrder(s.meta) {
		a := s.meta[name]
		switch name {
		case "matrix":
			if target, more, ok := s.in.wholeMatrix(a.expr); ok {
				s.matrixOf = target
				a.sound = target != nil
				diags = append(diags, more...)
				continue
			}
			fallthrough
		case "include", "exclude", "enabled":
			diags = append(diags, a.bindConstant()...)
		default:
			diags = append(diags, a.bind(s)...)
		}
	}
	return diags
}

// bindConstant checks an expression that is evaluated before there are instances.
func (a *attribute) bindConstant() hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, t := range a.expr.Variables() {
		var d *hcl.Diagnostic
		var used *named
		switch root := t.RootName(); root {
		case "var", "local":
			if d = a.in.checkNamed(t); d == nil && root == "var" {
				used = a.in.variable(step(t, 1)).argument
			}
		case "module":
			var o *Output
			if o, d = a.in.moduleOutput(t); o != nil {
				used = o.named
			}
		default:
			detail := "%s is needed before anything runs, so it may use only var.NAME, local.NAME, module.NAME.OUTPUT and functions, not %q."
			if a.name == "matrix" {
				detail += " To take over another stage's cells, write matrix = TYPE.NAME.matrix and nothing else."
			}
			d = mistake(t.SourceRange(), "Unexpected reference", detail, a.name, root)
		}
		if d == nil && used != nil && used.late {
			d = mistake(t.SourceRange(), "Unexpected reference", "%s is needed before anything runs, and %s is made of artifacts, which do not exist then. Use a plain variable.", a.name, used.text)
		}
		if d != nil {
			diags = append(diags, d)
		}
	}
	a.sound = !diags.HasErrors()
	return diags
}

// bind resolves the references in an attribute that is evaluated for each instance.
func (a *attribute) bind(s *Stage) hcl.Diagnostics {
	var diags hcl.Diagnostics
	done := map[hop]*binding{}
	for _, t := range a.expr.Variables() {
		var d *hcl.Diagnostic
		switch root := t.RootName(); {
		case root == "each":
			// Checked when the axes are known.
		case s.keyed() && has([]string{"input", "output", "params"}, root):
			a.local = true
			d = s.checkOwn(t)
		default:
			before := len(a.refs)
			d = a.binding.name(t, done)
			if whole, more := hcl.AbsTraversalForExpr(a.expr); len(a.refs) > before && !more.HasErrors() && len(whole) == len(t) {
				a.direct = a.refs[before]
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
func (m *module) resolve(t hcl.Traversal) (*reference, *hcl.Diagnostic) {
	r := &reference{at: t.SourceRange()}
	rest := t
	if t.RootName() == "all" {
		r.all, r.written = true, true
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
	if typ == "path" {
		return nil, mistake(r.at, "Unknown reference", "There is no path.module here: a path is relative to the folder of the file that it is written in. Leave it out.")
	}
	if _, ok := stages.Lookup(typ); !ok && len(m.stagesOf(typ)) == 0 {
		roots := append(append([]string(nil), reservedRoots...), m.usedTypes()...)
		return nil, mistake(r.at, "Unknown reference", "%q is neither a stage type of this pipeline nor one of %s.%s",
			typ, listing(reservedRoots), suggestOnly(typ, roots))
	}
	if len(names) < 2 || names[1] == "" {
		return nil, mistake(r.at, "Incomplete reference", "%s", usage)
	}
	target := m.byName[typ+"."+names[1]]
	if target == nil {
		return nil, mistake(r.at, "Unknown stage", "No stage %q is called %q.%s", typ, names[1], m.suggestStage(typ, names[1]))
	}
	r.target = target
	if !target.known {
		return nil, nil // its unknown type is reported; nothing can be said of its outputs
	}
	if len(names) < 3 || names[2] == "" {
		if len(rest) > 2 { // TYPE.NAME[...]
			usage += " An instance is chosen by the matrix of who reads it: matrix = { AXIS = [VALUE] }."
		}
		return nil, mistake(r.at, "Incomplete reference", "Stage %s makes: %s. %s", target.seenFrom(m), listing(target.outputNames()), usage)
	}
	if names[2] == "matrix" {
		return nil, mistake(r.at, "Unexpected reference", "%s.matrix can only be another stage's whole matrix: matrix = %s.matrix.", target.seenFrom(m), target.seenFrom(m))
	}
	out, ok := target.output(names[2])
	if !ok {
		return nil, mistake(r.at, "Unknown output", "Stage %s makes no %q.%s", target.seenFrom(m), names[2], didYouMean(names[2], target.outputNames()))
	}
	if len(names) > 3 {
		return nil, mistake(r.at, "Nothing inside an artifact", "%s is a file or folder that does not exist yet, so nothing in it can be named here. Give the whole of it to an input.", strings.Join(names[:3], "."))
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

// wholeMatrix recognises TYPE.NAME.matrix, module.NAME.OUT.matrix and, where the variable is an artifact,
// var.NAME.matrix: the cells of the stage, or of the one that makes the artifact. Without a stage and a mistake, what
// is wrong with it has been told.
func (m *module) wholeMatrix(expr hcl.Expression) (target *Stage, diags hcl.Diagnostics, ok bool) {
	t, diags := hcl.AbsTraversalForExpr(expr)
	if last := len(t) - 1; diags.HasErrors() || last < 2 || step(t, last) != "matrix" {
		return nil, nil, false
	}
	var from *named
	root, name := t.RootName(), step(t, 1)
	switch {
	case root == "module" && len(t) == 4:
		o, d := m.moduleOutput(t)
		if o == nil {
			if d != nil {
				return nil, hcl.Diagnostics{d}, true
			}
			return nil, nil, true
		}
		from = o.named
	case root == "var" && len(t) == 3:
		v := m.variable(name)
		if v == nil || v.argument == nil || !v.argument.late {
			return nil, nil, false // an attribute of a plain value
		}
		from = v.argument
	case len(t) == 3 && !has(reservedRoots, root):
		if target = m.byName[root+"."+name]; target == nil {
			return nil, hcl.Diagnostics{mistake(t.SourceRange(), "Unknown stage", "No stage %q is called %q.%s", root, name, m.suggestStage(root, name))}, true
		}
		return target, nil, true
	default:
		return nil, nil, false
	}
	if !from.sound {
		return nil, nil, true
	}
	if target = from.maker(); target == nil {
		return nil, hcl.Diagnostics{mistake(t.SourceRange(), "No matrix",
			"%s is not what one stage makes, as it stands, so it has no cells. Write matrix = TYPE.NAME.matrix, or pass the axes in a variable.", from.text)}, true
	}
	return target, nil, true
}

// maker is the stage that makes the artifact which the expression names, if it does nothing else.
func (n *named) maker() *Stage {
	expr, m := n.in.written(n.expr)
	t, diags := hcl.AbsTraversalForExpr(expr)
	if diags.HasErrors() || len(t) == 0 {
		return nil
	}
	if t.RootName() == "all" && len(t) > 1 {
		t = t[1:]
	}
	return m.byName[step(t, 0)+"."+step(t, 1)]
}

func (m *module) stagesOf(typ string) []string {
	var names []string
	for _, s := range m.stages {
		if s.Type == typ {
			names = append(names, s.Name)
		}
	}
	return names
}

func (m *module) usedTypes() []string {
	var types []string
	for _, s := range m.stages {
		if s.known && !has(types, s.Type) {
			types = append(types, s.Type)
		}
	}
	return types
}

// suggestStage proposes a stage of that type, or one of that name and another type.
func (m *module) suggestStage(typ, name string) string {
	if names := m.stagesOf(typ); len(names) > 0 {
		return didYouMean(name, names)
	}
	var all []string
	for _, s := range m.stages {
		all = append(all, s.seenFrom(m))
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
