package slurm

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/pipe-ml/pipe/dag"
)

// queued is what squeue says of one element.
type queued struct {
	id, state, reason string
}

type place struct {
	name  string
	index int
}

// command runs one of Slurm's programs, for no longer than it may take.
func (x *Executor) command(name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), x.pace.call)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.WaitDelay = time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt at the terminal is not for it
	out, err := cmd.Output()
	var failed *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return "", fmt.Errorf("%s: no answer in %v: %w", name, x.pace.call, ctx.Err())
	case errors.As(err, &failed):
		return "", fmt.Errorf("%s: %s", name, strings.TrimSpace(string(failed.Stderr)))
	case err != nil:
		return "", fmt.Errorf("%w: is this a machine of a Slurm cluster?", err)
	}
	return string(out), nil
}

// squeue asks for all elements of batches, whatever their state. Slurm forgets those that ended some minutes ago.
func (x *Executor) squeue(names []string) (map[place]queued, error) {
	out, err := x.command("squeue", "--noheader", "--array", "--states=all", "--name="+strings.Join(names, ","), "--format=%F|%K|%j|%T|%r")
	if err != nil {
		return nil, err
	}
	list := map[place]queued{}
	for l := range strings.Lines(out) {
		f := strings.SplitN(strings.TrimSpace(l), "|", 5)
		if len(f) != 5 {
			return nil, fmt.Errorf("squeue: %.200q is not what was asked for", l)
		}
		q := queued{f[0], f[3], f[4]}
		index, err := strconv.Atoi(f[1])
		if err != nil {
			index = 0 // no array
		} else {
			q.id += "_" + f[1]
		}
		list[place{f[2], index}] = q
	}
	return list, nil
}

// ask asks about the silent elements from time to time, as long as there are elements.
func (x *Executor) ask() {
	away := false
	for {
		x.mu.Lock()
		if len(x.live) == 0 {
			x.asking = false
			x.mu.Unlock()
			return
		}
		silent := x.silent()
		due := time.Since(x.asked) >= x.pace.ask && len(silent) > 0
		if due {
			x.asked = time.Now()
		}
		x.mu.Unlock()
		if due {
			var names []string
			for _, e := range silent {
				names = append(names, e.submission().Name)
			}
			slices.Sort(names)
			list, err := x.squeue(slices.Compact(names))
			if err != nil && !away {
				for _, e := range silent {
					e.note("%v; waiting", err)
				}
			}
			away = err != nil
			for _, e := range silent {
				if err == nil {
					x.judge(e, list)
				}
			}
		}
		time.Sleep(min(x.pace.look, x.pace.ask))
	}
}

// silent lists the elements that Slurm knows and that show no life. It is called with x.mu held.
func (x *Executor) silent() []*element {
	var list []*element
	for e := range x.live {
		e.mu.Lock()
		if e.sub.ID != "" || e.resumed && e.sub.Name != "" {
			quiet := time.Since(e.heard)
			if !e.begun && (x.draining || quiet > x.pace.ask) || e.halted || quiet > x.pace.silence {
				list = append(list, e)
			}
		}
		e.mu.Unlock()
	}
	return list
}

// The states in which an element is over, and what that means. All others, known or not, are waited for.
var ends = map[string]string{
	"COMPLETED": dag.ClassCrash, "FAILED": dag.ClassCrash, "CANCELLED": dag.ClassCrash, "REVOKED": dag.ClassCrash,
	"TIMEOUT": dag.ClassTimeout, "DEADLINE": dag.ClassTimeout, "OUT_OF_MEMORY": dag.ClassOutOfMemory,
	"NODE_FAIL": dag.ClassNodeFail, "BOOT_FAIL": dag.ClassNodeFail, "PREEMPTED": dag.ClassNodeFail,
}

