package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/pipe-ml/pipe/dag"
	"github.com/pipe-ml/pipe/pipelines"
)

// planFlags are the flags of plan.
type planFlags struct {
	pipelineOptions
	target, replace []string
	detailed        bool
	out             string
}

func (a *app) planCommand() *cobra.Command {
	var o planFlags
	cmd := &cobra.Command{
		Use:   "plan [PIPELINE]",
		Short: "Show what apply would run, and why",
		Long: `plan says of every stage instance whether it is cached, will run, or may run: the latter is skipped if what it
waits for comes out unchanged. It runs nothing. pipe why tells more of one instance.

-out keeps the plan in a file, with the variables that it was made with, for apply to run it as it is. Sensitive values
are not in the file.

It also says how many outputs of what is cached apply would publish, since they are not in their place, and which it
would refuse to.

With -json the last line is {"type":"summary","total":…,"cached":…,"run":…,"maybe":…}, with "publish" and "blocked" if
there are such outputs.` + exits(exits0, exits1, exits2),
		Example: "  pipe plan chestxray -out study.plan\n  pipe apply study.plan",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				o.path = args[0]
			}
			return a.plan(cmd.Context(), o)
		},
		ValidArgsFunction: completePipeline,
	}
	flags := cmd.Flags()
	o.addFlags(flags)
	flags.StringArrayVar(&o.target, "target", nil, "plan only this `ADDRESS` or selector and what it needs (repeat for more)")
	flags.StringArrayVar(&o.replace, "replace", nil, "plan to run this `ADDRESS` or selector again (repeat for more)")
	flags.StringVar(&o.out, "out", "", "keep the plan in this `FILE`, for apply")
	flags.BoolVar(&o.detailed, "detailed-exitcode", false, "exit with 2 if something would run or be published")
	o.addRemoteFlag(flags)
	a.completeFlags(cmd, &o.pipelineOptions)
	return cmd
}

func (a *app) plan(ctx context.Context, o planFlags) (err error) {
	p, err := a.open(o.pipelineOptions)
	if err != nil {
		return err
	}
	opts, err := planOptions(p, o.target, o.replace)
	if err != nil {
		return err
	}
	engine, err := a.engine(p, o.remote)
	if err != nil {
		return err
	}
	defer closing(engine.Store, &err)
	plan, err := engine.Plan(ctx, p.graph, p.expansion.Publications, opts)
	if err != nil {
		return err
	}
	if o.out != "" {
		if err := a.savePlan(o, p.pipeline, engine.Store, plan); err != nil {
			return err
		}
	}
	a.view.Plan(plan, o.out)
	if s := plan.Summary(); o.detailed && s.Run+s.Maybe+s.Publish+s.Blocked > 0 {
		return ended(exitChanges)
	}
	return nil
}

// savePlan writes the plan file.
func (a *app) savePlan(o planFlags, p *pipelines.Pipeline, store *dag.Store, plan *dag.Plan) error {
	file, err := newPlanFile(o, p, store)
	if err != nil {
		return err
	}
	if file.Actions, err = plan.Save(); err != nil {
		return err
	}
	for _, action := range file.Actions {
		if a.mask.Hides(action.Address) {
			return fmt.Errorf("plan file: the address %s holds a sensitive value, which must not stand in a file: take it out of the matrix", action.Address)
		}
	}
	return file.write(o.out)
}
