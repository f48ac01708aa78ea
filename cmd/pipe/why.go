package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/pipe-ml/pipe/dag"
)

func (a *app) whyCommand() *cobra.Command {
	var o pipelineOptions
	cmd := &cobra.Command{
		Use:   "why [PIPELINE] [ADDRESS]",
		Short: "Explain why an instance would run, or why it is cached",
		Long: `why compares what an instance is made of now with what its last result was made of, and shows every difference:
attributes with their old and new values and where they are written, code, and inputs down to the changed files of a folder
and the members of what all.TYPE.NAME.OUT gathers (+ added, - removed, ~ changed). It follows what came from other instances
to where the change began, and tells why the last result was made.

ADDRESS is TYPE.NAME["lora",0.1,0] or a selector TYPE.NAME[method=lora]; of several instances each is explained.
Without ADDRESS it shows the root causes of all that would run: the instances that run for a reason of their own, and
how many others may follow; "some of" a selector are those of its instances that share the reason.
Without PIPELINE the last applied one is meant, with its variables, else the one in the working folder.` + exits(exits0, exits1),
		Example: "  pipe why 'finetune.classifier[method=lora,seed=0]'\n  pipe why chestxray",
		Args:    cobra.MaximumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.why(cmd.Context(), o, args)
		},
		ValidArgsFunction: a.completeAddress(&o),
	}
	o.addFlags(cmd.Flags())
	o.addRemoteFlag(cmd.Flags())
	a.completeFlags(cmd, &o)
	return cmd
}

func (a *app) why(ctx context.Context, o pipelineOptions, args []string) (err error) {
	address := a.split(&o, args)
	p, err := a.open(o)
	if err != nil {
		return err
	}
	var addresses []string
	if address != "" {
		if addresses, err = p.addresses([]string{address}); err != nil {
			return err
		}
	}
	engine, err := a.engine(p, o.remote)
	if err != nil {
		return err
	}
	defer closing(engine.Store, &err)
	if address == "" {
		plan, err := engine.Plan(ctx, p.graph, nil, dag.PlanOptions{})
		if err != nil {
			return err
		}
		a.view.Causes(plan)
		return nil
	}
	var all []*dag.Explanation
	for _, address := range addresses {
		x, err := engine.Why(ctx, p.graph, address)
		if err != nil {
			return err
		}
		all = append(all, x)
	}
	a.view.Why(all)
	return nil
}
