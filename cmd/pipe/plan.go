package main

import (
	"context"

	"github.com/spf13/cobra"
)

// planFlags are the flags of plan.
type planFlags struct {
	pipelineOptions
	target, replace []string
	detailed        bool
}

func (a *app) planCommand() *cobra.Command {
	var o planFlags
	cmd := &cobra.Command{
		Use:   "plan [PIPELINE]",
		Short: "Show what apply would run, and why",
		Long: `plan says of every stage instance whether it is cached, will run, or may run: the latter is skipped if what it
waits for comes out unchanged. It runs nothing. pipe why tells more of one instance.

With -json the last line is {"type":"summary","total":…,"cached":…,"run":…,"maybe":…}.` + exits(exits0, exits1, exits2),
		Args: cobra.MaximumNArgs(1),
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
	flags.BoolVar(&o.detailed, "detailed-exitcode", false, "exit with 2 if something would run")
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
	engine, err := a.engine(p)
	if err != nil {
		return err
	}
	defer closing(engine.Store, &err)
	plan, err := engine.Plan(ctx, p.graph, opts)
	if err != nil {
		return err
	}
	a.view.Plan(plan)
	if s := plan.Summary(); o.detailed && s.Run+s.Maybe > 0 {
		return ended(exitChanges)
	}
	return nil
}