// judge decides what becomes of a silent element.
func (x *Executor) judge(e *element, list map[place]queued) {
	draining := x.isDraining()
	s := e.submission()
	q, listed := list[place{s.Name, s.Index}]
	if listed {
		e.identify(q.id)
	}
	e.mu.Lock()
	begun, news, quiet := e.begun, q.state != e.state, time.Since(e.heard)
	e.state = q.state
	if e.absent++; listed {
		e.absent = 0
	}
	absent, resumed := e.absent, e.resumed
	e.mu.Unlock()
	class, over := ends[q.state]
	switch {
	case draining && !begun && (q.state == "CANCELLED" || absent > 1):
		e.decide(dag.ErrNotBegun)
	case absent > 1 && resumed && !begun:
		x.again(e)
	case absent > 1:
		e.decide(&dag.ActionError{Class: dag.ClassCrash, Message: fmt.Sprintf("the job is lost: Slurm does not list %s any more, and it has left no result", e.slurmID())})
	case over:
		e.decide(&dag.ActionError{Class: class, Message: fmt.Sprintf("the job ended without a result: Slurm says %s of %s", q.state, e.slurmID())})
	case q.state == "RUNNING" && begun && quiet > x.pace.dead:
		lost := &dag.ActionError{Class: dag.ClassNodeFail, Message: fmt.Sprintf("the job is lost: Slurm says that %s is running, but it has shown no life for %v", e.slurmID(), quiet.Round(time.Second))}
		if e.decide(lost) {
			x.errand(e)
		}
	case listed && news:
		e.note("%s is %s (%s)", e.slurmID(), q.state, q.reason)
	}
}

// again submits an element that an earlier process meant to submit, and that Slurm does not know.
func (x *Executor) again(e *element) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.live[e] { // it was cancelled while Slurm was asked: nobody would hear of it
		return
	}
	if x.draining {
		e.decide(dag.ErrNotBegun)
		return
	}
	e.mu.Lock()
	e.resumed, e.sub, e.absent = false, submission{}, 0
	e.mu.Unlock()
	x.gather(e)
}

// errand is one scancel for many elements.
type errand struct {
	ids  []string
	done chan struct{}
}

// errand has an element cancelled together with others that are to be cancelled about now. The channel is closed
// when scancel has been called.
func (x *Executor) errand(e *element) <-chan struct{} {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.cancelled == nil {
		c := &errand{done: make(chan struct{})}
		x.cancelled = c
		x.calls.Add(1)
		time.AfterFunc(x.pace.window, func() {
			defer x.calls.Done()
			x.mu.Lock()
			x.cancelled = nil
			x.mu.Unlock()
			_, _ = x.command("scancel", c.ids...) // if it fails, the jobs end by themselves, for nothing
			close(c.done)
		})
	}
	x.cancelled.ids = append(x.cancelled.ids, e.slurmID())
	return x.cancelled.done
}

// cancel ends an element and waits for its end.
func (x *Executor) cancel(e *element) {
	x.mu.Lock()
	g := group{e.job.Stage, e.job.Resources}
	if b := x.gathering[g]; b != nil {
		b.elements = slices.DeleteFunc(b.elements, func(o *element) bool { return o == e })
	}
	x.mu.Unlock()
	end := time.Now().Add(x.pace.farewell)
	for e.slurmID() == "" { // sbatch is being called, or Slurm knows it from an earlier process
		s := e.submission()
		if s.Name == "" {
			return // it was never submitted
		}
		if e.isResumed() {
			if list, err := x.squeue([]string{s.Name}); err == nil {
				q, listed := list[place{s.Name, s.Index}]
				if !listed {
					return
				}
				e.identify(q.id)
				break
			}
		}
		if time.Now().After(end) {
			return
		}
		time.Sleep(x.pace.look)
	}
	<-x.errand(e)
	for e.hasBegun() && time.Now().Before(end) {
		if over, _ := e.listen(); over || e.isHalted() {
			return
		}
		time.Sleep(x.pace.look)
	}
}

func (e *element) isResumed() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.resumed
}

func (e *element) isHalted() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.halted
}
