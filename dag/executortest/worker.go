package executortest

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/pipe-ml/pipe/dag"
)

// Worker performs requests whose Type says what to do, as a worker of dag.Local does.
func Worker() {
	in := bufio.NewReader(os.Stdin)
	out := json.NewEncoder(os.Stdout)
	for {
		text, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		var req dag.Request
		err = json.Unmarshal(text, &req)
		if err == nil {
			err = perform(req, out)
		}
		end := dag.WorkerEvent{Kind: "done"}
		if err != nil {
			end = dag.WorkerEvent{Kind: "error", Message: err.Error(), Attribute: "text"}
		}
		if err := out.Encode(end); err != nil {
			return
		}
	}
}

func perform(req dag.Request, out *json.Encoder) error {
	var c struct {
		Text string `json:"text"`
		Wait string `json:"wait"` // for this file
		Mark string `json:"mark"` // a file that gets a line for every performance
	}
	if err := json.Unmarshal(req.Config, &c); err != nil {
		return err
	}
	if c.Mark != "" {
		f, err := os.OpenFile(c.Mark, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o666)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(f, os.Getpid()); err != nil {
			return err
		}
		f.Close()
	}
	if err := os.WriteFile(filepath.Join(req.WorkDir, "pid"), []byte(strconv.Itoa(os.Getpid())), 0o666); err != nil {
		return err
	}
	for c.Wait != "" {
		if _, err := os.Stat(c.Wait); err == nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	switch req.Type {
	case "write":
		return os.WriteFile(req.Outputs["out"], []byte(c.Text), 0o666)
	case "cards":
		return os.WriteFile(req.Outputs["out"], []byte("cards "+os.Getenv(dag.CardsVariable)), 0o666)
	case "talk":
		fmt.Fprintln(os.Stderr, "to standard error")
		for _, e := range []dag.WorkerEvent{
			{Kind: "log", Message: "as an event"}, {Kind: "progress", Step: 1, Total: 1, Values: map[string]float64{"loss": 0.5}},
			{Kind: "metric", Values: map[string]float64{"answer": 42}},
		} {
			if err := out.Encode(e); err != nil {
				return err
			}
		}
		return os.WriteFile(req.Outputs["out"], []byte("told"), 0o666)
	case "fail":
		return errors.New(c.Text)
	case "exit":
		fmt.Fprintln(os.Stderr, "last words")
		os.Exit(3)
	case "kill":
		return errors.Join(syscall.Kill(os.Getpid(), syscall.SIGKILL), sleep())
	case "junk":
		fmt.Println("not an event")
		return sleep()
	case "sleep":
		if err := out.Encode(dag.WorkerEvent{Kind: "progress", Step: 1, Total: 1}); err != nil {
			return err
		}
		return sleep()
	}
	return fmt.Errorf("unknown type %s", req.Type)
}

func sleep() error {
	time.Sleep(time.Hour)
	return nil
}

// alive says whether a process does anything.
func alive(pid string) bool {
	n, err := strconv.Atoi(pid)
	if err != nil || syscall.Kill(n, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	_, rest, _ := strings.Cut(string(stat), ") ")
	return err != nil || !strings.HasPrefix(rest, "Z")
}
