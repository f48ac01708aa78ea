package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// options are the flags.
type options struct {
	dir         string
	parallelism int
	firsts      int   // first runs of each tool, of the smallest graph: a first run of the slowest takes minutes
	repeats     int   // of all that is quicker
	peers       []int // sizes at which the tools are compared, chains
	growth      []int // sizes at which pipe is measured by itself, chains
}

func main() {
	o := options{peers: []int{680, 2040}, growth: []int{320, 3320, 13320}}
	flag.StringVar(&o.dir, "dir", os.TempDir(), "`FOLDER` for the graphs: what the disk under it does is measured too")
	flag.IntVar(&o.parallelism, "parallelism", 2, "`N` processors to use")
	flag.IntVar(&o.firsts, "firsts", 3, "make the smallest graph for the first time `N` times, the others once")
	flag.IntVar(&o.repeats, "repeats", 5, "measure all else `N` times")
	flag.Func("peers", "`CHAINS` of the graphs for all tools, as 680,2040; empty: none", sizes(&o.peers))
	flag.Func("growth", "`CHAINS` of the graphs for pipe alone, as 320,3320,13320; empty: none", sizes(&o.growth))
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := bench(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func sizes(to *[]int) func(string) error {
	return func(text string) error {
		*to = nil
		if text == "" {
			return nil
		}
		for field := range strings.SplitSeq(text, ",") {
			n, err := strconv.Atoi(field)
			if err != nil || n < columns || n%columns != 0 {
				return fmt.Errorf("%q is no multiple of %d", field, columns)
			}
			*to = append(*to, n)
		}
		return nil
	}
}

func bench(ctx context.Context, o options) (err error) {
	all, err := tools(ctx, o.parallelism)
	if err != nil {
		return err
	}
	// Nothing is removed before the end: on some file systems new files are slow beside freshly removed ones.
	dir, err := os.MkdirTemp(o.dir, "pipe-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	fmt.Printf("%s, %d processors, %s; -parallelism %d, medians: of %d first runs of the smallest graph, of %d of all else; larger graphs are made once.\n\n",
		model(), runtime.NumCPU(), system(), o.parallelism, o.firsts, o.repeats)
	if len(o.peers) > 0 {
		if err := compare(ctx, o, all, dir); err != nil {
			return err
		}
	}
	if len(o.growth) > 0 {
		return grow(ctx, o, all[0], dir)
	}
	return nil
}

// cell is what one tool took for graphs of one size.
type cell struct {
	chains      int
	dir         string // of its last first run
	first, noop []sample
}

// compare measures all tools in turns and prints a row for each.
func compare(ctx context.Context, o options, all []tool, dir string) error {
	table := make([][]cell, len(all))
	for t, tool := range all {
		for size, n := range o.peers {
			if tool.most > 0 && n > tool.most {
				n = tool.most
			}
			table[t] = append(table[t], cell{chains: n, dir: filepath.Join(dir, fmt.Sprintf("%s-%d", tool.name, size))})
		}
	}
	for size := range o.peers {
		var turn []int // the tools that have not been measured at this size
		for t := range all {
			if size == 0 || table[t][size].chains > table[t][size-1].chains {
				turn = append(turn, t)
			} else {
				table[t][size] = table[t][size-1]
			}
		}
		rounds := o.firsts
		if size > 0 {
			rounds = 1
		}
		for round := range rounds {
			for _, t := range turn {
				c := &table[t][size]
				c.dir = fmt.Sprintf("%s-%d", c.dir, round)
				if err := all[t].write(c.dir, c.chains); err != nil {
					return err
				}
				s, err := timed(ctx, c.dir, all[t].argv, "")
				if err != nil {
					return err
				}
				c.first = append(c.first, s)
				progress("%s, first run of %d actions: %.2f s", all[t].name, actions(c.chains), s.wall)
			}
		}
		for round := range o.repeats + 1 {
			for _, t := range turn {
				c := &table[t][size]
				s, err := timed(ctx, c.dir, all[t].argv, all[t].idle)
				if err != nil {
					return err
				}
				if round > 0 { // the one after the first run may still fill caches
					c.noop = append(c.noop, s)
				}
				progress("%s, no-op of %d actions: %.3f s", all[t].name, actions(c.chains), s.wall)
			}
		}
	}
	show(o, all, table)
	return nil
}

// show prints a row for each tool.
func show(o options, all []tool, table [][]cell) {
	head, line := "| |", "| --- |"
	for _, n := range o.peers {
		head += fmt.Sprintf(" no-op, %[1]s actions | first run, %[1]s actions |", thousands(actions(n)))
		line += " ---: | ---: |"
	}
	fmt.Println(head + "\n" + line)
	for t, tool := range all {
		row := fmt.Sprintf("| %s %s |", tool.name, tool.version)
		for size, n := range o.peers {
			c := table[t][size]
			for _, s := range []sample{median(c.noop), median(c.first)} {
				if c.chains == n {
					row += fmt.Sprintf(" %s (%s) |", seconds(s.wall), seconds(s.cpu))
				} else {
					scaled := s.wall * float64(actions(n)) / float64(actions(c.chains))
					row += fmt.Sprintf(" about %s: %s for %s |", seconds(scaled), seconds(s.wall), thousands(actions(c.chains)))
				}
			}
		}
		fmt.Println(row)
	}
	fmt.Println("\nIn brackets: processor time of all processes.")
	fmt.Println()
}

func progress(format string, args ...any) { fmt.Fprintf(os.Stderr, "bench: "+format+"\n", args...) }
