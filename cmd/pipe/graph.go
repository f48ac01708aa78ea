package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
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
Without -format the name of the -o file tells the format (.svg, .dot, .gv, .mmd, .mermaid); on standard output it is DOT.
A file that is there is replaced only if it is a drawing.` + exits(exits0, exits1),
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
	format, err := o.formatMeant()
	if err != nil {
		return err
	}
	p, err := a.open(o.pipelineOptions)
	if err != nil {
		return err
	}
	var text strings.Builder
	switch {
	case format == "svg":
		err = view.SVG(&text, p.graph, o.instances)
	case format == "mermaid":
		err = view.Mermaid(&text, p.graph, o.instances)
	case o.instances:
		err = p.graph.DOT(&text)
	default:
		err = view.StageDOT(&text, p.graph)
	}
	switch {
	case err != nil:
		return err
	case o.out == "":
		a.view.Graph(format, "", text.String())
		return nil
	}
	if err := writeDrawing(o.out, text.String()); err != nil {
		return err
	}
	a.view.Graph(format, o.out, "")
	return nil
}

// formatMeant is the format that -format names, else the one that the name of the file tells.
func (o graphFlags) formatMeant() (string, error) {
	switch o.format {
	case "svg", "dot", "mermaid":
		return o.format, nil
	case "":
	default:
		return "", fmt.Errorf("-format is svg, dot or mermaid, not %q", o.format)
	}
	if o.out == "" {
		return "dot", nil
	}
	switch filepath.Ext(o.out) {
	case ".svg":
		return "svg", nil
	case ".dot", ".gv":
		return "dot", nil
	case ".mmd", ".mermaid":
		return "mermaid", nil
	}
	return "", fmt.Errorf("the name of %s tells no format: end it in .svg, .dot, .gv, .mmd or .mermaid, or give -format svg, dot or mermaid", o.out)
}

// drawingMarks begin the files that graph writes.
var drawingMarks = []string{"<svg", "<?xml", "digraph", "flowchart"}

// writeDrawing puts a drawing at path. A file that stands there is replaced only if it is a drawing too.
func writeDrawing(path, text string) error {
	switch info, err := os.Stat(path); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case info.Mode().IsRegular() && info.Size() > 0:
		there, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(drawingMarks, func(mark string) bool { return bytes.HasPrefix(there, []byte(mark)) }) {
			return fmt.Errorf("%s is there already and is no drawing; choose another name", path)
		}
	}
	return os.WriteFile(path, []byte(text), 0o666)
}
