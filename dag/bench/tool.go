package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// tool is one engine with its graph.
type tool struct {
	name, version string
	write         func(dir string, n int) error
	argv          []string // makes the graph of the working folder
	idle          string   // what it says when there is nothing to do
	most          int      // chains that it gets at most: what more take is scaled up from these
}

// tools are pipe and those of its peers that can be had.
func tools(ctx context.Context, parallelism int) ([]tool, error) {
	scratch, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	scratch = filepath.Join(scratch, "pipe-bench")
	pipe := filepath.Join(scratch, "pipe")
	if err := execute(ctx, "go", "build", "-o", pipe, "./cmd/pipe"); err != nil {
		return nil, fmt.Errorf("building pipe (run this in the root of the repository): %w", err)
	}
	jobs := strconv.Itoa(parallelism)
	list := []tool{{
		name: "pipe", write: func(dir string, n int) error { return writePipe(dir, n, "middle.txt") },
		argv: []string{pipe, "apply", "-parallelism", jobs, "graph.hcl"}, idle: "Nothing to do",
	}}
	if ninja := debian(ctx, "ninja", "ninja-build"); ninja != "" {
		list = append(list, tool{name: "ninja", write: writeNinja, argv: []string{ninja, "-j", jobs}, idle: "no work to do"})
	}
	if snakemake := debian(ctx, "snakemake", "snakemake"); snakemake != "" {
		list = append(list, tool{name: "Snakemake", write: writeSnakemake, argv: []string{snakemake, "--cores", jobs}, idle: "Nothing to be done", most: 17 * columns})
	}
	if dvc := dvc(ctx, scratch); dvc != "" {
		list = append(list, tool{name: "DVC", write: writeDVC, argv: []string{dvc, "repro"}, idle: "up to date", most: columns})
	}
	for i := range list {
		flag := "--version"
		if list[i].name == "pipe" {
			flag = "version"
		}
		out, err := exec.CommandContext(ctx, list[i].argv[0], flag).Output()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", list[i].name, err)
		}
		list[i].version, _, _ = strings.Cut(strings.TrimPrefix(strings.TrimSpace(string(out)), "pipe "), ",")
	}
	return list, nil
}

// debian finds a program, installing its package if need be and we may.
func debian(ctx context.Context, program, pkg string) string {
	path, err := exec.LookPath(program)
	if err == nil {
		return path
	}
	if os.Getuid() == 0 {
		if err = execute(ctx, "apt-get", "install", "-y", "--no-install-recommends", pkg); err == nil {
			path, err = exec.LookPath(program)
		}
	}
	if err != nil {
		missing(program, err, "install the Debian package "+pkg)
	}
	return path
}

// dvc finds DVC, or installs it in a folder of its own.
func dvc(ctx context.Context, scratch string) string {
	if path, err := exec.LookPath("dvc"); err == nil {
		return path
	}
	venv := filepath.Join(scratch, "dvc")
	path := filepath.Join(venv, "bin", "dvc")
	if _, err := os.Stat(path); err == nil {
		return path
	}
	err := execute(ctx, "python3", "-m", "venv", venv)
	if err == nil {
		err = execute(ctx, filepath.Join(venv, "bin", "pip"), "install", "--quiet", "dvc")
	}
	if err != nil {
		missing("dvc", err, "install it with pip")
		return ""
	}
	return path
}

func missing(program string, err error, remedy string) {
	fmt.Fprintf(os.Stderr, "bench: WITHOUT %s: %v: %s\n", strings.ToUpper(program), err, remedy)
}

// execute runs a command whose output is for people.
func execute(ctx context.Context, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", strings.Join(cmd.Args, " "), err)
	}
	return nil
}
