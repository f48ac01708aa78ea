package main

import (
	"fmt"
	"os"

	"github.com/hashicorp/hcl/v2"

	"github.com/pipe-ml/pipe/cmd/pipe/internal/view"
)

// showPlan shows what a plan file holds. It was made when it was written.
func (a *app) showPlan(path string) error {
	f, err := parsePlanFile(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	a.view.SavedPlan(path, view.SavedPlan{Made: info.ModTime(), Command: f.command(), Actions: f.Actions})
	return nil
}

// command is the command line that the plan was made by. Sensitive values stay out of it.
func (f *planFile) command() []string {
	args := []string{"plan"}
	for _, s := range f.Target {
		args = append(args, "-target", s)
	}
	for _, s := range f.Replace {
		args = append(args, "-replace", s)
	}
	for _, s := range f.Settings {
		switch {
		case s.File != "":
			args = append(args, "-var-file", s.File)
		case !s.Sensitive:
			args = append(args, "-var", s.Name+"="+s.Value)
		}
	}
	if f.Pipeline != "" {
		args = append(args, f.Pipeline)
	}
	return args
}

// noPipeline says of a plan file, where a pipeline is wanted, what it is.
func noPipeline(path string) hcl.Diagnostics {
	return hcl.Diagnostics{{
		Severity: hcl.DiagError, Summary: "A plan is no pipeline",
		Detail: fmt.Sprintf("%s is a plan that plan -out has kept. Run it with pipe apply %s, or see it with pipe show %s.", path, path, path),
	}}
}
