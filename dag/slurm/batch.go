package slurm

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pipe-ml/pipe/dag"
)

// The files of a batch.
const (
	tasksFile  = "tasks" // the work folders of its elements, quoted, a line each
	scriptFile = "script"
)

// batchPrefix begins the names of batches.
const batchPrefix = "pipe."

// group is what the elements of a batch have in common.
type group struct {
	stage     string
	resources dag.Resources
}

// batch gathers elements for one sbatch.
type batch struct {
	group    group
	elements []*element
	timer    *time.Timer
	first    time.Time
}

// gather puts an element into the batch of its like. It is called with x.mu held.
func (x *Executor) gather(e *element) {
	g := group{e.job.Stage, e.job.Resources}
	b := x.gathering[g]
	if b == nil {
		b = &batch{group: g, first: time.Now()}
		b.timer = time.AfterFunc(x.pace.window, func() { x.submit(b) })
		x.gathering[g] = b
	}
	b.elements = append(b.elements, e)
	wait := x.pace.window
	if time.Since(b.first) > x.pace.patience {
		wait = 0
	}
	b.timer.Reset(wait)
}

// submit gives a batch to Slurm, in parts if it is longer than an array may be.
func (x *Executor) submit(b *batch) {
	x.mu.Lock()
	if x.gathering[b.group] != b { // it was submitted or given up
		x.mu.Unlock()
		return
	}
	delete(x.gathering, b.group)
	x.mu.Unlock()
	most := 1
	if x.config.Array {
		most = x.arraySize()
	}
	for rest := b.elements; len(rest) > 0; {
		part := rest[:min(most, len(rest))]
		rest = rest[len(part):]
		if err := x.submitPart(b.group, part); err != nil {
			for _, e := range part {
				e.decide(err)
			}
		}
	}
}

// arraySize is how many elements an array may have.
func (x *Executor) arraySize() int {
	x.mu.Lock()
	known := x.limit
	x.mu.Unlock()
	if known > 0 {
		return known
	}
	const usual = 1001 // Slurm's own default
	text, err := x.command("scontrol", "show", "config")
	size := 0
	if err == nil {
		for l := range strings.Lines(text) {
			if name, value, ok := strings.Cut(l, "="); ok && strings.TrimSpace(name) == "MaxArraySize" {
				size, _ = strconv.Atoi(strings.TrimSpace(value))
			}
		}
	}
	if size < 2 {
		return usual
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.limit = size
	return size
}

func (x *Executor) submitPart(g group, part []*element) error {
	name := batchPrefix + g.stage + "." + strings.ToLower(rand.Text()[:12])
	dir := filepath.Join(x.dir, name)
	tasks := filepath.Join(dir, tasksFile)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	x.mu.Lock()
	x.names[name] = true
	x.mu.Unlock()
	var list strings.Builder
	for _, e := range part {
		list.WriteString(strconv.Quote(e.dir) + "\n")
	}
	if err := os.WriteFile(tasks, []byte(list.String()), 0o644); err != nil {
		return err
	}
	script := filepath.Join(dir, scriptFile)
	program, err := x.program()
	if err != nil {
		return err
	}
	argv := slices.Concat([]string{program}, x.argv[1:], []string{"--tasks", tasks})
	if err := os.WriteFile(script, []byte(x.config.script(argv)), 0o755); err != nil {
		return err
	}
	// Before sbatch: if this process dies in between, the next one asks Slurm for the name.
	for i, e := range part {
		if err := e.submitted(submission{Name: name, Index: i}); err != nil {
			return err
		}
	}
	id, err := x.sbatch(name, part, append(x.config.arguments(name, dir, len(part), g.resources), script))
	if err != nil {
		return err
	}
	for _, e := range part {
		own := id
		if x.config.Array {
			own = fmt.Sprintf("%s_%d", id, e.submission().Index)
		}
		e.identify(own)
		e.note("submitted as %s", own)
	}
	if x.isDraining() { // Drain came in between
		x.withdraw(part)
	}
	return nil
}

// submitted notes which element of which batch e is.
func (e *element) submitted(s submission) error {
	raw, err := json.Marshal(s)
	if err != nil {
		return err
	}
	e.mu.Lock()
	e.sub, e.heard = s, time.Now()
	e.mu.Unlock()
	return os.WriteFile(filepath.Join(e.dir, submissionFile), raw, 0o644)
}

func (e *element) identify(id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sub.ID = id
}

// slurmID is how scancel names the element, or "" if that is not known.
func (e *element) slurmID() string { return e.submission().ID }

// outage is what Slurm's commands say when they cannot reach the controller.
var outage = regexp.MustCompile(`(?i)unable to contact slurm controller|socket timed out|connection (refused|timed out|reset)|communication connection failure|zero bytes were transmitted|try again|temporarily`)

// sbatch submits and gives the number of the job. While the controller is away it tries again, after it has
// asked whether the last time was not a success after all.
func (x *Executor) sbatch(name string, part []*element, args []string) (string, error) {
	for {
		out, err := x.command("sbatch", args...)
		if err == nil {
			id, _, _ := strings.Cut(strings.TrimSpace(out), ";") // the cluster's name follows
			if _, err := strconv.Atoi(id); err != nil {
				return "", fmt.Errorf("sbatch answered %.200q where the number of a job is due", out)
			}
			return id, nil
		}
		if !outage.MatchString(err.Error()) && !errors.Is(err, context.DeadlineExceeded) {
			return "", &dag.ActionError{Class: dag.ClassError, Message: err.Error()}
		}
		for {
			time.Sleep(x.pace.ask)
			if x.isDraining() || !x.wanted(part) {
				return "", dag.ErrNotBegun
			}
			if list, err := x.squeue([]string{name}); err == nil {
				for _, j := range list {
					id, _, _ := strings.Cut(j.id, "_")
					return id, nil
				}
				break
			}
		}
	}
}

func (x *Executor) isDraining() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.draining
}

// wanted says whether anybody still waits for one of the elements.
func (x *Executor) wanted(part []*element) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.ContainsFunc(part, func(e *element) bool { return x.live[e] })
}

func readTasks(path string) ([]string, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the list of the batch: %w", err)
	}
	var dirs []string
	for l := range strings.Lines(string(raw)) {
		dir, err := strconv.Unquote(strings.TrimSuffix(l, "\n"))
		if err != nil {
			return nil, fmt.Errorf("the list of the batch, %s: %w", path, err)
		}
		dirs = append(dirs, dir)
	}
	return dirs, nil
}
