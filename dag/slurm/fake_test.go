package slurm

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pipe-ml/pipe/dag"
	"github.com/pipe-ml/pipe/dag/executortest"
	"github.com/pipe-ml/pipe/dag/slurm/slurmtest"
)

// quick asks a Slurm that nobody else uses.
var quick = pace{
	window: 50 * time.Millisecond, patience: time.Second, look: 10 * time.Millisecond, ask: 50 * time.Millisecond,
	silence: 300 * time.Millisecond, dead: 600 * time.Millisecond, grace: 50 * time.Millisecond, farewell: 10 * time.Second, call: time.Minute,
}

// fake gives an executor on a Slurm that is none.
type fake struct {
	*testing.T
	*Executor
	slurm string // the folder of slurmtest
	root  string // of the jobs
}

func newFake(t *testing.T, config Config) *fake {
	t.Helper()
	f := &fake{T: t, slurm: slurmtest.Install(t), root: t.TempDir()}
	f.Executor = f.again(config)
	return f
}

// again gives what another process would have: an executor that knows nothing of the first one's jobs.
func (f *fake) again(config Config) *Executor {
	f.Helper()
	x := New(config, filepath.Join(f.root, "slurm"), []string{os.Args[0], "supervise"})
	x.pace = quick
	f.Cleanup(func() {
		if err := x.Close(); err != nil {
			f.Error(err)
		}
	})
	return x
}

// together makes what is started in a row one batch, however slow the machine is.
func (f *fake) together() { f.pace.window, f.pace.patience = time.Second, time.Minute }

func (f *fake) put(name string) string {
	f.Helper()
	path := filepath.Join(f.slurm, name)
	if err := os.WriteFile(path, nil, 0o666); err != nil {
		f.Fatal(err)
	}
	return path
}

// calls are the commands so far that begin so.
func (f *fake) calls(command string) []string {
	f.Helper()
	raw, err := os.ReadFile(filepath.Join(f.slurm, "calls"))
	if err != nil {
		f.Fatal(err)
	}
	var list []string
	for l := range strings.Lines(string(raw)) {
		if strings.HasPrefix(l, command+" ") {
			list = append(list, strings.TrimSpace(l))
		}
	}
	return list
}

func (f *fake) job(typ string, config map[string]any) dag.Job {
	f.Helper()
	return executortest.NewJob(f, f.root, typ, config)
}

func (f *fake) run(ctx context.Context, x *Executor, job dag.Job) <-chan error {
	f.Helper()
	job = executortest.Keep(f, job)
	done := make(chan error, 1)
	go func() { done <- x.Run(ctx, job, func(string) {}, func(dag.WorkerEvent) {}) }()
	return done
}

// until waits for something that is sure to come.
func until(t *testing.T, what string, come func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !come(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func there(path string) func() bool {
	return func() bool { _, err := os.Stat(path); return err == nil }
}
