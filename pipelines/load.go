package pipelines

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/pipe-ml/pipe/dag/remote"
)

// Version is the version of the language and of the program; required_version is compared with it.
const Version = "0.1.0"

// Pipeline is a pipeline as written: blocks decoded, names checked, variables and locals evaluated, cells
// counted. Stages and outputs are in the order of the files.
type Pipeline struct {
	Name        string
	Description string
	Dir         string // absolute; paths in the files are relative to it
	Variables   []*Variable
	Stages      []*Stage
	Outputs     []*Output
	Executors   []*Executor // beside the local one
	Cache       remote.Config

	files  map[string]*hcl.File
	base   *hcl.EvalContext // functions, var and local
	locals []*local
	byName map[string]*Stage
	cache  *hclsyntax.Block // nil without one
}

// Files are the parsed files by name, for the snippets of diagnostics. They are there even when loading failed.
func (p *Pipeline) Files() map[string]*hcl.File { return p.files }

// Stage returns the stage called TYPE.NAME, or nil.
func (p *Pipeline) Stage(name string) *Stage { return p.byName[name] }

// Load reads the pipeline at path (see Find) with variables set from outside, in rising precedence. The
// pipeline is never nil: with errors it holds what could be understood, and Expand finds the errors in that.
func Load(path string, settings []Setting) (*Pipeline, hcl.Diagnostics) {
	src, err := Find(path)
	if err != nil {
		d := &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Cannot read the pipeline", Detail: sentence(err)}
		return &Pipeline{files: map[string]*hcl.File{}}, hcl.Diagnostics{d}
	}
	return LoadSource(src, settings)
}

// LoadSource is Load for files already read.
func LoadSource(src Source, settings []Setting) (*Pipeline, hcl.Diagnostics) {
	p := &Pipeline{Dir: src.Dir, byName: map[string]*Stage{}}
	var diags hcl.Diagnostics
	var bodies []*hclsyntax.Body
	p.files, bodies, diags = src.parse()
	if diags.HasErrors() {
		// Blocks behind a syntax error are lost; errors about what is missing would mislead.
		return p, SortDiagnostics(diags)
	}
	for _, body := range bodies {
		diags = append(diags, p.decodeFile(body)...)
	}
	p.base = &hcl.EvalContext{Functions: functions(p.Dir), Variables: map[string]cty.Value{}}
	diags = append(diags, p.setVariables(settings)...)
	diags = append(diags, p.evaluateLocals()...)
	diags = append(diags, p.evaluateExecutors()...)
	diags = append(diags, p.evaluateCache()...)
	for _, s := range p.Stages {
		diags = append(diags, s.findReferences(p)...)
	}
	for _, o := range p.Outputs {
		diags = append(diags, o.stage.findReferences(p)...)
	}
	diags = append(diags, p.findCycles()...)
	diags = append(diags, p.makeCells()...)
	return p, SortDiagnostics(diags)
}

// decodeFile sorts the top-level blocks of one file.
func (p *Pipeline) decodeFile(body *hclsyntax.Body) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, a := range sortedAttributes(body) {
		diags = append(diags, mistake(a.NameRange, "Unexpected attribute",
			"%q stands outside of any block. A file holds blocks: %s.", a.Name, listing(blockTypes)))
	}
	for _, b := range body.Blocks {
		var more hcl.Diagnostics
		switch b.Type {
		case "pipeline":
			more = p.decodePipeline(b)
		case "variable":
			more = p.decodeVariable(b)
		case "locals":
			more = p.decodeLocals(b)
		case "stage":
			more = p.decodeStage(b)
		case "output":
			more = p.decodeOutput(b)
		case "executor":
			more = p.decodeExecutor(b)
		case "cache":
			more = p.decodeCache(b)
		default:
			more = hcl.Diagnostics{mistake(b.TypeRange, "Unknown block", "There is no block type %q.%s",
				b.Type, didYouMean(b.Type, blockTypes))}
		}
		diags = append(diags, more...)
	}
	return diags
}

var blockTypes = []string{"pipeline", "variable", "locals", "stage", "output", "executor", "cache"}

// decodePipeline reads pipeline "NAME" { description required_version }.
func (p *Pipeline) decodePipeline(b *hclsyntax.Block) hcl.Diagnostics {
	diags := checkLabels(b, "NAME")
	if diags.HasErrors() {
		return diags
	}
	if p.Name != "" {
		return hcl.Diagnostics{mistake(b.DefRange(), "Second pipeline block", "The pipeline is already called %q.", p.Name)}
	}
	p.Name = b.Labels[0]
	d := &blockReader{block: b, known: []string{"description", "required_version"}}
	d.check()
	if v, ok := d.text("description"); ok {
		p.Description = v
	}
	if v, ok := d.text("required_version"); ok {
		if err := checkVersion(v); err != nil {
			d.diags = append(d.diags, mistake(d.at("required_version"), "Unsuitable version of pipe", "%s", sentence(err)))
		}
	}
	return append(diags, d.diags...)
}
