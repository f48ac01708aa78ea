package main

import (
	"github.com/spf13/cobra"
)

func (a *app) diffCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "diff [RUN [RUN]]",
		Short: "Show what differs between two runs",
		Long: `diff compares what two runs ran or found in the store: instances that only one has, what the others were made of,
their metrics and outputs. Differences that a sweep shares are shown once.

RUN is an id of pipe runs, the beginning of one, latest, or latest~1 for the one before it. With one RUN it is compared
with the latest, with none the last two are compared.

With -json there is a line for each instance that differs, and the last line counts them.` + exits(exits0, exits1),
		Example: "  pipe diff\n  pipe diff latest~5\n  pipe diff 20260314T0915 20260315",
		Args:    cobra.MaximumNArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			old, now := "latest~1", "latest"
			if len(args) > 0 {
				old = args[0]
			}
			if len(args) > 1 {
				now = args[1]
			}
			return a.diff(old, now)
		},
		ValidArgsFunction: a.completeRuns,
	}
}

func (a *app) diff(old, now string) (err error) {
	store, err := a.openStore()
	if err != nil {
		return err
	}
	defer closing(store, &err)
	if old, err = store.FindRun(old); err != nil {
		return err
	}
	if now, err = store.FindRun(now); err != nil {
		return err
	}
	d, err := store.DiffRuns(old, now)
	if err != nil {
		return err
	}
	a.view.RunDiff(d)
	return nil
}
