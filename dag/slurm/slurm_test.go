package slurm

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pipe-ml/pipe/dag"
	"github.com/pipe-ml/pipe/dag/executortest"
	"github.com/pipe-ml/pipe/dag/slurm/slurmtest"
)

// The test binary is Slurm's commands, the supervisor and the worker of its own tests.
func TestMain(m *testing.M) {
	if command := slurmtest.Commands()[filepath.Base(os.Args[0])]; command != nil {
		command()
	}
	switch {
	case len(os.Args) == 2 && os.Args[1] == "worker":
		executortest.Worker()
	case len(os.Args) == 4 && os.Args[1] == "supervise":
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		local := &dag.Local{Argv: []string{os.Args[0], "worker"}}
		err := errors.Join(supervise(ctx, os.Args[3], local, 20*time.Millisecond), local.Close())
		stop()
		if err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
	default:
		os.Exit(m.Run())
	}
}

func TestSlurmKeepsThePromisesOfExecutors(t *testing.T) {
	for name, config := range map[string]Config{"arrays": {Array: true}, "single jobs": {}} {
		t.Run(name, func(t *testing.T) {
			executortest.Suite(t, func(t *testing.T) (dag.Executor, string) {
				f := newFake(t, config)
				return f.Executor, f.root
			})
		})
	}
}

func class(err error) string {
	var failed *dag.ActionError
	if errors.As(err, &failed) {
		return failed.Class
	}
	return ""
}

// What becomes ready together is one array, in parts of at most MaxArraySize (50 in the fake).
func TestReadyActionsOfAStageAreOneArray(t *testing.T) {
	f := newFake(t, Config{Array: true, MaxRunning: 3, Partition: "gpu", Extra: []string{"--constraint=a100"}})
	f.together()
	resources := dag.Resources{CPUs: 2, Memory: 3<<30 - 1, GPUs: 1, Time: 90 * time.Second}
	var wg sync.WaitGroup
	for range 60 {
		job := f.job("cards", nil)
		job.Resources = resources
		done := f.run(t.Context(), f.Executor, job)
		wg.Go(func() {
			if err := <-done; err != nil {
				t.Error(err)
			}
			if out, err := os.ReadFile(job.Outputs["out"]); string(out) != "cards 0" {
				t.Errorf("output %q, %v", out, err)
			}
		})
	}
	wg.Wait()
	calls := f.calls("sbatch")
	if len(calls) != 2 {
		t.Fatalf("sbatch was called as %q", calls)
	}
	for i, span := range []string{"0-49%3", "0-9%3"} {
		for _, want := range []string{
			"--array=" + span, "--cpus-per-task=2", "--mem=3072M", "--gres=gpu:1", "--time=3", "--partition=gpu", "--constraint=a100",
			"--no-requeue", "--job-name=pipe.test.cards.",
		} {
			if !strings.Contains(calls[i], " "+want) {
				t.Errorf("sbatch call %d lacks %s: %s", i, want, calls[i])
			}
		}
	}
}

func TestDifferentResourcesAreDifferentJobs(t *testing.T) {
	f := newFake(t, Config{Array: true})
	one, two := f.job("write", nil), f.job("write", nil)
	two.Resources.CPUs = 2
	a, b := f.run(t.Context(), f.Executor, one), f.run(t.Context(), f.Executor, two)
	if err := errors.Join(<-a, <-b); err != nil || len(f.calls("sbatch")) != 2 {
		t.Errorf("%v, calls %q", err, f.calls("sbatch"))
	}
}

func TestWhatSbatchRefusesFailsWithItsWords(t *testing.T) {
	f := newFake(t, Config{Array: true, Partition: "nowhere"})
	err := <-f.run(t.Context(), f.Executor, f.job("write", nil))
	if class(err) != dag.ClassError || !strings.Contains(err.Error(), "invalid partition specified: nowhere") {
		t.Errorf("error %v", err)
	}
}

func TestSetupRunsFirstAndItsFailureIsShown(t *testing.T) {
	f := newFake(t, Config{Array: true, Setup: []string{"echo no module called cuda", "exit 7"}})
	err := <-f.run(t.Context(), f.Executor, f.job("write", nil))
	if class(err) != dag.ClassCrash || !strings.Contains(err.Error(), "FAILED") || !strings.Contains(err.Error(), "no module called cuda") {
		t.Errorf("error %v", err)
	}
}

