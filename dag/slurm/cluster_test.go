//go:build slurm

package slurm

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pipe-ml/pipe/dag"
	"github.com/pipe-ml/pipe/dag/executortest"
)

// brisk asks a real Slurm that nobody else uses. It may call jobs silent early, and dead late.
var brisk = pace{
	window: 200 * time.Millisecond, patience: time.Second, look: 100 * time.Millisecond, ask: time.Second,
	silence: 2 * time.Second, dead: 8 * time.Second, grace: 500 * time.Millisecond, farewell: 20 * time.Second, call: 30 * time.Second,
}

// cluster is the private Slurm that testdata/cluster.sh has started.
type cluster struct {
	*testing.T
	*Executor
	dir  string // of the cluster
	root string // of the jobs
}

func newCluster(t *testing.T, config Config) *cluster {
	t.Helper()
	dir := os.Getenv("SLURM_CLUSTER")
	if dir == "" {
		t.Fatal("no cluster: run these tests by make test-slurm")
	}
	c := &cluster{T: t, dir: dir, root: t.TempDir()}
	c.Executor = c.again(config)
	return c
}

func (c *cluster) again(config Config) *Executor {
	c.Helper()
	x := New(config, filepath.Join(c.root, "slurm"), []string{os.Args[0], "supervise"})
	x.pace = brisk
	c.Cleanup(func() {
		if err := x.Close(); err != nil {
			c.Error(err)
		}
	})
	return x
}

func (c *cluster) run(ctx context.Context, x *Executor, job dag.Job) <-chan error {
	c.Helper()
	job = executortest.Keep(c, job)
	done := make(chan error, 1)
	go func() {
		done <- x.Run(ctx, job, func(l string) { c.Log(l) }, func(dag.WorkerEvent) {})
	}()
	return done
}

func (c *cluster) command(name string, args ...string) string {
	c.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		c.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// kill ends the daemon that wrote a file of its number, and all that it has started.
func (c *cluster) kill(pidFile string, signal syscall.Signal) {
	c.Helper()
	raw, err := os.ReadFile(filepath.Join(c.dir, pidFile))
	if err != nil {
		c.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	if err != nil {
		c.Fatal(err)
	}
	if err := syscall.Kill(pid, signal); err != nil {
		c.Fatal(err)
	}
}

// wait waits for something that a real Slurm takes its time for.
func (c *cluster) wait(what string, come func() bool) {
	c.Helper()
	for deadline := time.Now().Add(90 * time.Second); !come(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			c.Fatalf("waited in vain for %s\n%s", what, c.command("squeue", "--states=all"))
		}
	}
}

func TestClusterKeepsThePromisesOfExecutors(t *testing.T) {
	for name, config := range map[string]Config{"arrays": {Array: true}, "single jobs": {}} {
		t.Run(name, func(t *testing.T) {
			executortest.Suite(t, func(t *testing.T) (dag.Executor, string) {
				c := newCluster(t, config)
				return c.Executor, c.root
			})
		})
	}
}

// Thirty elements are more than an array may have (24), and each sees one card of its node.
func TestClusterGivesArraysTheirCards(t *testing.T) {
	c := newCluster(t, Config{Array: true, MaxRunning: 8})
	var jobs []dag.Job
	var list []<-chan error
	for range 30 {
		job := executortest.NewJob(t, c.root, "cards", nil)
		job.Resources = dag.Resources{CPUs: 1, Memory: 100 << 20, GPUs: 1, Time: time.Minute}
		jobs = append(jobs, job)
		list = append(list, c.run(t.Context(), c.Executor, job))
	}
	seen := map[string]bool{}
	for i, done := range list {
		if err := <-done; err != nil {
			t.Error(err)
		}
		out, err := os.ReadFile(jobs[i].Outputs["out"])
		if err != nil {
			t.Error(err)
		}
		seen[string(out)] = true
	}
	if len(seen) != 2 || !seen["cards 0"] || !seen["cards 1"] {
		t.Errorf("saw %v", seen)
	}
	if len(c.names) != 2 {
		t.Errorf("%d arrays", len(c.names))
	}
}

func (c *cluster) begin(x *Executor, config map[string]any) (dag.Job, <-chan error) {
	c.Helper()
	job := executortest.NewJob(c, c.root, "write", config)
	done := c.run(c.Context(), x, job)
	c.wait("the worker", there(filepath.Join(job.WorkDir, "pid")))
	return job, done
}

func TestClusterTellsOfAKilledJob(t *testing.T) {
	c := newCluster(t, Config{Array: true})
	_, done := c.begin(c.Executor, map[string]any{"wait": filepath.Join(c.root, "never")})
	id := ""
	for name := range c.names {
		id = c.command("squeue", "--noheader", "--name="+name, "--format=%A")
	}
	c.command("scancel", "--signal=KILL", "--full", id) // as the kernel does when memory is out
	if err := <-done; class(err) != dag.ClassCrash {
		t.Errorf("error %v", err)
	}
}

// A dead node: neither slurmd nor what it had started is left, and Slurm goes on to call the job running.
func TestClusterLosesANode(t *testing.T) {
	c := newCluster(t, Config{Array: true, Extra: []string{"--nodelist=n1"}})
	job, done := c.begin(c.Executor, map[string]any{"wait": filepath.Join(c.root, "never")})
	c.kill("slurmd-n1.pid", syscall.SIGKILL)
	c.killStep(job)
	if err := <-done; class(err) != dag.ClassNodeFail {
		t.Errorf("error %v", err)
	}
	c.command(filepath.Join(c.dir, "start"), "slurmd", "-N", "n1")
	c.wait("the node", func() bool {
		return c.command("sinfo", "--noheader", "--nodes=n1", "--format=%t") == "idle"
	})
}

// killStep kills the supervisor of a job, and the step above it first, so that it tells nobody.
func (c *cluster) killStep(job dag.Job) {
	c.Helper()
	raw, err := os.ReadFile(filepath.Join(job.WorkDir, "pid"))
	if err != nil {
		c.Fatal(err)
	}
	supervisor := parent(c, strings.TrimSpace(string(raw)))
	for _, pid := range []string{parent(c, supervisor), supervisor} {
		n, err := strconv.Atoi(pid)
		if err != nil || n < 2 {
			c.Fatalf("process %q: %v", pid, err)
		}
		if err := syscall.Kill(n, syscall.SIGKILL); err != nil {
			c.Fatal(err)
		}
	}
}

func parent(t testing.TB, pid string) string {
	t.Helper()
	stat, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+2:]))[1]
}

