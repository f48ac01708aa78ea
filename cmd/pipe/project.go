package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/pflag"

	"github.com/pipe-ml/pipe/dag"
	"github.com/pipe-ml/pipe/dag/slurm"
	"github.com/pipe-ml/pipe/pipelines"
	"github.com/pipe-ml/pipe/stages"
)

// pipelineOptions say which pipeline is meant, with which variables.
type pipelineOptions struct {
	path   string
	vars   []pipelines.Setting
	whole  bool // vars are all that is set: the environment is not asked
	remote bool // use the remote cache, if there is one
}

func (o *pipelineOptions) addFlags(flags *pflag.FlagSet) {
	flags.Var((*varFlag)(o), "var", "set a variable: NAME=VALUE (repeat for more; also: PIPE_VAR_NAME)")
	flags.Var((*varFileFlag)(o), "var-file", "set variables from a file of NAME = VALUE lines (repeat for more)")
}

// varFlag and varFileFlag fill one list, so that a later flag wins over an earlier one of either sort.
type (
	varFlag     pipelineOptions
	varFileFlag pipelineOptions
)

func (f *varFlag) String() string { return "" }
func (f *varFlag) Type() string   { return "NAME=VALUE" }
func (f *varFlag) Set(s string) error {
	name, text, ok := strings.Cut(s, "=")
	if !ok || name == "" {
		return fmt.Errorf("write NAME=VALUE, not %q", s)
	}
	f.vars = append(f.vars, pipelines.Setting{Name: strings.TrimSpace(name), Text: text, Origin: "-var"})
	return nil
}

func (f *varFileFlag) String() string { return "" }
func (f *varFileFlag) Type() string   { return "FILE" }
func (f *varFileFlag) Set(s string) error {
	f.vars = append(f.vars, pipelines.Setting{File: s, Origin: "-var-file"})
	return nil
}

// args turns the options into a command line again, for the journal. Sensitive values stay out of it.
func (o *pipelineOptions) args(p *pipelines.Pipeline) []string {
	secret := map[string]bool{}
	for _, v := range p.Variables {
		secret[v.Name] = v.Sensitive
	}
	var args []string
	for _, v := range o.vars {
		switch {
		case v.File != "":
			args = append(args, "-var-file", v.File)
		case !secret[v.Name]:
			args = append(args, "-var", v.Name+"="+v.Text)
		}
	}
	if o.path == "" {
		return append(args, ".")
	}
	return append(args, o.path)
}

// project is a loaded and expanded pipeline.
type project struct {
	pipeline  *pipelines.Pipeline
	expansion *pipelines.Expansion
	graph     *dag.Graph
}

// settings are all that sets variables, in rising precedence.
func (o *pipelineOptions) settings() []pipelines.Setting {
	if o.whole {
		return o.vars
	}
	return append(pipelines.FromEnvironment(os.Environ()), o.vars...)
}

// load reads a pipeline. With errors among the diagnostics it is not whole.
func (a *app) load(o pipelineOptions) (*pipelines.Pipeline, hcl.Diagnostics) {
	if o.path == "" {
		o.path = "."
	}
	if saved, err := isPlanFile(o.path); saved && err == nil {
		return new(pipelines.Pipeline), noPipeline(o.path)
	}
	// Nearly all that a pipeline is expanded to stays in use to the end: looking for garbage at each doubling takes a
	// fifth of a run that has nothing to do. Workers, whose memory is scarce, do not come here.
	debug.SetGCPercent(400)
	p, diags := pipelines.Load(o.path, o.settings())
	a.mask.Hide(p.Secrets())
	return p, diags
}

// open reads and expands a pipeline and shows its diagnostics. With errors the error has only a code.
func (a *app) open(o pipelineOptions) (*project, error) { return a.expand(a.load(o)) }

// expand is the second half of open.
func (a *app) expand(loaded *pipelines.Pipeline, diags hcl.Diagnostics) (*project, error) {
	p, diags, err := a.check(loaded, diags)
	if err != nil {
		return nil, err
	}
	if err := a.diagnose(diags, loaded.Files()); err != nil {
		return nil, err
	}
	return p, nil
}

// check expands a pipeline. With errors among the diagnostics the project is incomplete.
func (a *app) check(loaded *pipelines.Pipeline, diags hcl.Diagnostics) (*project, hcl.Diagnostics, error) {
	x, more := loaded.Expand()
	a.mask.Hide(loaded.Secrets()) // expressions may have made some
	diags = pipelines.SortDiagnostics(append(diags, more...))
	p := &project{pipeline: loaded, expansion: x}
	if diags.HasErrors() {
		return p, diags, nil
	}
	var err error
	p.graph, err = dag.New(x.Nodes)
	return p, diags, err
}

// diagnose shows diagnostics; with errors among them the verb ends.
func (a *app) diagnose(diags hcl.Diagnostics, files map[string]*hcl.File) error {
	a.view.Diagnostics(diags, files)
	if diags.HasErrors() {
		return ended(exitMistake)
	}
	return nil
}

