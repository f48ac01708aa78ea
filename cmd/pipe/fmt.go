package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"

	"github.com/pipe-ml/pipe/pipelines"
)

// fmtOptions are the flags of fmt.
type fmtOptions struct {
	check, diff, recursive bool
}

func (a *app) fmtCommand() *cobra.Command {
	var o fmtOptions
	cmd := &cobra.Command{
		Use:   "fmt [PATH]...",
		Short: "Bring HCL files into the canonical form",
		Long: `fmt rewrites files, and the .hcl files in folders, and lists those that it changed; with -recursive also those below.
Without a path it takes the working folder; - reads the standard input and writes the standard output.` + exits(exits0, exits1, exits3),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.format(o, args)
		},
	}
	cmd.Flags().BoolVar(&o.check, "check", false, "change nothing; exit with 3 if a file is not formatted")
	cmd.Flags().BoolVar(&o.recursive, "recursive", false, "also take the folders below, but no hidden ones")
	cmd.Flags().BoolVar(&o.diff, "diff", false, "show the changes")
	return cmd
}

func (a *app) format(o fmtOptions, args []string) error {
	if len(args) == 0 {
		args = []string{"."}
	}
	changed := false
	for _, arg := range args {
		if arg == "-" {
			text, err := io.ReadAll(a.in)
			if err != nil {
				return err
			}
			formatted, err := a.formatted("standard input", text)
			if err != nil {
				return err
			}
			changed = changed || !bytes.Equal(text, formatted)
			switch {
			case o.diff:
				a.view.Source(string(diff.Diff("standard input (as it is)", text, "standard input (formatted)", formatted)))
			case !o.check:
				a.view.Source(string(formatted))
			}
			continue
		}
		files, err := hclFiles(arg, o.recursive)
		if err != nil {
			return err
		}
		for _, file := range files {
			c, err := a.formatFile(o, file)
			if err != nil {
				return err
			}
			changed = changed || c
		}
	}
	if o.check && changed {
		return ended(exitUnformatted)
	}
	return nil
}

// hclFiles lists a file itself, or the .hcl files in a folder, and below if it is recursive, but not in hidden folders.
func hclFiles(path string, recursive bool) ([]string, error) {
	var files []string
	err := filepath.WalkDir(path, func(name string, e fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist) && name == path:
			return fmt.Errorf("there is no file or folder %s: name .hcl files, or folders that hold some", path)
		case err != nil:
			return err
		case e.IsDir() && name != path && (!recursive || strings.HasPrefix(e.Name(), ".")):
			return filepath.SkipDir
		case !e.IsDir() && (name == path || filepath.Ext(name) == ".hcl"):
			files = append(files, name)
		}
		return nil
	})
	return files, err
}

func (a *app) formatFile(o fmtOptions, file string) (changed bool, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return false, err
	}
	formatted, err := a.formatted(file, text)
	if err != nil || bytes.Equal(text, formatted) {
		return false, err
	}
	var shown []byte
	if o.diff {
		shown = diff.Diff(file+" (as it is)", text, file+" (formatted)", formatted)
	}
	a.view.Formatted(file, shown)
	if o.check {
		return true, nil
	}
	info, err := os.Stat(file)
	if err != nil {
		return true, err
	}
	if err := os.WriteFile(file, formatted, info.Mode().Perm()); err != nil {
		return true, fmt.Errorf("writing the formatted file: %w", err)
	}
	return true, nil
}

// formatted is the canonical form of a file; a file with syntax errors is not touched.
func (a *app) formatted(name string, text []byte) ([]byte, error) {
	formatted, file, diags := pipelines.Format(name, text)
	if err := a.diagnose(diags, map[string]*hcl.File{name: file}); err != nil {
		return nil, err
	}
	return formatted, nil
}
