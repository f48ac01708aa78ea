package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/pipe-ml/pipe/cmd/pipe/internal/view"
	"github.com/pipe-ml/pipe/dag"
)

func (a *app) showCommand() *cobra.Command {
	var o pipelineOptions
	cmd := &cobra.Command{
		Use:   "show [PIPELINE] [ADDRESS]",
		Short: "Show a pipeline, or the last results of instances",
		Long: `show lists a pipeline's variables, stages and outputs. With an address or selector it shows the last result of each
instance meant: what it was made of, what it made, its metrics and how long it took.
Without PIPELINE the last applied one is meant, with its variables, else the one in the working folder.` + exits(exits0, exits1),
		Args: cobra.MaximumNArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.show(o, args)
		},
		ValidArgsFunction: completeAddress,
	}
	o.addFlags(cmd.Flags())
	return cmd
}

func (a *app) show(o pipelineOptions, args []string) (err error) {
	address := a.split(&o, args)
	p, err := a.open(o)
	if err != nil {
		return err
	}
	if address == "" {
		a.view.Pipeline(p.pipeline, p.expansion)
		return nil
	}
	addresses, err := p.addresses([]string{address})
	if err != nil {
		return err
	}
	store, err := a.openStore()
	if err != nil {
		return err
	}
	defer closing(store, &err)
	for _, address := range addresses {
		node, _ := p.graph.Node(address)
		shown := view.Instance{Node: node}
		shown.Result, err = store.LastResult(address)
		switch {
		case errors.Is(err, dag.ErrNoResult):
		case err != nil:
			return err
		default:
			if shown.Manifest, err = store.Manifest(shown.Result.Key); err != nil {
				return err
			}
		}
		a.view.Instance(shown)
	}
	return nil
}
