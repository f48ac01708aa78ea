//go:build nvidia

// Command gpucheck times the kernels that matter on a real card, and says what share of the card's peaks they reach, what package roofline
// says that they should, and how long PyTorch takes for the same, where python3 has it with CUDA. `make gpu-check` runs it behind the tests.
// On a double of the driver it runs tiny shapes, to prove itself.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
)

func main() {
	look := flag.Bool("look", false, "only say which card there is")
	python := flag.String("python", "python3", "the interpreter that may have PyTorch")
	flag.Parse()
	if err := run(*look, *python); err != nil {
		fmt.Fprintln(os.Stderr, "gpu-check:", err)
		os.Exit(1)
	}
}

func run(look bool, python string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	c, err := find()
	if err != nil {
		return fmt.Errorf("%w; it needs an NVIDIA card and its driver (make test-cuda runs on a double of the driver)", err)
	}
	if err := c.describe(os.Stdout); err != nil || look {
		return err
	}
	return c.report(ctx, os.Stdout, python)
}
