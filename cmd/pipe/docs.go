package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/pipe-ml/pipe/pipelines"
	"github.com/pipe-ml/pipe/stages"
)

func (a *app) docsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "docs [TYPE | executor | cache | functions]",
		Short: "Describe the stage types: attributes, inputs and outputs",
		Long: `docs lists the stage types. With a type it describes all that a stage of it takes and makes; with executor or
cache, the block for a cluster or for a cache that machines share; with functions, what expressions may call.` + exits(exits0, exits1),
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				var all []stages.Type
				for _, name := range stages.Names() {
					t, _ := stages.Lookup(name)
					all = append(all, t)
				}
				a.view.Types(all, pipelines.Shipped())
				return nil
			}
			switch args[0] {
			case "executor":
				a.view.Settings(`executor "slurm" "NAME"`, pipelines.ExecutorSchema())
				return nil
			case "cache":
				a.view.Settings("cache", pipelines.CacheSchema())
				return nil
			case "functions":
				a.view.Functions(pipelines.Functions())
				return nil
			}
			t, ok := stages.Lookup(args[0])
			if !ok {
				return fmt.Errorf("there is no stage type %q.%s pipe docs functions lists functions", args[0], pipelines.DidYouMean(args[0], docsTopics()))
			}
			a.view.Schema(stages.SchemaOf(t))
			return nil
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return docsTopics(), cobra.ShellCompDirectiveNoFileComp
		},
	}
}

// docsTopics is what docs describes.
func docsTopics() []string { return append(stages.Names(), "executor", "cache", "functions") }
