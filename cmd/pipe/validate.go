package main

import "github.com/spf13/cobra"

func (a *app) validateCommand() *cobra.Command {
	var o pipelineOptions
	cmd := &cobra.Command{
		Use:   "validate [PIPELINE]",
		Short: "Check a pipeline and all its instances; run nothing",
		Long: `validate reports every mistake in one go, each with its place, the values involved and a remedy. With -json it writes
one object, in the form of "terraform validate -json".` + exits(exits0, exits1),
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 {
				o.path = args[0]
			}
			p, diags, err := a.check(a.load(o))
			if err != nil {
				return err
			}
			a.view.Validation(p.pipeline, p.expansion, diags)
			if diags.HasErrors() {
				return ended(exitMistake)
			}
			return nil
		},
		ValidArgsFunction: completePipeline,
	}
	o.addFlags(cmd.Flags())
	a.completeFlags(cmd, &o)
	return cmd
}
