package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/pipe-ml/pipe/dag"
)

// applyOptions are the flags of apply.
type applyOptions struct {
	pipelineOptions
	target, replace []string
	parallelism     int
	keepGoing       bool
}

func (a *app) applyCommand() *cobra.Command {
	var o applyOptions
	cmd := &cobra.Command{
		Use:   "apply [PIPELINE]",
		Short: "Run what changed, and publish the outputs",
		Long: `apply runs every stage instance whose key is not in the store, and copies the outputs to their paths.
What is in the store is not run again. A failing stage does not stop those that do not need it.

With -json the last line is {"type":"summary","total":…,"cached":…,"executed":…,"failed":…,"skipped":…}.

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
	flags := cmd.Flags()
	o.addFlags(flags)
	flags.StringArrayVar(&o.target, "target", nil, "run only this `ADDRESS` or selector and what it needs (repeat for more)")
	flags.StringArrayVar(&o.replace, "replace", nil, "run this `ADDRESS` or selector even if its result is in the store (repeat for more)")
	flags.IntVar(&o.parallelism, "parallelism", 0, "`N` processors to use (default: all)")
	flags.BoolVar(&o.keepGoing, "keep-going", true, "after a failure, finish what does not need the failed stage")
	return cmd
}

func (a *app) apply(ctx context.Context, o applyOptions) (err error) {
	p, err := a.open(o.pipelineOptions)
	if err != nil {
		return err
	}
	name, err := filepath.Abs(o.path) // also of a shipped one: then it names the folder it was applied in, and it
	if err != nil {
		return err
	}
	opts := dag.ApplyOptions{
		Parallelism: o.parallelism, FailFast: !o.keepGoing, Command: append([]string{"apply"}, o.args(p.pipeline)...),
		Pipeline: name,
	}
	if opts.PlanOptions, err = planOptions(p, o.target, o.replace); err != nil {
		return err
	}
	engine, err := a.engine(p)
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
