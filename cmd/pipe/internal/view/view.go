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
	Warning(text string) // of what makes a result poorer and does not prevent it

	Run(g *dag.Graph) Run
	Plan(p *dag.Plan, kept string) // kept is the file that holds it, or ""
	SavedPlan(file string, p SavedPlan)
	Why(all []*dag.Explanation)
	Causes(p *dag.Plan)
	Validation(p *pipelines.Pipeline, x *pipelines.Expansion, diags hcl.Diagnostics)
	Pipeline(p *pipelines.Pipeline, x *pipelines.Expansion)
	Instances(all []Instance)
	Provenance(p *dag.Provenance)
	Runs(runs []dag.Run)
	Journal(run dag.Run, entries []dag.Entry)
	Log(address, path, text string)
	Collected(r *dag.GCReport)
	Pinned(addresses []string, pinned bool)
	Hashed(r *dag.HashReport)
	Resampled(r *dag.SampleReport)
	Checked(checks []dag.Check)
	RunDiff(d *dag.RunDiff)
	Graph(format, path, text string) // text is "" if it was written to path
	LogLine(address, line string)    // of a log that is followed
	Formatted(file string, diff []byte)
	Source(text string) // of fmt -
	Types(types []stages.Type, shipped []string)
	Schema(s stages.Schema)
	Functions(list []pipelines.Function)
	Methods(list []stages.Method, blocks []stages.NetworkBlocks) // as a matrix, with the networks' blocks
	Method(m stages.Method)                                      // as a card
	Models(list []stages.Model)
	Settings(head string, s stages.Schema) // of a block that makes no stage
	Version(v Version)
	Script(shell, text string) // of completion

	Close() // when the verb has ended
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
	Waiting  string // why there is no result, if something failed
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
