package main

import "github.com/spf13/cobra"

func (a *app) runsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "runs [ID]",
		Short: "List the runs, newest first, or what happened in one",
		Long:  `runs reads the journals of the store. With an id it shows the events of that run.` + exits(exits0, exits1),
		Args:  cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			store, err := a.openStore()
			if err != nil {
				return err
			}
			defer store.Close()
			if len(args) == 1 {
				entries, err := store.Journal(args[0])
				if err != nil {
					return err
				}
				a.view.Journal(entries)
				return nil
			}
			runs, err := store.Runs()
			if err != nil {
				return err
			}
			a.view.Runs(runs)
			return nil
		},
	}
}
