package view

import (
	"github.com/hashicorp/hcl/v2"

	"github.com/pipe-ml/pipe/dag"
	"github.com/pipe-ml/pipe/pipelines"
	"github.com/pipe-ml/pipe/stages"
)

// View writes what a verb has to say.
type View interface {
	Diagnostics(diags hcl.Diagnostics, files map[string]*hcl.File)
	Error(err error)

	Run(g *dag.Graph) Run
	Plan(p *dag.Plan)
	Why(all []*dag.Explanation)
	Validation(p *pipelines.Pipeline, x *pipelines.Expansion, diags hcl.Diagnostics)
	Pipeline(p *pipelines.Pipeline, x *pipelines.Expansion)
	Instance(i Instance)
	Runs(runs []dag.Run)
	Journal(entries []dag.Entry)
	Log(address, path, text string)
	Formatted(file string, diff []byte)
	Types(types []stages.Type, shipped []string)
	Schema(s stages.Schema)
	Functions(list []pipelines.Function)
	Version(v Version)
}

// Run is the view of one apply.
type Run interface {
	Event(e dag.Event)
	// Close ends what is live, before anything else is written.
	Close()
}

// Instance is one instance and its last result, which is nil if it never had one.
type Instance struct {
	Node     *dag.Node
	Result   *dag.Result
	Manifest *dag.Manifest
}

// Version says what program this is.
type Version struct {
	Pipe     string `json:"pipe"`
	Commit   string `json:"commit,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// Style is what the output can show.
type Style struct {
	Color bool
	Live  bool // bars that move
	Width int  // columns; 0: unknown
}

var (
	_ View = (*Human)(nil)
	_ View = (*JSON)(nil)
)
