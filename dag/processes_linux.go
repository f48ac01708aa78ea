package dag

import (
	"bytes"
	"os"
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

// awaitDeath returns when a child has ended, and leaves its number taken: what is in its session is still its own.
func awaitDeath(pid int) {
	for unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
}

// process is what /proc says of one.
type process struct{ pid, parent, session int }

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
		raw, err := os.ReadFile(file)
		if err != nil {
			continue // it has just ended
		}
		// PID (NAME) STATE PARENT GROUP SESSION …, where the name may hold anything.
		head, rest := raw[:max(0, bytes.IndexByte(raw, ' '))], raw[bytes.LastIndexByte(raw, ')')+1:]
		f := bytes.Fields(rest)
		if len(f) < 4 || f[0][0] == 'Z' || f[0][0] == 'X' {
			continue
		}
		var p process
		var errs [3]error
		p.pid, errs[0] = strconv.Atoi(string(head))
		p.parent, errs[1] = strconv.Atoi(string(f[1]))
		p.session, errs[2] = strconv.Atoi(string(f[3]))
		if errs == [3]error{} {
			all = append(all, p)
		}
	}
	return all
}
