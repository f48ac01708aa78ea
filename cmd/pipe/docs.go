package main

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/pipe-ml/pipe/pipelines"
	"github.com/pipe-ml/pipe/stages"
)

func (a *app) docsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "docs [TYPE | executor | cache | functions | models | peft [METHOD]]",
		Short: "Describe the stage types: attributes, inputs and outputs",
		Long: `docs lists the stage types. With a type it describes all that a stage of it takes and makes; with executor or
cache, the block for a cluster or for a cache that machines share; with functions, what expressions may call; with models, the networks known by name and where their weights are; with peft, what each fine-tuning method
trains of published networks; with peft METHOD, that method's card.` + exits(exits0, exits1),
		Args: cobra.MaximumNArgs(2),
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
			if len(args) > 1 && args[0] != "peft" {
				return fmt.Errorf("docs %s takes no second argument", args[0])
			}
			switch args[0] {
			case "peft":
				return a.docsPEFT(args[1:])
			case "executor":
				a.view.Settings(`executor "slurm" "NAME"`, pipelines.ExecutorSchema())
				return nil
			case "cache":
				a.view.Settings("cache", pipelines.CacheSchema())
				return nil
			case "models":
				a.view.Models(stages.Models())
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
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			switch {
			case len(args) == 0:
				return docsTopics(), cobra.ShellCompDirectiveNoFileComp
			case len(args) == 1 && args[0] == "peft":
				return stages.MethodNames(), cobra.ShellCompDirectiveNoFileComp
			}
			return nil, cobra.ShellCompDirectiveNoFileComp
		},
	}
}

// docsPEFT shows all fine-tuning methods, or the one that args names.
func (a *app) docsPEFT(args []string) error {
	names := stages.MethodNames()
	if len(args) > 0 {
		if !slices.Contains(names, args[0]) {
			return fmt.Errorf("there is no fine-tuning method %q.%s", args[0], pipelines.DidYouMean(args[0], names))
		}
		names = args
	}
	methods, err := stages.Methods(names)
	if err != nil {
		return err
	}
	if len(args) > 0 {
		a.view.Method(methods[0])
		return nil
	}
	blocks, err := stages.Blocks()
	if err != nil {
		return err
	}
	a.view.Methods(methods, blocks)
	return nil
}

// docsTopics is what docs describes.
func docsTopics() []string {
	return append(stages.Names(), "executor", "cache", "functions", "models", "peft")
}
