package slurmtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	folderEnv = "FAKE_SLURM"
	jobEnv    = "FAKE_SLURM_JOB" // this process runs the elements of that job
	slots     = 4                // elements of a job that run at a time
	beat      = 10 * time.Millisecond
)

// Commands are the programs by name. Each exits.
func Commands() map[string]func() {
	programs := map[string]func([]string) error{"sbatch": sbatch, "squeue": squeue, "scancel": scancel, "scontrol": scontrol}
	mains := map[string]func(){}
	for name, program := range programs {
		mains[name] = func() {
			if id := os.Getenv(jobEnv); name == "sbatch" && id != "" {
				runJob(id)
				os.Exit(0)
			}
			if err := call(name, os.Args[1:], program); err != nil {
				fmt.Fprintf(os.Stderr, "%s: error: %v\n", name, err)
				os.Exit(1)
			}
			os.Exit(0)
		}
	}
	return mains
}

// Install puts links to this test binary, called as the commands are, first on the PATH, and gives the folder.
// TestMain must call the command that os.Args[0] names.
func Install(t testing.TB) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin, dir := t.TempDir(), t.TempDir()
	for name := range Commands() {
		if err := os.Symlink(self, filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { stop(t, dir) })
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	t.Setenv(folderEnv, dir)
	return dir
}

// stop kills what still runs, so that nothing writes to the folder any more.
func stop(t testing.TB, dir string) {
	for _, pattern := range []string{"*/daemon", "*/*.pid"} {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Error(err)
		}
		for _, f := range files {
			text, _ := os.ReadFile(f)
			if pid, err := strconv.Atoi(string(text)); err == nil {
				_ = syscall.Kill(-pid, syscall.SIGKILL) // most have ended
				for end := time.Now().Add(5 * time.Second); lives(pid) && time.Now().Before(end); time.Sleep(time.Millisecond) {
				}
			}
		}
	}
}

// lives says whether a process can still write something.
func lives(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	i := bytes.LastIndexByte(stat, ')')
	return err == nil && i+2 < len(stat) && stat[i+2] != 'Z' && stat[i+2] != 'X'
}

// call notes a command and performs it.
func call(name string, args []string, program func([]string) error) error {
	if os.Getenv(folderEnv) == "" { // the test is over; the executor has asked once more
		return errors.New("unable to contact slurm controller (connect failure)")
	}
	f, err := os.OpenFile(in("calls"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o666)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "%s %s\n", name, strings.Join(args, " "))
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if _, err := os.Stat(in("down")); err == nil {
		return errors.New("unable to contact slurm controller (connect failure)")
	}
	return program(args)
}

func in(elements ...string) string {
	return filepath.Join(append([]string{os.Getenv(folderEnv)}, elements...)...)
}

// job is what sbatch was told.
type job struct {
	Name, Output, Dir, Script string
	Array                     bool
	Elements, GPUs            int
}

func sbatch(args []string) error {
	j := job{Elements: 1, Script: args[len(args)-1]}
	for _, a := range args[:len(args)-1] {
		flag, value, _ := strings.Cut(a, "=")
		var err error
		switch flag {
		case "--job-name":
			j.Name = value
		case "--output":
			j.Output = value
		case "--chdir":
			j.Dir = value
		case "--array":
			span, _, _ := strings.Cut(value, "%")
			_, last, _ := strings.Cut(span, "-")
			j.Elements, err = strconv.Atoi(last)
			j.Array = true
			j.Elements++
		case "--gres":
			j.GPUs, err = strconv.Atoi(strings.TrimPrefix(value, "gpu:"))
		case "--partition":
			if value == "nowhere" {
				err = errors.New("invalid partition specified: nowhere")
			}
		}
		if err != nil {
			return err
		}
	}
	id := 1
	for os.Mkdir(in(strconv.Itoa(id)), 0o777) != nil {
		id++
	}
	text, err := json.Marshal(j)
	if err != nil {
		return err
	}
	for i := range j.Elements {
		if err := setState(strconv.Itoa(id), i, "PENDING"); err != nil {
			return err
		}
	}
	if err := os.WriteFile(in(strconv.Itoa(id), "job"), text, 0o666); err != nil {
		return err
	}
	daemon := exec.Command(os.Args[0])
	daemon.Env = append(os.Environ(), jobEnv+"="+strconv.Itoa(id))
	daemon.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := daemon.Start(); err != nil {
		return err
	}
	if err := os.WriteFile(in(strconv.Itoa(id), "daemon"), []byte(strconv.Itoa(daemon.Process.Pid)), 0o666); err != nil {
		return err
	}
	fmt.Println(id)
	return nil
}

func setState(id string, index int, state string) error {
	path := in(id, fmt.Sprintf("%d.state", index))
	if err := os.WriteFile(path+".new", []byte(state), 0o666); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// settle makes sure that an element is either begun or cancelled.
func settle(id string, index int) bool {
	return os.Mkdir(in(id, fmt.Sprintf("%d.settled", index)), 0o777) == nil
}

func readJob(id string) (job, error) {
	var j job
	text, err := os.ReadFile(in(id, "job"))
	if err == nil {
		err = json.Unmarshal(text, &j)
	}
	return j, err
}

// runJob runs the elements of a job, in order, as far as there are slots.
func runJob(id string) {
	j, err := readJob(id)
	if err != nil {
		panic(err)
	}
	var wg sync.WaitGroup
	free := make(chan struct{}, slots)
	for i := range j.Elements {
		free <- struct{}{}
		for exists(in("hold")) && exists(in(id)) {
			time.Sleep(beat)
		}
		if !settle(id, i) {
			<-free
			continue
		}
		wg.Go(func() {
			j.run(id, i)
			<-free
		})
	}
	wg.Wait()
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// run runs one element.
func (j job) run(id string, index int) {
	out, err := os.OpenFile(strings.ReplaceAll(j.Output, "%a", strconv.Itoa(index)), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o666)
	if err != nil {
		_ = setState(id, index, "FAILED")
		return
	}
	defer out.Close()
	cmd := exec.Command("sh", j.Script)
	cmd.Dir, cmd.Stdout, cmd.Stderr = j.Dir, out, out
	cmd.Env = append(os.Environ(), "SLURM_JOB_ID="+id, jobEnv+"=")
	if j.Array {
		cmd.Env = append(cmd.Env, "SLURM_ARRAY_JOB_ID="+id, "SLURM_ARRAY_TASK_ID="+strconv.Itoa(index))
	}
	if j.GPUs > 0 {
		cards := make([]string, j.GPUs)
		for k := range cards {
			cards[k] = strconv.Itoa(k)
		}
		cmd.Env = append(cmd.Env, "CUDA_VISIBLE_DEVICES="+strings.Join(cards, ","))
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		_ = setState(id, index, "FAILED")
		return
	}
	_ = os.WriteFile(in(id, fmt.Sprintf("%d.pid", index)), []byte(strconv.Itoa(cmd.Process.Pid)), 0o666)
	cancelled := in(id, fmt.Sprintf("%d.cancelled", index))
	if exists(cancelled) {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
	}
	_ = setState(id, index, "RUNNING")
	state := "COMPLETED"
	if cmd.Wait() != nil {
		state = "FAILED"
	}
	if exists(cancelled) {
		state = "CANCELLED"
	}
	_ = setState(id, index, state) // the folder may be gone with its test
}
