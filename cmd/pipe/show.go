package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/pipe-ml/pipe/cmd/pipe/internal/view"
	"github.com/pipe-ml/pipe/dag"
)

func (a *app) showCommand() *cobra.Command {
	var o pipelineOptions
	cmd := &cobra.Command{
		Use:   "show [PIPELINE] [ADDRESS] | FILE | PLAN",
		Short: "Show a pipeline, the last results of instances, what made a file, or a plan",
		Long: `show lists a pipeline's variables, stages and outputs. With an address it shows the last result of that instance:
what it was made of, what it made, its metrics and how long it took. With a selector of several instances it shows a
table of their metrics.

With a FILE or folder that was published, wherever it was moved or copied since, it shows what made it, down to the
data and the code: every result behind it with its configuration, where that is not the default, and its run.

With a PLAN that plan -out has kept, it shows when and from what that was made, and what it would run.

Without PIPELINE the last applied one is meant, with its variables, else the one in the working folder.` + exits(exits0, exits1),
		Example: "  pipe show 'evaluate.classifier[*]'\n  pipe show figures/data_volume.svg",
		Args:    cobra.MaximumNArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 {
				if saved, err := isPlanFile(args[0]); saved && err == nil {
					return a.showPlan(args[0])
				}
				if isArtifact(args[0]) {
					return a.provenance(args[0])
				}
			}
			return a.show(o, args)
		},
		ValidArgsFunction: a.completeAddress(&o),
	}
	o.addFlags(cmd.Flags())
	a.completeFlags(cmd, &o)
	return cmd
}

// isArtifact says whether path is there and is no pipeline.
func isArtifact(path string) bool {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return false
	case info.IsDir():
		return !isPipeline(path)
	}
	return filepath.Ext(path) != ".hcl"
}

func (a *app) provenance(path string) (err error) {
	store, err := a.openStore()
	if err != nil {
		return err
	}
	defer closing(store, &err)
	p, err := store.Provenance(path)
	if err != nil {
		return err
	}
	a.view.Provenance(p)
	return nil
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
	var all []view.Instance
	for _, address := range addresses {
		node, _ := p.graph.Node(address)
		shown := view.Instance{Node: node.Hidden()}
		shown.Result, err = store.LastResult(address)
		switch {
		case errors.Is(err, dag.ErrNoResult):
			if shown.Waiting, err = p.waiting(store, address); err != nil {
				return err
			}
		case err != nil:
			return err
		default:
			if shown.Manifest, err = store.Manifest(shown.Result.Key); err != nil {
				return err
			}
			shown.Manifest = shown.Manifest.Hidden(slices.Concat(node.Secret, shown.Result.Secret))
		}
		all = append(all, shown)
	}
	a.view.Instances(all)
	return nil
}
