package main

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/pipe-ml/pipe/cmd/pipe/internal/view"
	"github.com/pipe-ml/pipe/pipelines"
)

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Long:  "version prints the program's version, the commit it was built from, and the platform." + exits(exits0),
		Args:  cobra.NoArgs,
		Run: func(*cobra.Command, []string) {
			a.view.Version(build())
		},
	}
}

// build says what this program is.
func build() view.Version {
	v := view.Version{Pipe: pipelines.Version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				v.Commit = s.Value
			}
		}
	}
	return v
}
