package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The environment of the fault suite: how many rounds, and the seed of a failure that is to be seen again.
const (
	roundsEnv = "PIPE_FAULT_ROUNDS"
	seedEnv   = "PIPE_FAULT_SEED"
)

// faults is one study that is spoilt again and again.
type faults struct {
	*testing.T
	rng       *rand.Rand
	dir       string
	took      time.Duration     // an apply from an empty store
	want      string            // its results
	wantFiles map[string][]byte // what it publishes
	told      map[string]int    // what was met, for the log
}

// A study that is killed, damaged, starved of disk or applied by several at once ends with what an undisturbed
// one makes, and does nothing twice that a claim should have prevented. make test-faults runs many rounds of it.
func TestFaults(t *testing.T) {
	rounds, seed := number(t, roundsEnv, 12), number(t, seedEnv, time.Now().UnixNano())
	t.Logf("%s=%d %s=%d", seedEnv, seed, roundsEnv, rounds)
	f := &faults{T: t, rng: rand.New(rand.NewPCG(uint64(seed), 0)), told: map[string]int{}}
	f.dir = t.TempDir()
	f.fresh()
	f.apply() // the first one also reads the program from the disk
	f.fresh()
	began := time.Now()
	f.apply()
	f.took = time.Since(began)
	f.wantFiles, f.want = made(t, f.dir)
	if strings.Count(f.want, "\n") != 7 || len(f.wantFiles) < 4 {
		t.Fatalf("undisturbed: %s%v", f.want, f.wantFiles)
	}
	kinds := []struct {
		name string
		do   func() (kills int)
	}{{"parent killed", f.killParent}, {"worker killed", f.killWorker}, {"damage", f.damage}, {"together", f.together}, {"limit", f.limited}, {"disk full", f.diskFull}}
	for i := range int(rounds) {
		kind := kinds[i%len(kinds)]
		if f.rng.IntN(3) > 0 {
			f.fresh()
		}
		os.Remove(filepath.Join(f.dir, "performed"))
		kills := kind.do()
		f.apply()
		f.check(fmt.Sprintf("round %d, %s", i, kind.name), kills)
		if t.Failed() {
			break
		}
	}
	t.Logf("met: %v", f.told)
}

func number(t *testing.T, env string, otherwise int64) int64 {
	t.Helper()
	text := os.Getenv(env)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", env, err)
	}
	return n
}

// fresh begins with an empty store.
func (f *faults) fresh() {
	f.Helper()
	text, err := os.ReadFile("testdata/faults.hcl")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range []string{".pipe", "figures"} {
		if err := os.RemoveAll(filepath.Join(f.dir, name)); err != nil {
			f.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(f.dir, "study.hcl"), text, 0o644); err != nil {
		f.Fatal(err)
	}
}

func (f *faults) command(args ...string) *exec.Cmd {
	cmd := exec.Command("pipe", append(args, "study.hcl")...)
	cmd.Dir = f.dir
	return cmd
}

// apply must succeed, whatever was done before.
func (f *faults) apply() {
	f.Helper()
	if out, err := f.command("apply", "-no-color", "-parallelism", "2").CombinedOutput(); err != nil {
		f.Fatalf("apply: %v\n%s", err, out)
	}
}

// check compares with the undisturbed study.
func (f *faults) check(what string, kills int) {
	f.Helper()
	files, got := made(f.T, f.dir)
	if got != f.want {
		f.Errorf("%s: results\n%s\nundisturbed:\n%s", what, got, f.want)
	}
	if !maps.EqualFunc(files, f.wantFiles, bytes.Equal) {
		f.Errorf("%s: published %q, or the bytes differ", what, slices.Sorted(maps.Keys(files)))
	}
	raw, err := os.ReadFile(filepath.Join(f.dir, "performed"))
	if err != nil && !os.IsNotExist(err) {
		f.Fatal(err)
	}
	count := map[string]int{}
	for line := range strings.Lines(string(raw)) {
		if count[line]++; count[line] > 1+kills {
			f.Errorf("%s: action %q was executed %d times with %d kills", what, strings.TrimSpace(line), count[line], kills)
		}
	}
	f.apply() // what the workers of a killed run wrote while they ended is swept by the run after the next at the latest
	left, err := os.ReadDir(filepath.Join(f.dir, ".pipe", "tmp"))
	if err != nil || len(left) > 0 {
		f.Errorf("%s: %d temporary folders are left, %v", what, len(left), err)
	}
}

// instant is a time at which an apply may be anywhere.
func (f *faults) instant() time.Duration { return time.Duration(f.rng.Int64N(int64(f.took * 5 / 4))) }

// killParent kills applies until some were met while they ran. What ended before begins anew, which may execute every
// action once more, as a kill may.
func (f *faults) killParent() int {
	met, ended := 2+f.rng.IntN(5), 0
	for left := met; left > 0; {
		cmd := f.command("apply", "-no-color", "-parallelism", "2")
		if err := cmd.Start(); err != nil {
			f.Fatal(err)
		}
		time.Sleep(f.instant())
		_ = cmd.Process.Kill() // it may have ended
		if cmd.Wait() != nil {
			f.told["parent killed"]++
			left--
		} else {
			f.fresh()
			ended++
		}
	}
	return met + ended
}

// killWorker ends one child of an apply. The apply may fail, but tells why.
func (f *faults) killWorker() int {
	cmd := f.command("apply", "-no-color", "-parallelism", "2")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		f.Fatal(err)
	}
	time.Sleep(f.instant())
	if workers := children(cmd.Process.Pid); len(workers) > 0 {
		_ = syscall.Kill(workers[f.rng.IntN(len(workers))], syscall.SIGKILL)
		f.told["worker killed"]++
	}
	if err := cmd.Wait(); err != nil && (cmd.ProcessState.ExitCode() != exitFailed || !strings.Contains(out.String(), "was killed (signal 9)")) {
		f.Errorf("an apply whose worker was killed: %v\n%s", err, out.String())
	}
	return 1
}