// supervisor gives the process of the only element that runs.
func (f *fake) supervisor() int {
	f.Helper()
	var pid int
	until(f.T, "the element's process", func() bool {
		raw, err := os.ReadFile(filepath.Join(f.slurm, "1", "0.pid"))
		if err != nil {
			return false
		}
		pid, err = strconv.Atoi(string(raw))
		return err == nil
	})
	return pid
}

func TestAKilledJobIsACrash(t *testing.T) {
	f := newFake(t, Config{Array: true})
	job := f.job("sleep", nil)
	done := f.run(t.Context(), f.Executor, job)
	until(t, "the worker", there(filepath.Join(job.WorkDir, "pid")))
	if err := syscall.Kill(f.supervisor(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := <-done; class(err) != dag.ClassCrash || !strings.Contains(err.Error(), "FAILED") {
		t.Errorf("error %v", err)
	}
}

// The node dies so fast that Slurm goes on to call the job running.
func TestAJobThatShowsNoLifeIsLost(t *testing.T) {
	f := newFake(t, Config{Array: true})
	job := f.job("sleep", nil)
	done := f.run(t.Context(), f.Executor, job)
	until(t, "the worker", there(filepath.Join(job.WorkDir, "pid")))
	pid := f.supervisor()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := <-done; class(err) != dag.ClassNodeFail || !strings.Contains(err.Error(), "shown no life") {
		t.Errorf("error %v", err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	until(t, "scancel", func() bool { return len(f.calls("scancel")) == 1 })
}

func TestAJobThatSlurmForgotIsLost(t *testing.T) {
	f := newFake(t, Config{Array: true})
	f.put("hold")
	job := f.job("write", nil)
	done := f.run(t.Context(), f.Executor, job)
	until(t, "sbatch", there(filepath.Join(f.slurm, "1", "daemon")))
	if err := os.Rename(filepath.Join(f.slurm, "1"), filepath.Join(f.root, "gone")); err != nil {
		t.Fatal(err)
	}
	if err := <-done; class(err) != dag.ClassCrash || !strings.Contains(err.Error(), "does not list") {
		t.Errorf("error %v", err)
	}
}

// What Slurm says of an end decides the class; a state without meaning decides nothing.
func TestStatesOfSlurm(t *testing.T) {
	for state, want := range map[string]string{
		"NODE_FAIL": dag.ClassNodeFail, "PREEMPTED": dag.ClassNodeFail, "TIMEOUT": dag.ClassTimeout, "OUT_OF_MEMORY": dag.ClassOutOfMemory,
		"CANCELLED": dag.ClassCrash, "COMPLETED": dag.ClassCrash,
	} {
		t.Run(state, func(t *testing.T) {
			f := newFake(t, Config{Array: true})
			f.put("hold")
			done := f.run(t.Context(), f.Executor, f.job("write", nil))
			file := filepath.Join(f.slurm, "1", "0.state")
			until(t, "sbatch", there(file))
			for _, s := range []string{"UNKNOWN", "SPECIAL_NEW_STATE"} {
				until(t, "the job", there(filepath.Join(f.slurm, "1", "job")))
				if err := os.WriteFile(file, []byte(s), 0o666); err != nil {
					t.Fatal(err)
				}
				asked := len(f.calls("squeue"))
				until(t, "squeue", func() bool { return len(f.calls("squeue")) > asked+1 })
			}
			select {
			case err := <-done:
				t.Fatalf("an unknown state ended it: %v", err)
			default:
			}
			if err := os.WriteFile(file, []byte(state), 0o666); err != nil {
				t.Fatal(err)
			}
			if err := <-done; class(err) != want || !strings.Contains(err.Error(), state) {
				t.Errorf("error %v of class %s, want class %s", err, class(err), want)
			}
		})
	}
}

func TestAnOutageOfTheControllerIsWaitedFor(t *testing.T) {
	f := newFake(t, Config{Array: true})
	down := f.put("down")
	done := f.run(t.Context(), f.Executor, f.job("write", map[string]any{"text": "late"}))
	until(t, "several calls", func() bool { return there(filepath.Join(f.slurm, "calls"))() && len(f.calls("squeue")) > 2 })
	if err := os.Remove(down); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if n := len(f.calls("sbatch")); n != 2 {
		t.Errorf("sbatch was called %d times: %q", n, f.calls("sbatch"))
	}
}
