//go:build !portable

package dag

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// A killed run whose parent does not wait for it (pid 1 of a container may never do) is as dead as any other.
func TestKilledRunThatNobodyWaitsForIsGone(t *testing.T) {
	r := newRig(t)
	cmd := exec.Command(os.Args[0]) // a worker, which waits for its input
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := cmd.Process.Pid
	defer cmd.Wait()
	who := fmt.Sprintf("%s.%d.x", hostname(), pid)
	key := hashBytes(nil)
	r.write("store/claims/"+key, who)
	r.write("store/runs/20260101T000000.000.jsonl", fmt.Sprintf("{\"type\":\"run\",\"host\":%q,\"owner\":%q}\n", hostname(), who))
	c := r.engine.Store.keepClaims()
	defer c.close()
	state := func() string {
		run, err := r.engine.Store.Run("20260101T000000.000")
		if err != nil {
			t.Fatal(err)
		}
		return run.State
	}
	if abandoned(who) || c.free(key) || state() != RunRunning {
		t.Fatalf("a live run is taken for dead: %s", state())
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil); err != nil { // it stays a zombie
		t.Fatal(err)
	}
	if !abandoned(who) || !c.free(key) || state() != RunKilled {
		t.Errorf("abandoned %v, free %v, %s", abandoned(who), c.free(key), state())
	}
	if got, err := c.take(key); err != nil || !got {
		t.Errorf("taken %v, %v", got, err)
	}
}
