package pipelines

import (
	"errors"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/pipe-ml/pipe/dag"
	"github.com/pipe-ml/pipe/dag/slurm"
	"github.com/pipe-ml/pipe/stages"
)

// Executor is an executor block: a place beside this machine where stages can run.
type Executor struct {
	Name  string
	Slurm slurm.Config

	block *hclsyntax.Block
}

// executorTypes are the first labels that an executor block may have.
var executorTypes = []string{"slurm"}

// ExecutorSchema describes the executor block.
func ExecutorSchema() stages.Schema {
	s, _ := stages.SettingsSchema("slurm", slurm.Doc, slurm.Config{}) // a test looks at the error
	return s
}

// decodeExecutor reads executor "TYPE" "NAME" { ... }; its attributes are evaluated when variables are known.
func (m *module) decodeExecutor(b *hclsyntax.Block) hcl.Diagnostics {
	if m.parent != nil {
		return hcl.Diagnostics{mistake(b.DefRange(), "Executor in a module", "Executors are of the whole pipeline. Move the block to the pipeline's own files; stages of a module may name it.")}
	}
	diags := checkLabels(b, "TYPE", "NAME")
	if diags.HasErrors() {
		return diags
	}
	x := &Executor{Name: b.Labels[1], block: b}
	if !has(executorTypes, b.Labels[0]) {
		diags = append(diags, mistake(b.LabelRanges[0], "Unknown type of executor", "There is no executor type %q.%s", b.Labels[0], didYouMean(b.Labels[0], executorTypes)))
	}
	if x.Name == dag.LocalExecutor {
		diags = append(diags, mistake(b.LabelRanges[1], "Name is taken", "%q is this machine, which needs no block. Choose another name.", x.Name))
	}
	for _, other := range m.p.Executors {
		if other.Name == x.Name {
			diags = append(diags, mistake(b.DefRange(), "Executor declared twice", "Executor %q is also declared at %s. Give one of them another name.", x.Name, place(other.block.DefRange())))
		}
	}
	m.p.Executors = append(m.p.Executors, x)
	return diags
}

// evaluateExecutors evaluates the attributes of the executor blocks.
func (p *Pipeline) evaluateExecutors() hcl.Diagnostics {
	var diags hcl.Diagnostics
	schema := ExecutorSchema()
	for _, x := range p.Executors {
		diags = append(diags, p.fillSettings(x.block, schema, &x.Slurm)...)
	}
	return diags
}

// fillSettings evaluates the attributes of a block into what settings points to.
func (p *Pipeline) fillSettings(block *hclsyntax.Block, schema stages.Schema, settings any) hcl.Diagnostics {
	d, root := &blockReader{block: block, known: schema.Names()}, p.modules[0]
	d.check()
	config := map[string]any{}
	for _, a := range sortedAttributes(block.Body) {
		if !has(d.known, a.Name) {
			continue
		}
		constant := &attribute{binding: binding{expr: a.Expr, in: root}, name: a.Name}
		if more := constant.bindConstant(); more.HasErrors() {
			d.diags = append(d.diags, more...)
			continue
		}
		v, more := p.work.evaluate(a.Expr, root.base)
		d.diags = append(d.diags, more...)
		if more.HasErrors() || !v.IsWhollyKnown() {
			continue
		}
		v, _ = v.UnmarkDeep()
		value, err := plain(v)
		if err != nil {
			d.diags = append(d.diags, mistake(a.Expr.Range(), "Invalid value", "%s: %s", a.Name, sentence(err)))
			continue
		}
		config[a.Name] = value
	}
	for _, err := range schema.FillSettings(settings, config) {
		var ae *stages.AttributeError
		at := block.DefRange()
		if errors.As(err, &ae) {
			name, _, _ := strings.Cut(ae.Attribute, "[")
			at = d.at(name)
		}
		d.diags = append(d.diags, mistake(at, "Invalid value", "%s", stopped(err.Error())))
	}
	return d.diags
}

// executorNames are what a stage's executor may say.
func (p *Pipeline) executorNames() []string {
	names := []string{dag.LocalExecutor}
	for _, x := range p.Executors {
		names = append(names, x.Name)
	}
	return names
}
