package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/pipe-ml/pipe/dag"
	"github.com/pipe-ml/pipe/dag/slurm"
	"github.com/pipe-ml/pipe/pipelines"
)

// gcOptions are the flags of gc.
type gcOptions struct {
	dryRun   bool
	keepDays float64
	maxSize  string
	grace    time.Duration
}

func (a *app) gcCommand() *cobra.Command {
	var o gcOptions
	cmd := &cobra.Command{
		Use:   "gc",
		Short: "Remove results that nothing needs",
		Long: `gc removes results from the store, least recently used first. These stay: what the last whole run of each
pipeline found or made and what was run after it, what runs of the last days did, what a running apply needs, what is
published, and what "gc pin" named. With -max-size no more is removed than the store is too large by.

It may run beside applies, and be killed at any time. "why" tells of a result that was removed, and the next apply that
needs it runs it again. It also sweeps what killed runs left, corrupt files and jobs on a cluster
that nobody waits for and that were silent for a week, and forgotten runs' journals and logs.` + exits(exits0, exits1),
		Example: "  pipe gc -dry-run\n  pipe gc -keep-days 30 -max-size 200GiB\n  pipe gc pin 'finetune.classifier[method=lora]'",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.gc(cmd.Context(), o) },
	}
	flags := cmd.Flags()
	flags.BoolVar(&o.dryRun, "dry-run", false, "only tell what would be removed")
	flags.Float64Var(&o.keepDays, "keep-days", 7, "keep what the runs of the last `N` days did")
	flags.StringVar(&o.maxSize, "max-size", "", "remove only down to this `SIZE`, such as 200GiB (default: all that nothing needs)")
	flags.DurationVar(&o.grace, "grace", time.Hour, "keep what is younger, whoever needs it")
	cmd.AddCommand(a.pinCommand("pin", "Keep the last results of instances from every gc"), a.pinCommand("unpin", "Give pinned results up to the next gc"))
	return cmd
}

func (a *app) gc(ctx context.Context, o gcOptions) (err error) {
	opts := dag.GCOptions{Keep: time.Duration(o.keepDays * float64(24*time.Hour)), Grace: o.grace, DryRun: o.dryRun}
	if opts.Keep < 0 || opts.Grace < 0 {
		return fmt.Errorf("-keep-days and -grace cannot be negative")
	}
	if o.maxSize != "" {
		if opts.MaxSize, err = pipelines.ParseSize(o.maxSize); err != nil {
			return fmt.Errorf("-max-size %w", err)
		}
	}
	store, err := a.openStore()
	if err != nil {
		return err
	}
	defer closing(store, &err)
	opts.Left = slurm.Left(filepath.Join(store.Dir(), "slurm"))
	report, err := store.GC(ctx, opts)
	if err != nil {
		return err
	}
	a.view.Collected(report)
	return nil
}

func (a *app) pinCommand(verb, short string) *cobra.Command {
	var o pipelineOptions
	use, lists, least := verb+" [PIPELINE] ADDRESS", "", 1
	if verb == "pin" {
		use, lists, least = "pin [[PIPELINE] ADDRESS]", " Without ADDRESS it lists what is pinned.", 0
	}
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Long: short + `. A selector means all its instances.` + lists + `
Without PIPELINE the last applied one is meant, with its variables, else the one in the working folder.` + exits(exits0, exits1),
		Args:              cobra.RangeArgs(least, 2),
		RunE:              func(_ *cobra.Command, args []string) error { return a.pin(o, verb == "pin", args) },
		ValidArgsFunction: a.completeAddress(&o),
	}
	o.addFlags(cmd.Flags())
	a.completeFlags(cmd, &o)
	return cmd
}

// pins lists what is pinned.
func (a *app) pins() (err error) {
	store, err := a.openStore()
	if err != nil {
		return err
	}
	defer closing(store, &err)
	addresses, err := store.Pins()
	if err != nil {
		return err
	}
	a.view.Pinned(addresses, true)
	return nil
}

func (a *app) pin(o pipelineOptions, pin bool, args []string) (err error) {
	if len(args) == 0 {
		return a.pins()
	}
	_, addresses, err := a.meant(&o, args)
	if err != nil {
		return err
	}
	store, err := a.openStore()
	if err != nil {
		return err
	}
	defer closing(store, &err)
	var done []string
	for _, address := range addresses {
		n := 1
		if pin {
			var r *dag.Result
			if r, err = store.LastResult(address); err == nil {
				err = store.Pin(r.Key, address)
			} else if errors.Is(err, dag.ErrNoResult) {
				n, err = 0, nil
			}
		} else {
			n, err = store.Unpin(address)
		}
		if err != nil {
			return err
		}
		if n > 0 {
			done = append(done, address)
		}
	}
	if len(done) == 0 {
		return fmt.Errorf("%s has nothing to %s", args[len(args)-1], map[bool]string{true: "pin: it has no result", false: "unpin"}[pin])
	}
	a.view.Pinned(done, pin)
	return nil
}