// children lists the processes that a process has started.
func children(parent int) (pids []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		raw, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		rest := string(raw[bytes.LastIndexByte(raw, ')')+1:])
		if fields := strings.Fields(rest); len(fields) > 1 && fields[1] == strconv.Itoa(parent) {
			if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// damage tears, flips or removes some files of a finished store.
func (f *faults) damage() int {
	f.apply()
	os.Remove(filepath.Join(f.dir, "performed"))
	var all []string
	err := filepath.WalkDir(filepath.Join(f.dir, ".pipe"), func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && filepath.Base(filepath.Dir(path)) != "published" {
			all = append(all, path)
		}
		return err
	})
	if err != nil {
		f.Fatal(err)
	}
	for range 1 + f.rng.IntN(3) {
		f.spoil(all[f.rng.IntN(len(all))])
	}
	// What no stat shows is found by reading everything; a second apply makes good what that took away.
	if out, err := f.command("verify").CombinedOutput(); err != nil && !strings.Contains(string(out), "damaged") {
		f.Errorf("verify: %v\n%s", err, out)
	}
	return 0
}

func (f *faults) spoil(path string) {
	info, err := os.Lstat(path)
	if err != nil {
		return // spoilt already
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	_ = os.Chmod(path, 0o644)
	how := f.rng.IntN(4)
	f.told[[]string{"torn", "emptied", "bit flipped", "removed"}[how]]++
	switch {
	case how == 3:
		err = os.Remove(path)
	case how == 0:
		err = os.WriteFile(path, raw[:f.rng.IntN(len(raw)+1)], 0o644)
	case how == 1 || len(raw) == 0 || filepath.Base(filepath.Dir(path)) == "actions": // a record's digits have no checksum
		err = os.WriteFile(path, nil, 0o644)
	default:
		raw[f.rng.IntN(len(raw))] ^= 1 << f.rng.IntN(8)
		if err = os.WriteFile(path, raw, 0o644); err == nil {
			err = os.Chtimes(path, info.ModTime(), info.ModTime())
		}
	}
	if err != nil {
		f.Fatal(err)
	}
	_ = os.Chmod(path, info.Mode().Perm())
}

// together applies several at once, and kills some of them.
func (f *faults) together() int {
	f.fresh()
	n, kills := 2+f.rng.IntN(3), 0
	cmds := make([]*exec.Cmd, n)
	outs := make([]bytes.Buffer, n)
	killed := make([]bool, n)
	for i := range cmds {
		cmds[i] = f.command("apply", "-no-color", "-parallelism", "2")
		cmds[i].Stdout, cmds[i].Stderr = &outs[i], &outs[i]
		if err := cmds[i].Start(); err != nil {
			f.Fatal(err)
		}
		killed[i] = i > 0 && f.rng.IntN(3) == 0
	}
	var waiting sync.WaitGroup
	for i, cmd := range cmds {
		if killed[i] {
			kills++
			after := f.instant()
			waiting.Go(func() {
				time.Sleep(after)
				_ = cmd.Process.Kill()
				_ = cmd.Wait()
			})
			continue
		}
		waiting.Go(func() {
			if err := cmd.Wait(); err != nil {
				f.Errorf("one of %d applies at once: %v\n%s", n, err, outs[i].String())
			}
		})
	}
	waiting.Wait()
	f.told[fmt.Sprintf("%d at once", n)]++
	return kills
}

// limited applies where no file may grow beyond a few blocks of 512 bytes, which every file of the store meets in turn.
// It needs no rights, so it is run everywhere.
func (f *faults) limited() int {
	cmd := exec.Command("sh", "-c", fmt.Sprintf("ulimit -f %d && exec pipe apply -no-color -parallelism 2 study.hcl", f.rng.IntN(12)))
	f.starved(cmd)
	return 1
}

// diskFull applies on a small disk of its own, which then grows. Where none can be mounted, it is as limited.
func (f *faults) diskFull() int {
	f.fresh()
	store := filepath.Join(f.dir, ".pipe")
	if err := os.Mkdir(store, 0o755); err != nil {
		f.Fatal(err)
	}
	if err := syscall.Mount("pipe-test", store, "tmpfs", 0, fmt.Sprintf("size=%dk", 4*(1+f.rng.IntN(120)))); err != nil {
		f.told["no tmpfs: "+err.Error()]++
		os.Remove(store)
		return f.limited()
	}
	f.starved(f.command("apply", "-no-color", "-parallelism", "2"))
	if err := syscall.Mount("pipe-test", store, "tmpfs", syscall.MS_REMOUNT, "size=16m"); err != nil {
		f.Error(err)
	}
	f.apply()
	f.check("on the disk that has grown", 1)
	if err := syscall.Unmount(store, 0); err != nil {
		f.Fatal(err)
	}
	return 2
}

// starved runs an apply that may succeed, or says that there is no room and what to do.
func (f *faults) starved(cmd *exec.Cmd) {
	cmd.Dir = f.dir
	out, err := cmd.CombinedOutput()
	if err == nil {
		f.told["room enough"]++
		return
	}
	code := cmd.ProcessState.ExitCode()
	text := strings.ToLower(string(out)) // programs have their own words
	room := []string{"no space left", "file too large", "size limit exceeded"}
	if code != exitFailed && code != exitMistake || !slices.ContainsFunc(room, func(s string) bool { return strings.Contains(text, s) }) {
		f.Errorf("an apply without room: %v\n%s", err, out)
	}
	f.told["no room"]++
}
