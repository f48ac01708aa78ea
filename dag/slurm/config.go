package slurm

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/pipe-ml/pipe/dag"
)

// Doc describes the executor for its users.
const Doc = "Runs stages on a Slurm cluster.\n\n" +
	"A stage names it with executor = \"NAME\". The instances that become ready together are one job array. They take " +
	"resources { cpus, memory, gpus, time } as --cpus-per-task, --mem, --gres=gpu:N and --time, and nothing of this machine. " +
	"The store and the pipeline's folder must lie where every machine of the cluster sees them under the same path. " +
	"A run that is killed leaves its jobs running; the next apply takes them up again. None of this is part of a key. " +
	"The executor \"local\" is this machine and needs no block."

// Config are the settings of one executor block.
type Config struct {
	Partition  string   `pipe:"partition,optional" doc:"Slurm's --partition."`
	Account    string   `pipe:"account,optional" doc:"Slurm's --account."`
	QoS        string   `pipe:"qos,optional" doc:"Slurm's --qos."`
	MaxRunning int      `pipe:"max_running" default:"0" min:"0" doc:"How many elements of one job array may run at once; 0 leaves it to Slurm."`
	Array      bool     `pipe:"array" default:"true" doc:"Submit job arrays; false submits every instance as a job of its own."`
	Extra      []string `pipe:"extra,optional" doc:"Further arguments of sbatch, such as [\"--constraint=a100\"]."`
	Setup      []string `pipe:"setup,optional" doc:"Lines of shell that each job runs first, such as [\"module load cuda/12\"]."`
}

// arguments are sbatch's for a batch of n elements in dir.
func (c Config) arguments(name, dir string, n int, r dag.Resources) []string {
	args := []string{
		"--parsable", "--job-name=" + name, "--no-requeue", "--open-mode=append", "--chdir=" + dir,
		"--nodes=1", "--ntasks=1", fmt.Sprintf("--cpus-per-task=%d", max(1, r.CPUs)),
	}
	if c.Array {
		limit := ""
		if c.MaxRunning > 0 {
			limit = fmt.Sprintf("%%%d", c.MaxRunning)
		}
		args = append(args, fmt.Sprintf("--array=0-%d%s", n-1, limit), "--output="+dir+"/%a.out")
	} else {
		args = append(args, "--output="+dir+"/0.out")
	}
	if r.Memory > 0 {
		args = append(args, fmt.Sprintf("--mem=%dM", (r.Memory+1<<20-1)>>20))
	}
	if r.GPUs > 0 {
		args = append(args, fmt.Sprintf("--gres=gpu:%d", r.GPUs))
	}
	if r.Time > 0 {
		// The supervisor keeps the limit itself, to the second; Slurm's is the net below it.
		args = append(args, fmt.Sprintf("--time=%d", int(math.Ceil(r.Time.Minutes()))+1))
	}
	for _, o := range []struct{ flag, value string }{{"--partition=", c.Partition}, {"--account=", c.Account}, {"--qos=", c.QoS}} {
		if o.value != "" {
			args = append(args, o.flag+o.value)
		}
	}
	return append(args, c.Extra...)
}

// script is what an element runs.
func (c Config) script(argv []string) string {
	lines := []string{"#!/bin/sh"}
	if !c.Array { // it would be that of the job in which pipe itself runs
		lines = append(lines, "unset SLURM_ARRAY_JOB_ID SLURM_ARRAY_TASK_ID")
	}
	lines = append(lines, c.Setup...)
	quoted := make([]string, len(argv))
	for i, a := range argv {
		quoted[i] = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
	}
	return strings.Join(append(lines, "exec "+strings.Join(quoted, " ")), "\n") + "\n"
}

// pace is how often things are looked at.
type pace struct {
	window   time.Duration // this long after the last action of a batch has come, it is submitted
	patience time.Duration // or this long after the first
	look     time.Duration // between two looks at an element's files; longer if there are many
	ask      time.Duration // between two questions to Slurm
	silence  time.Duration // without a sign of life
	dead     time.Duration // without one, although Slurm says that it runs
	grace    time.Duration // between Slurm's word that an element has ended and the last look at its files
	farewell time.Duration // for a cancelled element to end
	call     time.Duration // that a command of Slurm may take
}

// clusterPace asks a controller that others use too no more than four times a minute.
var clusterPace = pace{
	window: time.Second, patience: 5 * time.Second, look: time.Second, ask: 15 * time.Second, silence: 6 * beat,
	dead: 5 * time.Minute, grace: 3 * time.Second, farewell: 10 * time.Second, call: time.Minute,
}

// lookBudget bounds the looks at files that all elements cause together: one in this time.
const lookBudget = 5 * time.Millisecond
