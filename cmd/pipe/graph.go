package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pipe-ml/pipe/cmd/pipe/internal/view"
)

// graphFlags are the flags of graph.
type graphFlags struct {
	pipelineOptions
	format, out string
	instances   bool
}

func (a *app) graphCommand() *cobra.Command {
	var o graphFlags
	cmd := &cobra.Command{
		Use:   "graph [PIPELINE]",
		Short: "Draw the graph as SVG, DOT (Graphviz) or Mermaid",
		Long: `graph draws one box a stage with the number of its instances, or with -instances one box an instance.
Without -format the name of the -o file tells the format (.svg, .mmd), else it is DOT.` + exits(exits0, exits1),
		Example: "  pipe graph chestxray -o graph.svg\n" +
			"  pipe graph -format mermaid pipelines/chestxray.hcl",
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 {
				o.path = args[0]
			}
			return a.draw(o)
		},
		ValidArgsFunction: completePipeline,
	}
	o.addFlags(cmd.Flags())
	cmd.Flags().StringVar(&o.format, "format", "", "`NAME`: svg, dot or mermaid")
	cmd.Flags().StringVarP(&o.out, "out", "o", "", "write to this `FILE` instead of standard output")
	cmd.Flags().BoolVar(&o.instances, "instances", false, "a box for every instance")
	a.completeFlags(cmd, &o.pipelineOptions)
	return cmd
}

func (a *app) draw(o graphFlags) error {
	switch {
	case o.format != "":
	case strings.HasSuffix(o.out, ".svg"):
		o.format = "svg"
	case strings.HasSuffix(o.out, ".mmd"):
		o.format = "mermaid"
	default:
		o.format = "dot"
	}
	p, err := a.open(o.pipelineOptions)
	if err != nil {
		return err
	}
	var text strings.Builder
	switch {
	case o.format == "svg":
		err = view.SVG(&text, p.graph, o.instances)
	case o.format == "mermaid":
		err = view.Mermaid(&text, p.graph, o.instances)
	case o.format != "dot":
		err = fmt.Errorf("-format is svg, dot or mermaid, not %q", o.format)
	case o.instances:
		err = p.graph.DOT(&text)
	default:
		err = view.StageDOT(&text, p.graph)
	}
	switch {
	case err != nil:
		return err
	case o.out == "":
		a.view.Graph(o.format, "", text.String())
		return nil
	}
	if err := os.WriteFile(o.out, []byte(text.String()), 0o666); err != nil {
		return err
	}
	a.view.Graph(o.format, o.out, "")
	return nil
}
