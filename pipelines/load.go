package pipelines

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/pipe-ml/pipe/dag/remote"
)

// Version is the version of the language and of the program; required_version is compared with it.
const Version = "0.1.0"

// Pipeline is a pipeline as written: blocks decoded, names checked, variables and locals evaluated, cells
// counted. Stages and outputs are in the order of the files.
type Pipeline struct {
	Name        string
	Description string
	Dir         string      // absolute; paths in the root's files are relative to it
	Variables   []*Variable // of the root, set from outside
	Stages      []*Stage    // of all modules, a module's where its block stands
	Outputs     []*Output   // of all modules
	Executors   []*Executor // beside the local one
	Cache       remote.Config

	files   map[string]*hcl.File
	sources map[string]parsed // by path: what modules share
	modules []*module         // the root first
	work    meter             // of evaluating the expressions
	secrets []string          // what sensitive() has hidden
	cache   *hclsyntax.Block  // nil without one
}

// Files are the parsed files by name, for the snippets of diagnostics. They are there even when loading failed.
func (p *Pipeline) Files() map[string]*hcl.File { return p.files }

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
	p := &Pipeline{Dir: src.Dir, files: map[string]*hcl.File{}, sources: map[string]parsed{}}
	root := newModule(p, nil, "")
	root.dir, root.path, root.shown = src.Dir, src.path, src.shown()
	root.base = newBase(root)
	source := p.parse(src)
	diags := source.diags
	if diags.HasErrors() {
		// Blocks behind a syntax error are lost; errors about what is missing would mislead.
		return p, SortDiagnostics(diags)
	}
	p.modules = append(p.modules, root)
	for _, body := range source.bodies {
		diags = append(diags, root.decodeFile(body)...)
	}
	for _, s := range settings {
		diags = append(diags, s.apply(root)...)
	}
	diags = append(diags, p.evaluateNamed()...)
	diags = append(diags, p.checkNamed()...)
	diags = append(diags, p.evaluateExecutors()...)
	diags = append(diags, p.evaluateCache()...)
	for _, s := range p.Stages {
		diags = append(diags, s.findReferences()...)
	}
	for _, o := range p.Outputs {
		diags = append(diags, o.stage.findReferences()...)
	}
	diags = append(diags, p.findCycles()...)
	diags = append(diags, p.makeCells()...)
	return p, SortDiagnostics(diags)
}

// decodeFile sorts the top-level blocks of one file.
func (m *module) decodeFile(body *hclsyntax.Body) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, a := range sortedAttributes(body) {
		diags = append(diags, mistake(a.NameRange, "Unexpected attribute",
			"%q stands outside of any block. Put it into one of these: %s.", a.Name, listing(blockTypes)))
	}
	for _, b := range body.Blocks {
		var more hcl.Diagnostics
		switch b.Type {
		case "pipeline":
			more = m.decodePipeline(b)
		case "variable":
			more = m.decodeVariable(b)
		case "locals":
			more = m.decodeLocals(b)
		case "stage":
			more = m.decodeStage(b)
		case "module":
			more = m.decodeModule(b)
		case "output":
			more = m.decodeOutput(b)
		case "executor":
			more = m.decodeExecutor(b)
		case "cache":
			more = m.decodeCache(b)
		default:
			more = hcl.Diagnostics{mistake(b.TypeRange, "Unknown block", "There is no block type %q.%s",
				b.Type, didYouMean(b.Type, blockTypes))}
		}
		diags = append(diags, more...)
	}
	return diags
}

var blockTypes = []string{"pipeline", "variable", "locals", "stage", "module", "output", "executor", "cache"}

// decodePipeline reads pipeline "NAME" { description required_version }.
func (m *module) decodePipeline(b *hclsyntax.Block) hcl.Diagnostics {
	diags := checkLabels(b, "NAME")
	if diags.HasErrors() {
		return diags
	}
	if m.title != "" {
		return hcl.Diagnostics{mistake(b.DefRange(), "Second pipeline block", "The pipeline is already called %q. Take one of the blocks away.", m.title)}
	}
	m.title = b.Labels[0]
	d := &blockReader{block: b, known: []string{"description", "required_version"}}
	d.check()
	description, _ := d.text("description")
	if m.parent == nil {
		m.p.Name, m.p.Description = m.title, description
	}
	if v, ok := d.text("required_version"); ok {
		if err := checkVersion(v); err != nil {
			d.diags = append(d.diags, mistake(d.at("required_version"), "Unsuitable version of pipe", "%s", sentence(err)))
		}
	}
	return append(diags, d.diags...)
}
