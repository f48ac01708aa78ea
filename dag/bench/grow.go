package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// grow measures pipe by itself on ever larger graphs. What is linear costs the same for each instance.
func grow(ctx context.Context, o options, pipe tool, dir string) error {
	fmt.Println("| pipe alone | plan, all new | plan, one attribute of the middle stage changed | no-op apply | first run |")
	fmt.Println("| --- | ---: | ---: | ---: | ---: |")
	program, store := pipe.argv[0], filepath.Join(dir, "stores")
	for _, n := range o.growth {
		at := filepath.Join(dir, fmt.Sprintf("growth-%d", n))
		changed := filepath.Join(dir, fmt.Sprintf("changed-%d", n))
		if err := pipe.write(at, n); err != nil {
			return err
		}
		if err := writePipe(changed, n, "changed.txt"); err != nil {
			return err
		}
		full := filepath.Join(store, strconv.Itoa(n))
		first, err := timed(ctx, at, append(pipe.argv, "-cache", full), "")
		if err != nil {
			return err
		}
		progress("pipe first run of %d: %.2f s", actions(n), first.wall)
		var fresh, edited, noop []sample
		for range o.repeats {
			for _, m := range []struct {
				to   *[]sample
				dir  string
				argv []string
				says string
			}{
				{&fresh, at, []string{program, "plan", "-cache", filepath.Join(store, "empty"), "graph.hcl"}, fmt.Sprintf("Plan: %d to run", actions(n))},
				{&edited, changed, []string{program, "plan", "-cache", full, "graph.hcl"}, fmt.Sprintf("Plan: %d to run, %d maybe, %d cached", n, n+1, n)},
				{&noop, at, append(pipe.argv, "-cache", full), pipe.idle},
			} {
				s, err := timed(ctx, m.dir, m.argv, m.says)
				if err != nil {
					return err
				}
				*m.to = append(*m.to, s)
			}
		}
		row := fmt.Sprintf("| %s instances |", thousands(actions(n)))
		for _, s := range []sample{median(fresh), median(edited), median(noop)} {
			row += fmt.Sprintf(" %s, %.0f MiB, %.0f µs each |", seconds(s.wall), s.memory, s.cpu/float64(actions(n))*1e6)
		}
		fmt.Printf("%s %s, %.1f ms each |\n", row, seconds(first.wall), first.cpu/float64(actions(n))*1e3)
	}
	fmt.Println("\nThe memory is the peak of the largest process; µs and ms are processor time for each instance, of all processes.")
	return nil
}

// seconds has two digits that count.
func seconds(s float64) string {
	digits := 2
	if s >= 10 {
		digits = 0
	} else if s >= 1 {
		digits = 1
	}
	return strconv.FormatFloat(s, 'f', digits, 64) + " s"
}

func thousands(n int) string {
	if n < 1000 {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("%d,%03d", n/1000, n%1000)
}

// model is the processor, as Linux calls it.
func model() string {
	raw, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown processor"
	}
	for line := range strings.Lines(string(raw)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown processor"
}

// system is the kernel.
func system() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return "unknown system"
	}
	return unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:])
}
