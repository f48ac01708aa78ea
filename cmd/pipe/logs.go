package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/pipe-ml/pipe/dag"
)

func (a *app) logsCommand() *cobra.Command {
	var o pipelineOptions
	cmd := &cobra.Command{
		Use:   "logs [PIPELINE] ADDRESS",
		Short: "Print what an instance wrote when it last ran",
		Long: `logs prints the log of the last attempt of an instance, whether it succeeded or failed.
A selector prints the logs of all instances meant.
Without PIPELINE the last applied one is meant, with its variables, else the one in the working folder.` + exits(exits0, exits1),
		Args: cobra.RangeArgs(1, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.logs(o, args)
		},
		ValidArgsFunction: completeAddress,
	}
	o.addFlags(cmd.Flags())
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
	if address = a.split(&o, args); address == "" {
		return fmt.Errorf("%q is no address: write TYPE.NAME, TYPE.NAME[axis=value] or TYPE.NAME[\"value\",...]", args[0])
	}
	p, err := a.open(o)
	if err != nil {
		return err
	}
	addresses, err := p.addresses([]string{address})
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
	if !found {
		return fmt.Errorf("%s has not run yet", address)
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
