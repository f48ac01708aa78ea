package pipelines

import (
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/pipe-ml/pipe/dag"
	"github.com/pipe-ml/pipe/stages"
)

// Output is an output block: an artifact that is a result of the whole pipeline. It may have a matrix, as a
// stage may, to publish several.
type Output struct {
	Name        string
	Description string

	stage *Stage // its references and cells, handled as a stage's
	named *named // its value, as the files of the parent see it
}

// Address is the name, in a module with the module's address before it: module.x.NAME.
func (o *Output) Address() string { return o.stage.in.prefix() + o.Name }

// outputAttributes are those of an output block beside matrix, include, exclude and enabled.
var outputAttributes = []string{"value", "path", "description"}

// decodeOutput reads output "NAME" { value path description }.
func (m *module) decodeOutput(b *hclsyntax.Block) hcl.Diagnostics {
	diags := checkLabels(b, "NAME")
	if diags.HasErrors() {
		return diags
	}
	if other := m.output(b.Labels[0]); other != nil {
		return hcl.Diagnostics{mistake(b.DefRange(), "Output declared twice", "Output %q is also declared at %s. Give one of them another name.", other.Name, place(other.stage.at))}
	}
	o := &Output{Name: b.Labels[0], stage: m.newStage("output", b.Labels[0], b.DefRange())}
	m.p.Outputs = append(m.p.Outputs, o)
	m.outputs = append(m.outputs, o)
	m.outputByName[o.Name] = o
	for _, a := range sortedAttributes(b.Body) {
		switch {
		case has(outputAttributes, a.Name):
			o.stage.attrs = append(o.stage.attrs, o.stage.newAttribute(a.Name, a))
		case has(cellAttributes, a.Name):
			o.stage.meta[a.Name] = o.stage.newAttribute(a.Name, a)
		default:
			diags = append(diags, mistake(a.NameRange, "Unknown attribute", "An output has no attribute %q.%s", a.Name, didYouMean(a.Name, slices.Concat(outputAttributes, cellAttributes))))
		}
	}
	for _, nested := range b.Body.Blocks {
		diags = append(diags, mistake(nested.TypeRange, "Unexpected block", "An output holds no blocks."))
	}
	if o.stage.attr("value") == nil {
		diags = append(diags, mistake(b.DefRange(), "Missing attribute", "Output %q has no value. Write value = TYPE.NAME.OUTPUT.", o.Name))
	}
	o.named = newNamed(o.stage.in, m.prefix()+"output."+o.Name, nil, o.stage.at)
	o.stage.unpublished = o.stage.attr("path") == nil
	if a := o.stage.attr("value"); a != nil {
		o.named.expr, o.named.at = a.expr, a.at
	}
	o.stage.broken = diags.HasErrors()
	return diags
}

// publish makes the publications of the output blocks that have a path.
func (p *Pipeline) publish() ([]dag.Publication, hcl.Diagnostics) {
	var list []dag.Publication
	var diags hcl.Diagnostics
	places := &places{taken: map[string]string{}, above: map[string]string{}}
	for _, o := range p.Outputs {
		if o.stage.noCells {
			continue
		}
		if o.stage.unpublished {
			diags = append(diags, o.unused()...)
			continue
		}
		e := newEvaluator(o.stage, map[string]*dag.Node{})
		for _, inst := range o.stage.cells {
			e.inst = inst
			pub, ok := e.publication(o)
			if !ok {
				continue
			}
			if other, why := places.take(pub); why != "" {
				a := o.stage.attr("path")
				e.report(a, mistake(a.expr.Range(), "Path used twice", "%s and %s are both published at %s: %s. Give each a path of its own, such as %q.",
					other, pub.Name, pub.Path, why, "figures/"+o.Name))
				continue
			}
			list = append(list, pub)
		}
		diags = append(diags, e.diags...)
	}
	return list, diags
}

// unused tells of an output that nothing comes of: one of the root, which has no parent to read it, without a path. What it
// refers to need not join, since in a module it would not.
func (o *Output) unused() hcl.Diagnostics {
	a := o.stage.attr("value")
	if o.stage.in.parent != nil || o.stage.broken || a == nil {
		return nil
	}
	e := newEvaluator(o.stage, map[string]*dag.Node{})
	if len(a.references()) == 0 {
		for _, e.inst = range o.stage.cells {
			e.value(a)
		}
	}
	if e.diags.HasErrors() {
		return e.diags
	}
	return append(e.diags, caution(o.stage.at, "Output without a path",
		"Output %q is published nowhere. Add path = %q, or use these files as a module, whose outputs need none.", o.Name, "figures/"+o.Name))
}

// publication evaluates one output for one cell.
func (e *evaluator) publication(o *Output) (dag.Publication, bool) {
	pub := dag.Publication{Name: ReadableAddress(o.Address(), e.inst.Axes)}
	if a := e.stage.attr("description"); a != nil {
		if text, ok := e.text(a); ok {
			o.Description = text
		}
	}
	a := e.stage.attr("value")
	if a == nil {
		return pub, false
	}
	v, ok := e.value(a)
	if !ok {
		return pub, false
	}
	ph := asPlaceholder(v)
	if ph == nil {
		e.report(a, e.explain(a, mistake(a.expr.Range(), "Not an artifact", "Only what a stage makes can be published: write value = TYPE.NAME.OUTPUT, or take path away.")))
		return pub, false
	}
	in := e.reference(a, stages.Port{Name: "value", Form: stages.Single}, "value", ph)
	if in == nil {
		return pub, false
	}
	pub.Ref = *in.From
	a = e.stage.attr("path")
	text, ok := e.text(a)
	if !ok {
		return pub, false
	}
	full, wrong := e.stage.in.p.place(text)
	if wrong != "" {
		e.report(a, e.explain(a, mistake(a.expr.Range(), "Invalid path", "Nothing can be published at %q: %s. Choose a path in a folder for results, such as %q.",
			text, wrong, "figures/"+o.Name)))
		return pub, false
	}
	pub.Path, pub.Pos = full, dag.Pos{File: a.at.Filename, Line: a.at.Start.Line}
	return pub, true
}

// text evaluates an attribute that must be a string.
func (e *evaluator) text(a *attribute) (string, bool) {
	value, ok := e.config(a)
	if !ok {
		return "", false
	}
	s, isText := value.(string)
	if !isText {
		e.report(a, e.explain(a, mistake(a.expr.Range(), "Wrong type", "%s must be a string, not %s.", a.name, axisText(value))))
	}
	return s, isText
}
