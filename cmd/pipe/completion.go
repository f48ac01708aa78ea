package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/pipe-ml/pipe/pipelines"
)

func (a *app) completionCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:       "completion SHELL",
		Short:     "Print a completion script for bash, zsh, fish or powershell",
		Long:      "completion prints a script that makes a shell complete verbs, flags, pipelines and addresses." + exits(exits0, exits1),
		Example:   "  source <(pipe completion bash)",
		Args:      cobra.ExactArgs(1),
		ValidArgs: []string{"bash", "zsh", "fish", "powershell"},
		RunE: func(_ *cobra.Command, args []string) error {
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(a.out, true)
			case "zsh":
				return root.GenZshCompletion(a.out)
			case "fish":
				return root.GenFishCompletion(a.out, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(a.out)
			}
			return fmt.Errorf("shell is bash, zsh, fish or powershell, not %q", args[0])
		},
	}
}

// completePipeline proposes the shipped pipelines; the shell adds files.
func completePipeline(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return pipelines.Shipped(), cobra.ShellCompDirectiveDefault
}

// completeAddress proposes the stages of the pipeline named before, or of that in the working folder.
func completeAddress(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	path := "."
	if len(args) > 0 {
		path = args[0]
	}
	p, _ := pipelines.Load(path, pipelines.FromEnvironment(os.Environ()))
	var names []string
	for _, m := range p.Modules() {
		names = append(names, m.Address)
	}
	for _, s := range p.Stages {
		names = append(names, s.Address())
	}
	if len(args) == 0 {
		names = append(names, pipelines.Shipped()...)
	}
	return names, cobra.ShellCompDirectiveDefault
}
