package main

import (
	"bufio"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/pipe-ml/pipe/accel/cpu"
)

// serve is pipe's side of a case, as peer.py is PyTorch's: it says "started" and "ready", and for each line "step" it makes a step and
// answers with its seconds by the clock and of the processor.
func serve(ctx context.Context, name string, threads int, in io.Reader, out io.Writer) (err error) {
	c, err := lookup(name)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "started")
	step, err := c.prepare(cpu.New(threads))
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "ready")
	for lines := bufio.NewScanner(in); lines.Scan() && lines.Text() == "step"; {
		begin, before := time.Now(), processorSeconds()
		if err := step(ctx); err != nil {
			return err
		}
		fmt.Fprintln(out, time.Since(begin).Seconds(), processorSeconds()-before)
	}
	return nil
}

// processorSeconds is the time that this process has had processors for.
func processorSeconds() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return math.NaN()
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

//go:embed peer.py
var peer string

// worker is a process of one side.
type worker struct {
	side  string
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Scanner
	start float64 // MiB held before the network was built
}

// open starts a worker and waits until its network stands. Its errors go to stderr as they come.
func open(ctx context.Context, side string, argv ...string) (*worker, error) {
	w := &worker{side: side, cmd: exec.CommandContext(ctx, argv[0], argv[1:]...)}
	w.cmd.Stderr = os.Stderr
	w.cmd.Env = plain(os.Environ())
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if w.in, err = w.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := w.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", side, err)
	}
	w.out = bufio.NewScanner(out)
	if err := w.expect("started"); err != nil {
		return nil, errors.Join(err, w.close())
	}
	if w.start, err = w.memory(); err != nil {
		return nil, errors.Join(err, w.close())
	}
	if err := w.expect("ready"); err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

// plain leaves out what would make a library of the peer take code for another processor.
func plain(env []string) []string {
	var kept []string
	for _, v := range env {
		if !strings.HasPrefix(v, "OPENBLAS_") && !strings.HasPrefix(v, "MKL_") && !strings.HasPrefix(v, "OMP_") {
			kept = append(kept, v)
		}
	}
	return kept
}

func (w *worker) expect(word string) error {
	if line, err := w.line(); err != nil || line != word {
		return errors.Join(fmt.Errorf("%s said %q, not %q", w.side, line, word), err)
	}
	return nil
}

func (w *worker) line() (string, error) {
	if !w.out.Scan() {
		return "", errors.Join(fmt.Errorf("%s ended", w.side), w.out.Err())
	}
	return w.out.Text(), nil
}

// sample is what a step took, in seconds; that of the processor feels less of what else the machine does.
type sample struct{ wall, cpu float64 }

// step makes one step.
func (w *worker) step() (s sample, err error) {
	if _, err := fmt.Fprintln(w.in, "step"); err != nil {
		return s, fmt.Errorf("%s: %w", w.side, err)
	}
	line, err := w.line()
	if err != nil {
		return s, err
	}
	if _, err := fmt.Sscan(line, &s.wall, &s.cpu); err != nil {
		return s, fmt.Errorf("%s said %q: %w", w.side, line, err)
	}
	return s, nil
}

// memory is the most that the process has held in RAM, in MiB, as Linux counts it.
func (w *worker) memory() (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("the memory of a process is known on Linux alone: %w", err)
	}
	_, rest, lives := strings.Cut(string(text), "VmHWM:")
	if !lives {
		return 0, fmt.Errorf("%s ended", w.side)
	}
	number, _, _ := strings.Cut(rest, "kB")
	kib, err := strconv.Atoi(strings.TrimSpace(number))
	return float64(kib) / 1024, err
}

func (w *worker) close() error {
	err := w.in.Close() // ends it
	return errors.Join(err, w.cmd.Wait())
}
