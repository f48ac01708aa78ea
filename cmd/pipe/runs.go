package main

import (
	"github.com/spf13/cobra"

	"github.com/pipe-ml/pipe/dag"
)

func (a *app) runsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "runs [ID]",
		Short: "List the runs, newest first, or what happened in one",
		Long:  `runs reads the journals of the store. With an id it shows the events of that run.` + exits(exits0, exits1),
		Args:  cobra.MaximumNArgs(1),
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
	entries, err := store.Journal(id)
	if err != nil {
		return err
	}
	a.view.Journal(entries)
	return nil
}