// addresses turns addresses and selectors into the addresses of instances. All mistakes are told.
func (p *project) addresses(selectors []string) ([]string, error) {
	var addresses []string
	var errs []error
	for _, s := range selectors {
		nodes, err := pipelines.Resolve(p.graph.Nodes(), s)
		if err != nil {
			errs = append(errs, err)
		}
		for _, n := range nodes {
			addresses = append(addresses, n.Address)
		}
	}
	return addresses, errors.Join(errs...)
}

// closing closes what a verb has opened; the error is the verb's if it has no other.
func closing(c io.Closer, err *error) {
	if e := c.Close(); *err == nil {
		*err = e
	}
}

// storeDir is the folder of the store, which -cache or PIPE_CACHE names.
func (a *app) storeDir() (string, error) {
	return filepath.Abs(cmp.Or(a.cache, os.Getenv("PIPE_CACHE"), ".pipe"))
}

func (a *app) openStore() (*dag.Store, error) {
	dir, err := a.storeDir()
	if err != nil {
		return nil, err
	}
	return dag.Open(dir)
}

// engine opens the store for a project, and with remote its remote cache if there is one.
func (a *app) engine(p *project, remote bool) (*dag.Engine, error) {
	local, err := localExecutor()
	if err != nil {
		return nil, err
	}
	cache, err := remoteCache(p.pipeline.Cache, remote)
	if err != nil {
		return nil, err
	}
	store, err := a.openStore()
	if err != nil {
		return nil, err
	}
	executors := map[string]dag.Remote{}
	for _, x := range p.pipeline.Executors {
		executors[x.Name] = slurm.New(x.Slurm, filepath.Join(store.Dir(), "slurm"), local.Argv)
	}
	return &dag.Engine{
		Store: store, Root: p.pipeline.Dir, Executor: local, Executors: executors, Cards: dag.Cards(os.LookupEnv, os.DirFS("/"), p.queryCards),
		Unfit: unfit, Remote: cache, Push: p.pipeline.Cache.Push, Warn: a.view.Warning,
	}, nil
}

// queryCards is dag.QueryCards where a stage asks for a share of a card: only then does memory matter, and nvidia-smi takes its time.
func (p *project) queryCards() string {
	if slices.ContainsFunc(p.expansion.Nodes, func(n *dag.Node) bool { return n.Resources.GPUMemory > 0 }) {
		return dag.QueryCards()
	}
	return ""
}

// unfit says why this program cannot run an instance, or "".
func unfit(n *dag.Node) string {
	if n.Config[stages.DeviceAttribute] == stages.DeviceCUDA && !stages.CUDA {
		return `needs device = "cuda", and this program was built without: build it with make cuda, or let the stage have device = "auto"`
	}
	return ""
}

// localExecutor runs actions in workers of this program.
func localExecutor() (*dag.Local, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program, to start it as a worker: %w", err)
	}
	return &dag.Local{Argv: []string{self, "worker", "--bound"}}, nil
}

// split reads the arguments [PIPELINE] [ADDRESS]. A single argument is a pipeline if there is one of that
// name. Without a pipeline the last applied one is meant, with its variables, since the results that are asked
// about are its; if nothing was applied, or that one is gone, the one in the working folder.
func (a *app) split(o *pipelineOptions, args []string) (address string) {
	switch len(args) {
	case 2:
		o.path, address = args[0], args[1]
	case 1:
		if _, err := pipelines.ParseSelector(args[0]); err == nil && !isPipeline(args[0]) && !pathLike(args[0]) {
			address = args[0]
		} else {
			o.path = args[0]
		}
	}
	if o.path == "" {
		if last, ok := a.lastApplied(); ok && (isPipeline(last.path) || !isPipeline(".")) {
			last.vars, last.remote = append(last.vars, o.vars...), o.remote
			*o = last
		}
	}
	return address
}

// pathLike says whether an argument that is no pipeline was meant as a file.
func pathLike(arg string) bool {
	name, _, _ := strings.Cut(arg, "[")
	return strings.ContainsRune(name, '/') || filepath.Ext(name) == ".hcl"
}

// meant are the addresses of the instances that the arguments [PIPELINE] ADDRESS mean, and their pipeline.
func (a *app) meant(o *pipelineOptions, args []string) (*project, []string, error) {
	address := a.split(o, args)
	if address == "" {
		return nil, nil, fmt.Errorf("%q is no address: write TYPE.NAME, TYPE.NAME[axis=value] or TYPE.NAME[\"value\",...]", args[0])
	}
	p, err := a.open(*o)
	if err != nil {
		return nil, nil, err
	}
	addresses, err := p.addresses([]string{address})
	return p, addresses, err
}

func isPipeline(path string) bool {
	_, err := pipelines.Find(path)
	return err == nil
}

// lastApplied reads from the journal of the newest run which pipeline it applied, with which variables.
func (a *app) lastApplied() (pipelineOptions, bool) {
	var o applyOptions
	runs, err := a.listRuns()
	if err != nil || len(runs) == 0 || len(runs[0].Command) == 0 {
		return o.pipelineOptions, false
	}
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	o.addFlags(flags)
	if flags.Parse(doubleDashes(runs[0].Command[1:])) != nil || flags.NArg() != 1 {
		return o.pipelineOptions, false
	}
	o.path = flags.Arg(0)
	return o.pipelineOptions, true
}
