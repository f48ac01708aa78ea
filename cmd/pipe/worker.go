package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/pipe-ml/pipe/dag"
	"github.com/pipe-ml/pipe/dag/slurm"
	"github.com/pipe-ml/pipe/stages"
)

func (a *app) workerCommand() *cobra.Command {
	w := worker{}
	tasks, survey := "", false
	cmd := &cobra.Command{
		Use:   "worker",
		Short: "Run actions for the engine (it starts this itself)",
		Long: "worker reads a request a line from its standard input, runs it, and writes an event a line to its standard output.\n\n" +
			"On a Slurm cluster it is told its action by a file instead, and writes events into the action's work folder.\n\n" +
			"PIPE_LOG=debug makes it write what it was asked and how that ended to the action's log, a JSON object a line." + exits(exits0, exits1),
		Args:   cobra.NoArgs,
		Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if survey {
				lines, err := stages.SurveyGPUs()
				if err == nil {
					_, err = fmt.Fprintln(a.out, strings.Join(lines, "\n"))
				}
				return err
			}
			if tasks != "" {
				return supervise(cmd.Context(), tasks)
			}
			// Standard output is the protocol; what a stage prints belongs into its log.
			if a.out == os.Stdout {
				os.Stdout = os.Stderr
			}
			level, err := zerolog.ParseLevel(os.Getenv("PIPE_LOG"))
			if err != nil {
				return fmt.Errorf("PIPE_LOG: %w", err)
			}
			w.events, w.stderr, w.log = &eventWriter{w: a.out}, a.err, zerolog.New(a.err).Level(level)
			if level == zerolog.NoLevel {
				w.log = zerolog.Nop()
			}
			return w.serve(cmd.Context(), a.in)
		},
	}
	cmd.Flags().BoolVar(&w.bound, "bound", false, "when the input ends in the middle of an action, kill it and end")
	cmd.Flags().StringVar(&tasks, "tasks", "", "`FILE` that lists the work folders of a batch of Slurm jobs, of which this is one")
	cmd.Flags().BoolVar(&survey, "gpus", false, "write what the GPUs' driver finds, and end")
	return cmd
}

// supervise runs the action of this Slurm job in a worker of its own.
func supervise(ctx context.Context, tasks string) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	local, err := localExecutor()
	if err != nil {
		return err
	}
	return errors.Join(slurm.Supervise(ctx, tasks, local), local.Close())
}

// worker runs actions one after the other.
type worker struct {
	bound  bool // the end of the input means that the engine is gone
	events *eventWriter
	stderr io.Writer
	log    zerolog.Logger
}

// serve answers one request after the other until the input ends.
func (w *worker) serve(ctx context.Context, in io.Reader) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if w.bound {
		dag.AdoptOrphans()
	}
	requests, ended := make(chan []byte), make(chan error, 1)
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		lines := bufio.NewReader(in)
		for {
			line, err := lines.ReadBytes('\n')
			if err != nil {
				ended <- err
				return
			}
			requests <- line
		}
	}()
	for {
		select {
		case line := <-requests:
			done := make(chan struct{})
			if w.bound {
				go abandoned(gone, done, cancel)
			}
			err := w.answer(ctx, line)
			close(done)
			if err != nil {
				return err
			}
		case err := <-ended:
			if errors.Is(err, io.EOF) {
				return nil
			}
			return fmt.Errorf("reading a request: %w", err)
		}
	}
}

// abandoned ends this process, with all that it started, if the engine is gone before an action is done.
func abandoned(gone, done <-chan struct{}, cancel func()) {
	select {
	case <-done:
		return
	case <-gone:
	}
	if !dag.KillChildren() {
		cancel() // the stage knows what it started, and may need time to end it
		select {
		case <-done:
		case <-time.After(abandonedPause):
		}
	}
	os.Exit(exitMistake)
}

// abandonedPause is more than a program gets that is told to stop.
const abandonedPause = 7 * time.Second

// answer runs one request and says how it ended.
func (w *worker) answer(ctx context.Context, line []byte) error {
	var req dag.Request
	if err := json.Unmarshal(line, &req); err != nil {
		return fmt.Errorf("request %.80q: %w", line, err)
	}
	log := w.log.With().Str("action", req.Address).Str("type", req.Type).Logger()
	log.Debug().RawJSON("config", req.Config).Str("work_dir", req.WorkDir).Int("threads", req.Threads).Msg("begin")
	end, begin := dag.WorkerEvent{Kind: "done"}, time.Now()
	err := w.perform(ctx, req)
	if w.bound {
		dag.KillChildren() // what a program has left running
	}
	log.Debug().Dur("ms", time.Since(begin)).Err(err).Msg("end")
	if err != nil {
		end = dag.WorkerEvent{Kind: "error", Message: err.Error(), Class: class(err), Attribute: stages.Blamed(err, given(req))}
	}
	return w.events.write(end)
}

// class is the class of a stage's failure. One that has lost the GPU to this process is a crash, after which the engine ends the
// process.
func class(err error) string {
	switch {
	case stages.OutOfMemory(err):
		return dag.ClassOutOfMemory
	case stages.LostDevice(err):
		return dag.ClassCrash
	}
	return "" // dag.ClassError
}

// perform runs one request in its work folder.
func (w *worker) perform(ctx context.Context, req dag.Request) (err error) {
	t, ok := stages.Lookup(req.Type)
	if !ok {
		return fmt.Errorf("this program has no stage type %q", req.Type)
	}
	if t.Version != req.Version {
		return fmt.Errorf("stage type %s is version %d in the plan, and %d in this program", req.Type, req.Version, t.Version)
	}
	inputs := given(req)
	if err := stages.WriteLists(t, inputs, filepath.Join(req.WorkDir, "inputs")); err != nil {
		return err
	}
	stage, err := stages.Decode(t, req.Config, inputs, req.Outputs)
	if err != nil {
		return err
	}
	if err := os.Chdir(req.WorkDir); err != nil {
		return fmt.Errorf("work folder: %w", err)
	}
	if req.Threads > 0 {
		runtime.GOMAXPROCS(req.Threads)
	}
	defer func() {
		if p := recover(); p != nil {
			_, _ = fmt.Fprintf(w.stderr, "panic: %v\n\n%s", p, debug.Stack())
			err = fmt.Errorf("the stage panicked, which is a mistake in pipe: %v", p)
		}
	}()
	if r, ok := stage.(stages.Resumer); ok && req.Scratch != "" {
		r.Resume(req.Scratch)
	}
	return stage.Run(ctx, &reporter{events: w.events})
}

// given turns a request's inputs into what a stage is decoded from.
func given(req dag.Request) map[string]stages.Given {
	out := make(map[string]stages.Given, len(req.Inputs))
	for name, in := range req.Inputs {
		g := stages.Given{Path: in.Path}
		for _, m := range in.Members {
			axes := make(map[string]any, len(m.Axes))
			for _, a := range m.Axes {
				axes[a.Name] = a.Value
			}
			g.Members = append(g.Members, stages.Member{Axes: axes, Path: m.Path})
		}
		out[name] = g
	}
	return out
}
