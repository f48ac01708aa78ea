package slurm

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pipe-ml/pipe/dag"
)

// The files of an element in its work folder, beside the job.
const (
	eventsFile     = "events.jsonl"
	beatFile       = "beat"
	submissionFile = "slurm.json"
)

const (
	beat          = 5 * time.Second
	flushes       = 500 * time.Millisecond // between two writes of events
	progressPause = 500 * time.Millisecond // between two progress events
)

// stopped is the kind of the line that ends an element which Slurm has told to stop: Slurm knows why.
const stopped = "stopped"

// line is one line of the events file.
type line struct {
	dag.WorkerEvent
	ID      string  `json:"id,omitempty"`      // begin: Slurm's name of the element
	Seconds float64 `json:"seconds,omitempty"` // done: how long it ran
}

// Supervise runs the element that this process is of the batch whose work folders are listed in the file tasks,
// with executor, and writes all that it says into the work folder. It returns whether it could, and the failure
// of the action.
func Supervise(ctx context.Context, tasks string, executor dag.Executor) error {
	return supervise(ctx, tasks, executor, beat)
}

func supervise(ctx context.Context, tasks string, executor dag.Executor, beat time.Duration) error {
	dir, err := ownTask(tasks, os.Getenv("SLURM_ARRAY_TASK_ID"))
	if err != nil {
		return err
	}
	job, err := dag.ReadJob(dir)
	if err != nil {
		return err
	}
	if job.Resources.GPUs > 0 {
		job.Cards = dag.ListCards(os.Getenv(dag.CardsVariable))
		if len(job.Cards) != job.Resources.GPUs {
			return fmt.Errorf("the job asks for gpus = %d, and Slurm gave it %q: does the cluster set %s for --gres=gpu?",
				job.Resources.GPUs, os.Getenv(dag.CardsVariable), dag.CardsVariable)
		}
	}
	w, err := openEvents(dir, beat)
	if err != nil {
		return err
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	w.write(line{WorkerEvent: dag.WorkerEvent{Kind: dag.EventBegin, Message: host}, ID: ownID()})
	w.flush() // the sooner it is known, the less Slurm is asked
	started := time.Now()
	var reported time.Time
	err = executor.Run(ctx, job, func(text string) {
		w.write(line{WorkerEvent: dag.WorkerEvent{Kind: "log", Message: text}})
	}, func(e dag.WorkerEvent) {
		if e.Kind == "progress" && e.Step != e.Total {
			if time.Since(reported) < progressPause {
				return
			}
			reported = time.Now()
		}
		w.write(line{WorkerEvent: e})
	})
	end := line{WorkerEvent: dag.WorkerEvent{Kind: "done"}, Seconds: time.Since(started).Seconds()}
	var failed *dag.ActionError
	switch {
	case errors.As(err, &failed):
		end = line{WorkerEvent: dag.WorkerEvent{Kind: "error", Message: failed.Message, Class: failed.Class, Attribute: failed.Attribute}}
	case ctx.Err() != nil:
		end = line{WorkerEvent: dag.WorkerEvent{Kind: stopped}}
	case err != nil:
		end = line{WorkerEvent: dag.WorkerEvent{Kind: "error", Message: err.Error(), Class: dag.ClassError}}
	}
	w.write(end)
	return errors.Join(err, w.close())
}

// ownTask finds the work folder of this element.
func ownTask(tasks, index string) (string, error) {
	dirs, err := readTasks(tasks)
	if err != nil {
		return "", err
	}
	i := 0
	if index != "" { // else it is a job of its own
		if i, err = strconv.Atoi(index); err != nil {
			return "", fmt.Errorf("SLURM_ARRAY_TASK_ID: %w", err)
		}
	}
	if i < 0 || i >= len(dirs) {
		return "", fmt.Errorf("the batch has %d elements, and this one is number %d", len(dirs), i)
	}
	return dirs[i], nil
}

// ownID is how scancel names this element.
func ownID() string {
	if array := os.Getenv("SLURM_ARRAY_JOB_ID"); array != "" {
		return array + "_" + os.Getenv("SLURM_ARRAY_TASK_ID")
	}
	return os.Getenv("SLURM_JOB_ID")
}

// events writes the events file, and the heartbeat beside it.
type events struct {
	mu   sync.Mutex
	file *os.File
	text bytes.Buffer
	err  error
	stop chan struct{}
	done chan struct{}
}

func openEvents(dir string, beat time.Duration) (*events, error) {
	f, err := os.OpenFile(filepath.Join(dir, eventsFile), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	w := &events{file: f, stop: make(chan struct{}), done: make(chan struct{})}
	go w.live(filepath.Join(dir, beatFile), beat)
	return w, nil
}

// live shows life until close.
func (w *events) live(path string, beat time.Duration) {
	defer close(w.done)
	flush, pulse := time.NewTicker(flushes), time.NewTicker(beat)
	defer flush.Stop()
	defer pulse.Stop()
	for n := 0; ; {
		select {
		case <-w.stop:
			return
		case <-flush.C:
			w.flush()
		case <-pulse.C:
			n++
			_ = os.WriteFile(path, strconv.AppendInt(nil, int64(n), 10), 0o644) // if it fails, Slurm is asked
		}
	}
}

func (w *events) write(l line) {
	w.mu.Lock()
	defer w.mu.Unlock()
	raw, err := json.Marshal(l)
	w.err = errors.Join(w.err, err)
	w.text.Write(append(raw, '\n'))
}

func (w *events) flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.text.Len() == 0 {
		return
	}
	_, err := w.file.Write(w.text.Bytes())
	w.err = errors.Join(w.err, err)
	w.text.Reset()
}

func (w *events) close() error {
	close(w.stop)
	<-w.done
	w.flush()
	return errors.Join(w.err, w.file.Sync(), w.file.Close())
}

// readTail gives the last lines of what a job printed, which is where the shell and Slurm complain.
func readTail(path string) string {
	const lines = 10
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	var tail []string
	for s := bufio.NewScanner(f); s.Scan(); {
		if tail = append(tail, s.Text()); len(tail) > lines {
			tail = tail[1:]
		}
	}
	return strings.Join(tail, "\n")
}
