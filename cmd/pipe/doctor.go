package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pipe-ml/pipe/dag"
	"github.com/pipe-ml/pipe/pipelines"
	"github.com/pipe-ml/pipe/stages"
)

func (a *app) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Check this machine and the store",
		Long: `doctor tells what pipe finds here, a check a line: the program, the processors and memory that the scheduler sees, the
store and its file system, the clock, what killed runs left, whether a worker starts, the GPU. A check that is not ok
says what to do.` + exits(exits0, exits1doctor),
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.doctor(cmd.Context()) },
	}
}

func (a *app) doctor(ctx context.Context) (err error) {
	checks := []dag.Check{
		dag.OK("program", "pipe %s, %s, %s/%s", pipelines.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH),
		dag.OK("kernels", "%s", stages.Kernels()),
	}
	checks = append(checks, dag.Machine()...)
	store, err := a.openStore()
	if err != nil {
		checks = append(checks, dag.Check{Name: "store", State: dag.CheckFail, Text: err.Error(), Remedy: "choose another folder with -cache or PIPE_CACHE"})
	} else {
		defer closing(store, &err)
		checks = append(checks, store.Checkup()...)
	}
	checks = append(checks, checkWorker(ctx), checkGPUs())
	if stages.CUDA {
		checks = append(checks, checkDriver(ctx))
	}
	a.view.Checked(checks)
	for _, c := range checks {
		if c.State == dag.CheckFail {
			return ended(exitMistake)
		}
	}
	return nil
}

// checkGPUs tells which GPUs the scheduler gives out.
func checkGPUs() dag.Check {
	cards := dag.Cards(os.LookupEnv, os.DirFS("/"), dag.QueryCards)
	if len(cards) == 0 {
		return dag.OK("gpu", "no GPU; stages run on the processor")
	}
	list := make([]string, len(cards))
	for i, c := range cards {
		list[i] = c.String()
	}
	return dag.OK("gpu", "%d: %s", len(cards), strings.Join(list, ", "))
}

// checkDriver asks the GPUs' driver, in a process of its own, for the driver stays in the one that has called it.
func checkDriver(ctx context.Context) dag.Check {
	const patience = time.Minute
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	self, err := os.Executable()
	if err != nil {
		return dag.Check{Name: "cuda", State: dag.CheckFail, Text: err.Error()}
	}
	var said, complaint strings.Builder
	child := exec.CommandContext(ctx, self, "worker", "-gpus")
	child.Stdout, child.Stderr = &said, &complaint
	if err = child.Run(); err == nil {
		return dag.OK("cuda", "%s", strings.ReplaceAll(strings.TrimSpace(said.String()), "\n", "; "))
	}
	return dag.Check{
		Name: "cuda", State: dag.CheckWarn, Text: cmp.Or(strings.TrimPrefix(strings.TrimSpace(complaint.String()), "Error: "), err.Error()),
		Remedy: "stages run on the processor; for the GPU install NVIDIA's driver, and see that CUDA_VISIBLE_DEVICES names cards that nvidia-smi -L lists",
	}
}

// checkWorker starts a worker and asks it for what no program has: it has to say so.
func checkWorker(ctx context.Context) dag.Check {
	const patience = 20 * time.Second
	local, err := localExecutor()
	if err == nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
		began := time.Now()
		defer local.Close()
		err = local.Run(ctx, dag.Job{Request: dag.Request{Address: "doctor", Type: "doctor"}}, func(string) {}, func(dag.WorkerEvent) {})
		var answer *dag.ActionError
		if errors.As(err, &answer) && answer.Class == dag.ClassError {
			return dag.OK("worker", "starts and answers, after %d ms", time.Since(began).Milliseconds())
		}
	}
	return dag.Check{
		Name: "worker", State: dag.CheckFail, Text: fmt.Sprintf("does not answer: %v", err),
		Remedy: "see that this program may be run from where it is (no noexec mount), and that processes may be started (ulimit -u)",
	}
}
