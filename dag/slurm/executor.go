package slurm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/pipe-ml/pipe/dag"
)

// Executor is a dag.Remote. It is safe for several goroutines.
type Executor struct {
	config Config
	dir    string   // for the batches
	argv   []string // the supervisor's command line, but for the batch
	pace   pace

	program func() (string, error) // where the machines of the cluster find argv[0]
	calls   sync.WaitGroup         // of Slurm's programs that no Run waits for

	mu        sync.Mutex
	gathering map[group]*batch
	live      map[*element]bool
	cancelled *errand // the next scancel
	asked     time.Time
	asking    bool // the goroutine that asks runs
	draining  bool
	limit     int             // MaxArraySize; 0: not known yet
	names     map[string]bool // of the batches of this process, and of those that it took up
}

// New makes an executor that keeps its batches in dir, a folder of the store, and starts supervisors with argv,
// to which it appends the flag that names the batch. It copies the program to dir: the machines of the cluster see
// it there, and what waits in the queue runs the program that planned it, whatever is built meanwhile.
func New(config Config, dir string, argv []string) *Executor {
	return &Executor{
		config: config, dir: dir, argv: argv, pace: clusterPace, gathering: map[group]*batch{}, live: map[*element]bool{},
		names: map[string]bool{}, program: sync.OnceValues(func() (string, error) { return install(argv[0], dir) }),
	}
}

// Run implements dag.Executor. After a cancelled element has been given time to end, it is taken to have ended:
// Slurm kills what does not listen.
func (x *Executor) Run(ctx context.Context, job dag.Job, log func(string), event func(dag.WorkerEvent)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	e := &element{job: job, resumed: job.Resumed, dir: job.WorkDir, heard: time.Now(), verdict: make(chan error, 1), log: log, event: event}
	if err := x.enlist(e); err != nil {
		return err
	}
	defer x.dismiss(e)
	for {
		var verdict error
		select {
		case <-ctx.Done():
			x.dismiss(e) // nobody listens to it now: it would be taken for dead
			x.cancel(e)
			return fmt.Errorf("the job was cancelled: %w", ctx.Err())
		case verdict = <-e.verdict:
			if e.submission().Name != "" {
				select { // a shared file system may show late what was written last
				case <-time.After(x.pace.grace):
				case <-ctx.Done():
				}
			}
		case <-time.After(x.pause()):
		}
		over, err := e.listen()
		if over {
			return err
		}
		if err != nil { // nobody hears it any more
			x.cancel(e)
			return err
		}
		if verdict != nil {
			return x.blame(e, verdict)
		}
	}
}

// enlist takes an element up: it waits for others of its batch, or has been submitted by an earlier process.
func (x *Executor) enlist(e *element) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.live[e] = true
	if !x.asking {
		x.asking = true
		x.calls.Go(x.ask)
	}
	if e.job.Resumed {
		s, err := readSubmission(e.dir)
		if err == nil {
			e.sub = s
			x.names[s.Name] = true
			return nil
		} else if !errors.Is(err, os.ErrNotExist) {
			delete(x.live, e)
			return err
		}
	}
	if x.draining {
		delete(x.live, e)
		return dag.ErrNotBegun
	}
	x.gather(e)
	return nil
}

func (x *Executor) dismiss(e *element) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.live, e)
}

// pause is how long to wait between two looks at the files of an element.
func (x *Executor) pause() time.Duration {
	x.mu.Lock()
	defer x.mu.Unlock()
	return max(x.pace.look, time.Duration(len(x.live))*lookBudget)
}

// blame adds to what Slurm says of a job what it printed.
func (x *Executor) blame(e *element, verdict error) error {
	var failed *dag.ActionError
	if s := e.submission(); s.Name != "" && errors.As(verdict, &failed) {
		if tail := readTail(filepath.Join(x.dir, s.Name, fmt.Sprintf("%d.out", s.Index))); tail != "" {
			return &dag.ActionError{Class: failed.Class, Message: failed.Message + "; the job printed:\n" + tail}
		}
	}
	return verdict
}

// Drain implements dag.Remote. There is no way back.
func (x *Executor) Drain() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.draining = true
	for g, b := range x.gathering {
		b.timer.Stop()
		delete(x.gathering, g)
		for _, e := range b.elements {
			e.decide(dag.ErrNotBegun)
		}
	}
	var waiting []*element
	for e := range x.live {
		if e.slurmID() != "" && !e.hasBegun() {
			waiting = append(waiting, e)
		}
	}
	x.calls.Go(func() { x.withdraw(waiting) })
}

// withdraw takes those elements out of Slurm's queue that still wait there, and has it asked what came of it.
func (x *Executor) withdraw(list []*element) {
	args := []string{"--state=PENDING"}
	for _, e := range list {
		args = append(args, e.slurmID())
	}
	if len(list) > 0 {
		_, _ = x.command("scancel", args...) // if it fails, they are waited for
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.asked = time.Time{}
}

// Close implements dag.Executor: it waits for what is being asked of Slurm, and removes the folders of the batches that
// nobody needs any more.
func (x *Executor) Close() error {
	x.calls.Wait()
	x.mu.Lock()
	defer x.mu.Unlock()
	var errs []error
	for name := range x.names {
		dirs, err := readTasks(filepath.Join(x.dir, name, tasksFile))
		if err != nil {
			continue // gone
		}
		if !slices.ContainsFunc(dirs, isThere) {
			errs = append(errs, os.RemoveAll(filepath.Join(x.dir, name)))
		}
	}
	return errors.Join(errs...)
}
