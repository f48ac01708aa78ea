package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// sample is what one command took.
type sample struct {
	wall, cpu float64 // seconds; cpu is that of all its processes, and feels less of what else the machine does
	memory    float64 // MiB: the most that one of its processes held
}

// timed runs a command in dir. Its output must hold says.
func timed(ctx context.Context, dir string, argv []string, says string) (sample, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	var out bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &out
	started := time.Now()
	err := cmd.Run()
	s := sample{wall: time.Since(started).Seconds()}
	text := out.String()
	tail := text[max(0, len(text)-500):]
	if err != nil {
		return s, fmt.Errorf("%s in %s: %w; its last words:\n%s", strings.Join(argv, " "), dir, err, tail)
	}
	if !strings.Contains(text, says) {
		return s, fmt.Errorf("%s in %s did not say %q; its last words:\n%s", strings.Join(argv, " "), dir, says, tail)
	}
	s.cpu = (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		s.memory = float64(usage.Maxrss) / 1024
	}
	return s, nil
}

// median is that of each quantity by itself.
func median(samples []sample) sample {
	middle := func(of func(sample) float64) float64 {
		values := make([]float64, len(samples))
		for i, s := range samples {
			values[i] = of(s)
		}
		slices.Sort(values)
		return values[len(values)/2]
	}
	return sample{
		wall:   middle(func(s sample) float64 { return s.wall }),
		cpu:    middle(func(s sample) float64 { return s.cpu }),
		memory: middle(func(s sample) float64 { return s.memory }),
	}
}
