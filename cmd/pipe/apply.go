package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pipe-ml/pipe/dag"
	"github.com/pipe-ml/pipe/pipelines"
)

// applyOptions are the flags of apply.
type applyOptions struct {
	pipelineOptions
	target, replace []string
	parallelism     processors
	keepGoing       bool
}

func (a *app) applyCommand() *cobra.Command {
	var o applyOptions
	cmd := &cobra.Command{
		Use:   "apply [PIPELINE | PLAN]",
		Short: "Run what changed, and publish the outputs",
		Long: `apply runs every stage instance whose key is not in the store, and copies the outputs to their paths.
What is in the store is not run again. A failing stage does not stop those that do not need it.

PLAN is a file that plan -out wrote. It is run exactly as planned, with the variables of the plan; if anything that it
was made from has changed since (a file of the pipeline, code, an input, what a probe prints, the store, this program),
nothing is run and the changes are named. Sensitive values have to be given again.

With -json the last line is {"type":"summary","total":…,"cached":…,"executed":…,"failed":…,"skipped":…}.

With a remote cache (pipe docs cache), what other machines have run is taken from there, and they get what runs here; apply
waits for that at its end. A cache that is down costs a warning, and no run.

Ctrl-C once: start nothing more and let finish what runs. Twice: kill it. Whatever kills pipe, apply again goes on from there.
Several applies may use one store at once: what one of them is doing the others wait for, and say so.` + exits(exits0, exits1, exits4, exits130),
		Example: "  pipe apply pipelines/chestxray.hcl\n  pipe apply chestxray -var data=~/images -target evaluate.classifier",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				o.path = args[0]
			}
			return a.apply(cmd.Context(), o)
		},
		ValidArgsFunction: completePipeline,
	}
	o.addFlags(cmd.Flags())
	a.completeFlags(cmd, &o.pipelineOptions)
	return cmd
}

// processors is the flag of how many to use; 0 means all.
type processors int

func (p *processors) String() string { return strconv.Itoa(int(*p)) }
func (p *processors) Type() string   { return "N" }
func (p *processors) Set(s string) error {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return errors.New("give the number of processors to use, at least 1, or leave it out to use all")
	}
	*p = processors(n)
	return nil
}

func (o *applyOptions) addFlags(flags *pflag.FlagSet) {
	o.pipelineOptions.addFlags(flags)
	o.addRemoteFlag(flags)
	flags.StringArrayVar(&o.target, "target", nil, "run only this `ADDRESS` or selector and what it needs (repeat for more)")
	flags.StringArrayVar(&o.replace, "replace", nil, "run this `ADDRESS` or selector even if its result is in the store (repeat for more)")
	flags.Var(&o.parallelism, "parallelism", "`N` processors to use (default: all)")
	flags.BoolVar(&o.keepGoing, "keep-going", true, "after a failure, finish what does not need the failed stage")
}

// args turns the options into a command line again, for the journal. Sensitive values stay out of it.
func (o *applyOptions) args(p *pipelines.Pipeline) []string {
	var args []string
	for _, s := range o.target {
		args = append(args, "-target", s)
	}
	for _, s := range o.replace {
		args = append(args, "-replace", s)
	}
	if o.parallelism > 0 {
		args = append(args, "-parallelism", o.parallelism.String())
	}
	if !o.keepGoing {
		args = append(args, "-keep-going=false")
	}
	return append(args, o.pipelineOptions.args(p)...)
}

func (a *app) apply(ctx context.Context, o applyOptions) (err error) {
	opts := dag.ApplyOptions{Parallelism: int(o.parallelism), FailFast: !o.keepGoing}
	p, err := a.prepare(o, &opts)
	if err != nil {
		return err
	}
	engine, err := a.engine(p, o.remote)
	if err != nil {
		return err
	}
	defer closing(engine.Store, &err)
	defer closing(engine.Executor, &err)
	ctx, kill, stop := interrupts(ctx)
	defer stop()
	opts.Kill = kill

	run := a.view.Run(p.graph)
	summary, err := engine.Apply(ctx, p.graph, p.expansion.Publications, opts, run.Event)
	run.Close()
	switch {
	case summary == nil:
		return err
	case summary.Interrupted:
		return &exitError{exitInterrupted, err}
	case summary.Failed > 0: // also if an output could not be published: the stage comes first
		return &exitError{exitFailed, err}
	}
	return err
}

// prepare opens the pipeline, or the one that a plan file is of, and says what is to be run of it.
func (a *app) prepare(o applyOptions, opts *dag.ApplyOptions) (*project, error) {
	if saved, err := isPlanFile(o.path); saved && err == nil {
		return a.preparePlan(o, opts)
	}
	p, err := a.open(o.pipelineOptions)
	if err != nil {
		return nil, err
	}
	opts.PlanOptions, err = planOptions(p, o.target, o.replace)
	return p, errors.Join(err, o.describe(p.pipeline, opts))
}

// preparePlan opens the pipeline of a plan file, if it is still as it was planned.
func (a *app) preparePlan(o applyOptions, opts *dag.ApplyOptions) (*project, error) {
	if len(o.target)+len(o.replace) > 0 {
		return nil, errors.New("-target and -replace are part of a plan: give them to plan -out")
	}
	file, err := readPlanFile(o.path)
	if err != nil {
		return nil, err
	}
	if dir, err := a.storeDir(); err != nil || file.Store != dir {
		return nil, errors.Join(err, fmt.Errorf("plan file %s was made with the store %s, not %s: give -cache %s", o.path, file.Store, dir, file.Store))
	}
	if o.pipelineOptions, err = file.options(o.vars); err != nil {
		return nil, err
	}
	pipeline, diags := a.load(o.pipelineOptions)
	if err := file.changed(sources(pipeline)); err != nil {
		return nil, err
	}
	p, err := a.expand(pipeline, diags)
	if err != nil {
		return nil, err
	}
	o.target, o.replace, opts.Saved = file.Target, file.Replace, file.Actions
	opts.PlanOptions, err = planOptions(p, o.target, o.replace)
	return p, errors.Join(err, o.describe(p.pipeline, opts))
}

// describe says for the journal what is applied: by which command line, and of which pipeline. A shipped one goes by the
// folder that it is applied in and its name.
func (o *applyOptions) describe(p *pipelines.Pipeline, opts *dag.ApplyOptions) (err error) {
	opts.Command = append([]string{"apply"}, o.args(p)...)
	opts.Pipeline, err = filepath.Abs(o.path)
	return err
}

// planOptions resolves the selectors of -target and -replace.
func planOptions(p *project, target, replace []string) (dag.PlanOptions, error) {
	targets, err1 := p.addresses(target)
	replaced, err2 := p.addresses(replace)
	return dag.PlanOptions{Target: targets, Replace: replaced}, errors.Join(err1, err2)
}

// interrupts ends the context at the first signal and closes kill at the second one.
func interrupts(ctx context.Context) (_ context.Context, kill <-chan struct{}, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	killed := make(chan struct{})
	done := make(chan struct{})
	go func() {
		for n := 0; ; n++ {
			select {
			case <-done:
				return
			case <-signals:
			}
			cancel()
			if n == 1 {
				close(killed)
				return
			}
		}
	}()
	return ctx, killed, func() {
		signal.Stop(signals)
		close(done)
		cancel()
	}
}
