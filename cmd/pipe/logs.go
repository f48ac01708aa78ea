package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/pipe-ml/pipe/dag"
)

func (a *app) logsCommand() *cobra.Command {
	var o pipelineOptions
	var follow bool
	cmd := &cobra.Command{
		Use:   "logs [PIPELINE] ADDRESS",
		Short: "Print what an instance wrote when it last ran",
		Long: `logs prints the log of the last attempt of an instance, whether it succeeded or failed.
A selector prints the logs of all instances meant.
Without PIPELINE the last applied one is meant, with its variables, else the one in the working folder.

-f prints the lines of one instance as they come in the run that is going on, from the first to the last. It waits while
the instance waits to start, goes on when it is tried again, and ends when it ends.` + exits(exits0, exits1, "4    with -f: the instance failed, or was skipped"),
		Example: "  pipe logs -f 'finetune.classifier[\"lora\",0.1,0]'",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if follow {
				return a.follow(cmd.Context(), o, args)
			}
			return a.logs(o, args)
		},
		ValidArgsFunction: a.completeAddress(&o),
	}
	o.addFlags(cmd.Flags())
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "print lines as they come, until the instance ends")
	a.completeFlags(cmd, &o)
	return cmd
}

func (a *app) logs(o pipelineOptions, args []string) (err error) {
	store, err := a.openStore()
	if err != nil {
		return err
	}
	defer closing(store, &err)
	// An exact address needs no pipeline, which may not even load any more.
	address := args[len(args)-1]
	if path, err := store.Log(address); err == nil {
		return a.printLog(address, path)
	}
	p, addresses, err := a.meant(&o, args)
	if err != nil {
		return err
	}
	found := false
	for _, address := range addresses {
		path, err := store.Log(address)
		switch {
		case errors.Is(err, dag.ErrNoResult):
			continue
		case err != nil:
			return err
		}
		found = true
		if err := a.printLog(address, path); err != nil {
			return err
		}
	}
	if found {
		return nil
	}
	why, err := p.waiting(store, addresses[0])
	if err != nil {
		return err
	}
	if why != "" {
		return fmt.Errorf("%s has not run yet: %s", args[len(args)-1], why)
	}
	return fmt.Errorf("%s has not run yet: there is no log of it in %s", args[len(args)-1], store.Dir())
}

func (a *app) follow(ctx context.Context, o pipelineOptions, args []string) (err error) {
	store, err := a.openStore()
	if err != nil {
		return err
	}
	defer closing(store, &err)
	_, addresses, err := a.meant(&o, args)
	if err != nil {
		return err
	}
	if len(addresses) != 1 {
		return fmt.Errorf("%s means %d instances; -f follows one: %s", args[len(args)-1], len(addresses), addresses[0])
	}
	end, err := store.Follow(ctx, addresses[0], func(line string) { a.view.LogLine(addresses[0], line) })
	switch {
	case errors.Is(err, dag.ErrNoResult):
		return fmt.Errorf("%s has not run yet, and no run is going on", addresses[0])
	case err != nil:
		return err
	}
	switch end.Type {
	case dag.EventFailed:
		return &exitError{exitFailed, fmt.Errorf("%s failed: %s", addresses[0], dag.Headline(end.Message))}
	case dag.EventSkipped:
		return &exitError{exitFailed, fmt.Errorf("%s was skipped: %s", addresses[0], end.Message)}
	}
	return nil
}

func (a *app) printLog(address, path string) error {
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	a.view.Log(address, path, string(text))
	return nil
}
