package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/pipe-ml/pipe/cmd/pipe/internal/view"
)

func (a *app) graphCommand() *cobra.Command {
	var o pipelineOptions
	var format string
	var instances bool
	cmd := &cobra.Command{
		Use:   "graph [PIPELINE]",
		Short: "Draw the graph as DOT (Graphviz) or Mermaid",
		Long:  `graph writes one box a stage with the number of its instances, or with -instances one box an instance.` + exits(exits0, exits1),
		Example: "  pipe graph chestxray | dot -Tsvg > graph.svg\n" +
			"  pipe graph -format mermaid pipelines/chestxray.hcl",
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 {
				o.path = args[0]
			}
			p, err := a.open(o)
			if err != nil {
				return err
			}
			switch {
			case format == "mermaid":
				return view.Mermaid(a.out, p.graph, instances)
			case format != "dot":
				return fmt.Errorf("-format is dot or mermaid, not %q", format)
			case instances:
				return p.graph.DOT(a.out)
			}
			return view.StageDOT(a.out, p.graph)
		},
		ValidArgsFunction: completePipeline,
	}
	o.addFlags(cmd.Flags())
	cmd.Flags().StringVar(&format, "format", "dot", "`NAME`: dot or mermaid")
	cmd.Flags().BoolVar(&instances, "instances", false, "a box for every instance")
	return cmd
}
