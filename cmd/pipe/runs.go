package main

import (
	"github.com/spf13/cobra"

	"github.com/pipe-ml/pipe/dag"
)

func (a *app) runsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "runs [ID]",
		Short: "List the runs, newest first, or what happened in one",
		Long: `runs lists the runs of the store, each with its state:

  running      its process is alive
  done         all went well
  N failed     so many instances failed
  interrupted  stopped by Ctrl-C
  killed       its process is gone, and it did not come to its end
  unknown      it has no end, and runs or ran on another machine, which can tell

With an id, the beginning of one, latest or latest~1 it shows what happened in that run.` + exits(exits0, exits1),
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 {
				return a.journal(args[0])
			}
			runs, err := a.listRuns()
			if err != nil {
				return err
			}
			a.view.Runs(runs)
			return nil
		},
		ValidArgsFunction: a.completeRuns,
	}
}

func (a *app) listRuns() (_ []dag.Run, err error) {
	store, err := a.openStore()
	if err != nil {
		return nil, err
	}
	defer closing(store, &err)
	return store.Runs()
}

func (a *app) journal(id string) (err error) {
	store, err := a.openStore()
	if err != nil {
		return err
	}
	defer closing(store, &err)
	if id, err = store.FindRun(id); err != nil {
		return err
	}
	run, err := store.Run(id)
	if err != nil {
		return err
	}
	entries, err := store.Journal(id)
	if err != nil {
		return err
	}
	a.view.Journal(*run, entries)
	return nil
}
