package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
)

// levels is the case that compares pipe with itself: products of matrices by AVX-512 and AVX2.
const levels = "levels"

// options are the flags.
type options struct {
	cases   []string
	python  string
	threads int
	rounds  int
}

func main() {
	o := options{cases: append(caseNames(), levels)}
	flag.Func("cases", "`CASES` to measure, as vit_lora,resnet_ssf; all if left out: "+strings.Join(o.cases, ","), func(text string) error {
		o.cases = strings.Split(text, ",")
		for _, name := range o.cases {
			if _, err := lookup(name); err != nil && name != levels {
				return err
			}
		}
		return nil
	})
	flag.StringVar(&o.python, "python", "python3", "`PROGRAM` with torch, timm and diffusers")
	flag.IntVar(&o.threads, "threads", 2, "`N` threads of either side")
	flag.IntVar(&o.rounds, "rounds", 9, "measure `N` steps of either side, after two that are not counted")
	side := flag.String("worker", "", "be pipe's worker of a `CASE`, on stdin and stdout")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	var err error
	if *side != "" {
		err = serve(ctx, *side, o.threads, os.Stdin, os.Stdout)
	} else {
		err = bench(ctx, o)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench(ctx context.Context, o options) error {
	networks := slices.DeleteFunc(slices.Clone(o.cases), func(name string) bool { return name == levels })
	if len(networks) > 0 {
		fmt.Printf("%d threads, medians of %d steps.\n\n%s\n", o.threads, o.rounds, tableHead)
	}
	for _, name := range networks {
		c, err := lookup(name)
		if err != nil {
			return err
		}
		r, err := compare(ctx, o, c)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		fmt.Println(r.row(c.doc))
	}
	if len(networks) < len(o.cases) {
		return compareLevels(o)
	}
	return nil
}

// result is what a case took on either side: pipe, PyTorch.
type result struct {
	wall, cpu   [2][]float64 // seconds of each step
	peak, start [2]float64   // MiB
}

// compare lets the two sides of a case take turns.
func compare(ctx context.Context, o options, c benchCase) (r result, err error) {
	self, err := os.Executable()
	if err != nil {
		return r, err
	}
	threads := fmt.Sprint(o.threads)
	var sides [2]*worker
	for i, argv := range [2][]string{
		{self, "-worker", c.name, "-threads", threads},
		{o.python, "-c", peer, c.name, threads},
	} {
		if sides[i], err = open(ctx, [2]string{"pipe", "PyTorch"}[i], argv...); err != nil {
			return r, err
		}
		defer func() { err = errors.Join(err, sides[i].close()) }()
	}
	const warm = 2
	for round := range warm + o.rounds {
		for i, w := range sides {
			s, err := w.step()
			if err != nil {
				return r, err
			}
			if round >= warm {
				r.wall[i], r.cpu[i] = append(r.wall[i], s.wall), append(r.cpu[i], s.cpu)
			}
		}
		fmt.Fprintf(os.Stderr, "bench: %s, step %d of %d\n", c.name, round+1, warm+o.rounds)
	}
	for i, w := range sides {
		r.start[i] = w.start
		if r.peak[i], err = w.memory(); err != nil {
			return r, err
		}
	}
	return r, nil
}

const tableHead = "| | pipe, s | PyTorch, s | ratio | of processor time | pipe, MiB | PyTorch, MiB | ratio |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"

// row is the line of the table.
func (r result) row(doc string) string {
	grown := [2]float64{r.peak[0] - r.start[0], r.peak[1] - r.start[1]}
	return fmt.Sprintf("| %s | %.3f | %.3f | **%.2f** | %.2f | %.0f (%.0f) | %.0f (%.0f) | **%.2f** |", doc,
		median(r.wall[0]), median(r.wall[1]), median(ratios(r.wall[0], r.wall[1])), median(ratios(r.cpu[0], r.cpu[1])), r.peak[0], grown[0], r.peak[1], grown[1], grown[0]/grown[1])
}

// ratios divides steps that were neighbours.
func ratios(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for i := range out {
		out[i] = a[i] / b[i]
	}
	return out
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
