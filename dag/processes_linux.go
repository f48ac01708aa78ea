//go:build !portable

package dag

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// stubborn is how long a killed process may take to be gone: one that waits for a disk cannot be killed.
const stubborn = 5 * time.Second

// AdoptOrphans makes this process, a worker, the parent of what its programs leave running, so that KillChildren
// finds it even in another process group or session.
func AdoptOrphans() {
	_ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) // every kernel since 3.4 can; without, less is found
}

// KillChildren kills all that descends from this process, and says whether it knows how.
func KillChildren() bool {
	for begin := time.Now(); time.Since(begin) < stubborn; {
		pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
		switch {
		case pid > 0 || err == unix.EINTR:
			continue
		case err != nil: // no children
			return true
		}
		if killFamily(os.Getpid(), false) == 0 {
			return true
		}
		time.Sleep(time.Millisecond)
	}
	return true
}

// killSession kills what is in the session that a worker leads, and all that descends from that, but not the
// worker itself.
func killSession(worker int) {
	for begin := time.Now(); time.Since(begin) < stubborn && killFamily(worker, true) > 0; {
		time.Sleep(time.Millisecond)
	}
}

// stopAndKill ends a worker and all that it started. A stopped process can start nothing more.
func stopAndKill(worker int) {
	_ = syscall.Kill(worker, syscall.SIGSTOP) // these fail only if it is gone
	killSession(worker)
	_ = syscall.Kill(worker, syscall.SIGKILL)
}

// reap returns when a worker has ended, and with it all that it started: it may have been killed in the middle of an
// action. Until the last line its number is taken, so that what is in its session is still its own.
func reap(worker *exec.Cmd) {
	pid := worker.Process.Pid
	for unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
	killSession(pid)
	_ = worker.Wait() // the state says what is to be said
}

// gone says whether a process has ended. One that its parent has not waited for (pid 1 of a container may never do)
// has.
func gone(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	p, err := readProcess(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	return err == nil && p.dead // without /proc it counts as alive
}

// process is what /proc says of one.
type process struct {
	pid, parent, session int
	dead                 bool // it has ended, and its parent has not waited for it
}

// killFamily kills all processes that descend from head, with session those in its session too, and counts them.
func killFamily(head int, session bool) int {
	all := processes()
	family := map[int]bool{head: true}
	for grown := true; grown; {
		grown = false
		for _, p := range all {
			if !family[p.pid] && (family[p.parent] || session && p.session == head) {
				family[p.pid], grown = true, true
			}
		}
	}
	n := 0
	for _, p := range all {
		if p.pid != head && family[p.pid] && syscall.Kill(p.pid, syscall.SIGKILL) == nil {
			n++
		}
	}
	return n
}

// processes lists those of this machine that have not ended.
func processes() []process {
	files, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is good
	var all []process
	for _, file := range files {
		if p, err := readProcess(file); err == nil && !p.dead { // with an error it has just ended
			all = append(all, p)
		}
	}
	return all
}

// readProcess reads PID (NAME) STATE PARENT GROUP SESSION …, where the name may hold anything.
func readProcess(file string) (process, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return process{}, err
	}
	head, rest := raw[:max(0, bytes.IndexByte(raw, ' '))], raw[bytes.LastIndexByte(raw, ')')+1:]
	f := bytes.Fields(rest)
	if len(f) < 4 {
		return process{}, fmt.Errorf("%s: %.80q is not what was expected", file, raw)
	}
	var p process
	var errs [3]error
	p.pid, errs[0] = strconv.Atoi(string(head))
	p.dead = f[0][0] == 'Z' || f[0][0] == 'X'
	p.parent, errs[1] = strconv.Atoi(string(f[1]))
	p.session, errs[2] = strconv.Atoi(string(f[3]))
	return p, errors.Join(errs[:]...)
}
