package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pipe-ml/pipe/pipelines"
)

func (a *app) completionCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:       "completion SHELL",
		Short:     "Print a completion script for bash, zsh, fish or powershell",
		Long:      "completion prints a script that makes a shell complete verbs, flags, pipelines, addresses with their axes, variables and runs." + exits(exits0, exits1),
		Example:   "  source <(pipe completion bash)",
		Args:      cobra.ExactArgs(1),
		ValidArgs: []string{"bash", "zsh", "fish", "powershell"},
		RunE: func(_ *cobra.Command, args []string) error {
			var script strings.Builder
			var err error
			switch args[0] {
			case "bash":
				err = root.GenBashCompletionV2(&script, true)
			case "zsh":
				err = root.GenZshCompletion(&script)
			case "fish":
				err = root.GenFishCompletion(&script, true)
			case "powershell":
				err = root.GenPowerShellCompletionWithDesc(&script)
			default:
				err = fmt.Errorf("shell is bash, zsh, fish or powershell, not %q", args[0])
			}
			if err == nil {
				a.view.Script(args[0], script.String())
			}
			return err
		},
	}
}

// completePipeline proposes the shipped pipelines; the shell adds files.
func completePipeline(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return pipelines.Shipped(), cobra.ShellCompDirectiveDefault
}

// completeAddress proposes addresses of the pipeline named before, of the last applied one, or of that in the working
// folder, with the variables set so far; where no pipeline is named yet, also the shipped ones. The shell adds files.
func (a *app) completeAddress(o *pipelineOptions) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, text string) ([]string, cobra.ShellCompDirective) {
		proposals := a.completeSelector(*o, args, text)
		if len(args) == 0 {
			proposals = append(proposals, pipelines.Shipped()...)
		}
		return proposals, cobra.ShellCompDirectiveDefault | cobra.ShellCompDirectiveNoSpace
	}
}

// completeSelector proposes addresses. What is wrong with the pipeline is not told here.
func (a *app) completeSelector(o pipelineOptions, args []string, text string) []string {
	if a.enter() != nil {
		return nil
	}
	a.split(&o, args[:min(len(args), 1)]) // the first may be an address, of a verb that takes several
	p, _ := a.load(o)
	x, _ := p.Expand()
	return pipelines.Complete(x.Nodes, text)
}

// completeFlags proposes values for those of a verb's flags that a shell cannot know.
func (a *app) completeFlags(cmd *cobra.Command, o *pipelineOptions) {
	register := func(flag string, propose func(args []string, text string) []string) {
		if cmd.Flags().Lookup(flag) == nil {
			return
		}
		err := cmd.RegisterFlagCompletionFunc(flag, func(_ *cobra.Command, args []string, text string) ([]string, cobra.ShellCompDirective) {
			return propose(args, text), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
		})
		if err != nil {
			panic(err) // the flag is there, and this is the only completion of it
		}
	}
	selectors := func(args []string, text string) []string { return a.completeSelector(*o, args, text) }
	register("target", selectors)
	register("replace", selectors)
	register("format", func([]string, string) []string { return []string{"svg", "dot", "mermaid"} })
	register("var", func(args []string, _ string) []string {
		if a.enter() != nil {
			return nil
		}
		named := *o
		if len(args) > 0 {
			named.path = args[0]
		}
		p, _ := a.load(named)
		var names []string
		for _, v := range p.Variables {
			names = append(names, cobra.CompletionWithDesc(v.Name+"=", v.Description))
		}
		return names
	})
}

// completeRuns proposes the runs, newest first.
func (a *app) completeRuns(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	if a.enter() != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	runs, err := a.listRuns()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var names []string
	for _, r := range runs {
		names = append(names, cobra.CompletionWithDesc(r.ID, strings.Join(r.Command, " ")))
	}
	return names, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}