func TestClusterOutlivesItsController(t *testing.T) {
	c := newCluster(t, Config{Array: true})
	open := filepath.Join(c.root, "open")
	_, running := c.begin(c.Executor, map[string]any{"wait": open, "text": "ran through it"})
	c.kill("slurmctld.pid", syscall.SIGKILL)
	if err := os.WriteFile(open, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := <-running; err != nil { // its result is a file: no controller is needed
		t.Error(err)
	}
	late := c.run(t.Context(), c.Executor, executortest.NewJob(t, c.root, "write", nil))
	time.Sleep(3 * time.Second) // within which sbatch meets nobody
	c.command(filepath.Join(c.dir, "start"), "slurmctld")
	if err := <-late; err != nil {
		t.Error(err)
	}
}

func TestClusterTakesOutWhatWaits(t *testing.T) {
	c := newCluster(t, Config{Array: true, MaxRunning: 2})
	open := filepath.Join(c.root, "open")
	var list []<-chan error
	for range 5 {
		list = append(list, c.run(t.Context(), c.Executor, executortest.NewJob(t, c.root, "write", map[string]any{"wait": open})))
	}
	c.wait("two workers", func() bool {
		pids, err := filepath.Glob(filepath.Join(c.root, "job*", eventsFile))
		return err == nil && len(pids) == 2
	})
	time.Sleep(time.Second) // the supervisors have been heard
	c.Drain()
	ended := make(chan error)
	for _, done := range list {
		go func() { ended <- <-done }()
	}
	for range 3 {
		if err := <-ended; !errors.Is(err, dag.ErrNotBegun) {
			t.Errorf("one that waited: %v", err)
		}
	}
	if err := os.WriteFile(open, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := <-ended; err != nil {
			t.Errorf("one that ran: %v", err)
		}
	}
}

func TestClusterIsTakenUpByAnotherProcess(t *testing.T) {
	c := newCluster(t, Config{Array: true, MaxRunning: 1})
	open, mark := filepath.Join(c.root, "open"), filepath.Join(c.root, "mark")
	first := c.again(Config{Array: true, MaxRunning: 1})
	first.pace.look = time.Hour // it is dead: it never hears of an end
	var jobs []dag.Job
	for range 3 {
		job := executortest.NewJob(t, c.root, "write", map[string]any{"wait": open, "mark": mark})
		jobs = append(jobs, job)
		c.run(context.Background(), first, job)
	}
	c.wait("the first worker", there(mark))
	var list []<-chan error
	for _, job := range jobs {
		job.Resumed = true
		list = append(list, c.run(t.Context(), c.Executor, job))
	}
	if err := os.WriteFile(open, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, done := range list {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if raw, _ := os.ReadFile(mark); strings.Count(string(raw), "\n") != 3 {
		t.Errorf("three jobs were performed %d times", strings.Count(string(raw), "\n"))
	}
}
