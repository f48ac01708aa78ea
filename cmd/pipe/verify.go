package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pipe-ml/pipe/dag"
)

// verifyOptions are the flags of verify.
type verifyOptions struct {
	pipelineOptions
	sample      string
	parallelism processors
}

func (a *app) verifyCommand() *cobra.Command {
	var o verifyOptions
	cmd := &cobra.Command{
		Use:   "verify [PIPELINE] [ADDRESS...]",
		Short: "Read every stored result again, or run a sample again and compare",
		Long: `verify reads every file that the last results of a pipeline's instances are made of. What is corrupt goes to quarantine,
and the next apply runs again what made it.

With -sample it runs that part of the cached instances a second time, in private work folders, and compares what they make
with what is stored, to the file. The same store gives the same sample, of at least one instance. No result is changed.
Without PIPELINE the last applied one is meant, with its variables, else the one in the working folder.` + exits(exits0, exits1, exits4verify, exits130),
		Example: "  pipe verify\n  pipe verify -sample 5% chestxray\n  pipe verify -sample 100% chestxray 'figure.data_volume'",
		RunE:    func(cmd *cobra.Command, args []string) error { return a.verify(cmd.Context(), o, args) },

		ValidArgsFunction: a.completeAddress(&o.pipelineOptions),
	}
	o.addFlags(cmd.Flags())
	a.completeFlags(cmd, &o.pipelineOptions)
	cmd.Flags().StringVar(&o.sample, "sample", "", "run this `PART` of the cached instances again: 5% or 0.05")
	cmd.Flags().Var(&o.parallelism, "parallelism", "`N` processors to use with -sample (default: all)")
	return cmd
}

func (a *app) verify(ctx context.Context, o verifyOptions, args []string) (err error) {
	fraction, err := parsePart(o.sample)
	if err != nil {
		return err
	}
	var first []string
	if len(args) > 0 {
		first = args[:1]
	}
	var selectors []string
	if address := a.split(&o.pipelineOptions, first); address != "" {
		selectors = args
	} else if len(args) > 1 {
		selectors = args[1:]
	}
	p, err := a.open(o.pipelineOptions)
	if err != nil {
		return err
	}
	addresses, err := p.addresses(selectors)
	if err != nil {
		return err
	}
	engine, err := a.engine(p, false)
	if err != nil {
		return err
	}
	defer closing(engine.Store, &err)
	defer closing(engine.Executor, &err)
	ctx, _, stop := interrupts(ctx)
	defer stop()
	clean := false
	if o.sample == "" {
		report, err := engine.Rehash(ctx, p.graph, addresses)
		if err != nil {
			return interrupted(ctx, err)
		}
		a.view.Hashed(report)
		clean = len(report.Damaged) == 0
	} else {
		run := a.view.Run(p.graph)
		report, err := engine.Resample(ctx, p.graph, addresses, fraction, dag.ApplyOptions{Parallelism: int(o.parallelism)}, run.Event)
		run.Close()
		if err != nil {
			return interrupted(ctx, err)
		}
		a.view.Resampled(report)
		clean = len(report.Differ)+len(report.Failed) == 0
	}
	if !clean {
		return ended(exitFailed)
	}
	return nil
}

// interrupted is the exit of a verb that Ctrl-C stopped.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ended(exitInterrupted)
	}
	return err
}

// parsePart reads 5% or 0.05; nothing is 0.
func parsePart(text string) (float64, error) {
	if text == "" {
		return 0, nil
	}
	number, percent := strings.CutSuffix(text, "%")
	f, err := strconv.ParseFloat(number, 64)
	if percent {
		f /= 100
	}
	if err != nil || !(f > 0 && f <= 1) {
		return 0, fmt.Errorf("-sample must be a part such as 5%% or 0.05, not %q", text)
	}
	return f, nil
}
