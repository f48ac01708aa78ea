package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// holders starts programs that hold the named pipe $1 open for as long as they live, each after a line: a child and
// one whose parent is gone, and, if $4 is 4, two more that have sessions of their own. Then it does what $2 says.
const holders = `hold='exec >"$0"; echo up; exec sleep 600'
sh -c "$hold" "$1" &
(sh -c "$hold" "$1" &)
if test $4 = 4; then
	setsid sh -c "$hold" "$1" &
	(setsid sh -c "$hold" "$1" &)
fi
echo started
eval "$2"
`

// holding writes a study of one program with holders, and opens the pipe that they hold.
func holding(t *testing.T, held int, then, resources string) (dir string, alive *os.File) {
	t.Helper()
	dir = t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o666); err != nil {
		t.Fatal(err)
	}
	study := fmt.Sprintf(`stage "command" "endless" {
  code      = ["holders.sh"]
  outputs   = { out = "out.txt" }
  command   = ["sh", "holders.sh", %q, %q, output.out, "%d"]
  resources {
    %s
  }
}
`, fifo, then, held, resources)
	for name, text := range map[string]string{"study.hcl": study, "holders.sh": holders} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	alive, err := os.OpenFile(fifo, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { alive.Close() })
	return dir, alive
}

// allUp waits until all programs have said that they hold the pipe, which is not at its end as long as one does.
func allUp(t *testing.T, held int, dir string, alive io.Reader) *bufio.Reader {
	t.Helper()
	own, err := os.OpenFile(filepath.Join(dir, "fifo"), os.O_WRONLY, 0) // so that it is not at its end before
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	lines := bufio.NewReader(alive)
	for range held {
		if line, err := lines.ReadString('\n'); line != "up\n" || err != nil {
			t.Fatalf("%q, %v", line, err)
		}
	}
	return lines
}

func allGone(t *testing.T, alive *os.File, lines io.Reader) {
	t.Helper()
	if err := alive.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := lines.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("a program still runs: %v", err)
	}
}

func TestAKilledPipeLeavesNothingRunning(t *testing.T) {
	dir, alive := holding(t, 4, "wait; sleep 600", "")
	var lines *bufio.Reader
	killWhen(t, dir, func(e event) bool { return e.Message == "started" }, func() { lines = allUp(t, 4, dir, alive) })
	allGone(t, alive, lines)
}

// Whichever way an action ends, what it started ends with it; only what has left the session of a worker that is
// killed itself cannot be found.
func TestAnActionLeavesNothingRunning(t *testing.T) {
	for name, c := range map[string]struct {
		held            int
		then, resources string
		fails           bool
	}{
		"it ends well":         {4, `touch "$3"`, "", false},
		"its worker is killed": {2, `kill -9 $PPID; sleep 600`, "", true},
		"its time is over":     {4, `sleep 600`, `time = "1s"`, true},
	} {
		t.Run(name, func(t *testing.T) {
			up := filepath.Join(t.TempDir(), "up") // is made when the test has seen all programs
			dir, alive := holding(t, c.held, fmt.Sprintf("while ! test -e %s; do sleep 0.02; done; %s", up, c.then), c.resources)
			cmd := exec.Command("pipe", "apply", "-no-color", "study.hcl")
			cmd.Dir = dir
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			lines := allUp(t, c.held, dir, alive)
			if err := os.WriteFile(up, nil, 0o666); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); (err != nil) != c.fails {
				t.Errorf("apply: %v", err)
			}
			allGone(t, alive, lines)
		})
	}
}
