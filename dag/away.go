package dag

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// JobFile is in the work folder of a job on another executor once the folder is whole.
const JobFile = "job.json"

// ReadJob reads the job whose work folder is dir.
func ReadJob(dir string) (Job, error) {
	var job Job
	raw, err := os.ReadFile(filepath.Join(dir, JobFile))
	if err == nil {
		err = json.Unmarshal(raw, &job)
	}
	if err != nil {
		return job, fmt.Errorf("reading a job: %w", err)
	}
	return job, nil
}

func (s *Store) jobs(key string) string { return filepath.Join(s.dir, "jobs", key) }

// workFolder names the folder of an attempt: a new one, or, for the first attempt, that of a job on another
// executor which an earlier process has left behind. Whoever holds the claim owns what is there.
func (t *task) workFolder(attempt int) (path string, left bool, err error) {
	if !t.remote {
		path, err = t.store.temp()
		return path, false, err
	}
	dir := t.store.jobs(t.action.key)
	list, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", false, err
	}
	for _, d := range list {
		path := filepath.Join(dir, d.Name())
		if attempt == 1 && exists(filepath.Join(path, JobFile)) {
			return path, true, nil
		}
		if err := os.RemoveAll(path); err != nil {
			return "", false, fmt.Errorf("removing what a killed run left: %w", err)
		}
	}
	return filepath.Join(dir, rand.Text()), false, nil
}

// keep writes the job into its work folder, where another machine and a later process find it.
func (t *task) keep(job Job) error {
	raw, err := json.Marshal(job)
	if err != nil {
		return fmt.Errorf("job: %w", err)
	}
	return t.store.write(filepath.Join(job.WorkDir, JobFile), true, contents(raw))
}

// whole says whether the inputs of a job that an earlier process has started are still what they were.
func (t *task) whole() error {
	a := &audit{store: t.store}
	for _, in := range t.inputs {
		if in.outside != "" {
			continue
		}
		for _, src := range append(in.members, in) {
			if t.grouped(src.name) {
				continue // its list, which is no blob of the job's
			}
			if err := a.artifact(src.digest, src.size); err != nil {
				return err
			}
		}
	}
	return nil
}

// enter waits until few enough actions are prepared or collected for other executors; leave lets the next one.
func (t *task) enter() {
	if t.remote {
		t.gate <- struct{}{}
	}
}

func (t *task) leave() {
	if t.remote {
		<-t.gate
	}
}

// sweepJobs removes the work folders of jobs whose results are in the store: a process was killed between.
func (s *Store) sweepJobs() error {
	list, err := os.ReadDir(filepath.Join(s.dir, "jobs"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, d := range list {
		claim, err := look(filepath.Join(s.dir, "claims", d.Name()))
		if claimed := err == nil && !abandoned(claim.owner); claimed || !exists(s.record(d.Name())) {
			continue
		}
		if err := os.RemoveAll(s.jobs(d.Name())); err != nil {
			return fmt.Errorf("removing what a killed run left: %w", err)
		}
	}
	return nil
}
