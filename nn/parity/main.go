package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/pipe-ml/pipe/accel/cpu"
)

// bound is the largest error of any tensor of a case of real size.
const bound = 1e-4

func main() {
	python := flag.String("python", "python3", "`PROGRAM` with the packages of requirements.txt")
	dir := flag.String("dir", "", "`FOLDER` for the references' files, which stay there; empty: each is removed once compared")
	threads := flag.Int("threads", runtime.NumCPU(), "`N` threads")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: go run ./nn/parity [flags] [FAMILY | FAMILY/CASE ...]\nCompares networks of real size with their references; without arguments all.")
		flag.PrintDefaults()
	}
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := compareAll(ctx, reference{*python, *dir}, *threads, flag.Args())
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "parity:", err)
		os.Exit(1)
	}
}

// compareAll prints a row for each chosen case. It goes on after one that is out of bound.
func compareAll(ctx context.Context, r reference, threads int, chosen []string) error {
	cases, err := r.list(ctx, chosen)
	if err != nil {
		return err
	}
	if len(chosen) == 0 {
		keys := r.command(ctx, "keys", filepath.Join("nn", "model", "testdata", "keys"))
		keys.Stdout = os.Stdout
		if err := keys.Run(); err != nil {
			return fmt.Errorf("names and shapes of parameters: %w", err)
		}
		if err := adaptersForLibrary(ctx, r); err != nil {
			return err
		}
	}
	dev := cpu.New(threads)
	defer dev.Close()
	fmt.Printf("%-40s %8s %9s %9s %8s %7s %7s\n", "case", "tensors", "values", "gradients", "bound", "theirs", "ours")
	var failed []string
	for _, name := range cases {
		row, err := r.compare(ctx, Runner{Device: dev}, name)
		fmt.Printf("%-40s %s\n", name, row)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			fmt.Println("   ", err)
			failed = append(failed, name)
		}
	}
	if len(failed) > 0 {
		return fmt.Errorf("%d of %d cases differ: %s", len(failed), len(cases), strings.Join(failed, ", "))
	}
	return nil
}

// reference runs the scripts in Python.
type reference struct{ python, dir string }

// list names the cases of real size that the arguments choose, each a family or one case; none chooses all.
func (r reference) list(ctx context.Context, chosen []string) ([]string, error) {
	out, err := r.command(ctx, "list").Output()
	if err != nil {
		return nil, fmt.Errorf("list the cases: %w (make parity installs what it needs)", err)
	}
	all := strings.Fields(string(out))
	if len(chosen) == 0 {
		return all, nil
	}
	var cases []string
	for _, want := range chosen {
		found := false
		for _, c := range all {
			if c == want || strings.HasPrefix(c, want+"/") {
				cases, found = append(cases, c), true
			}
		}
		if !found {
			return nil, fmt.Errorf("no case %q; there are %s", want, strings.Join(all, ", "))
		}
	}
	return cases, nil
}

func (r reference) command(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, r.python, append([]string{filepath.Join("nn", "parity")}, args...)...)
	c.Stderr = os.Stderr
	return c
}

// compare has the reference compute one case, and compares. The row is the table's.
func (r reference) compare(ctx context.Context, ours Runner, name string) (row string, err error) {
	dir := r.dir
	if dir == "" {
		if dir, err = os.MkdirTemp("", "pipe-parity-"); err != nil {
			return "", err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	path := filepath.Join(dir, filepath.FromSlash(name)+".safetensors")
	begin := time.Now()
	if err := r.command(ctx, "write", name, path).Run(); err != nil {
		return "", fmt.Errorf("the reference: %w", err)
	}
	theirs := time.Since(begin)
	c, err := Open(path)
	if err != nil {
		return "", err
	}
	defer c.Close()
	begin = time.Now()
	rep, err := ours.Run(ctx, c)
	if err != nil {
		return "", err
	}
	err = rep.Check(bound)
	verdict := map[bool]string{true: "ok", false: "DIFFERS"}[err == nil]
	return fmt.Sprintf("%8d %9.1e %9.1e %8.0e %6.1fs %6.1fs  %s", len(rep.Findings), rep.Worst("tap.", "loss").Error, rep.Worst("grad.").Error,
		bound, theirs.Seconds(), time.Since(begin).Seconds(), verdict), err
}
