package dag

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The test binary is the worker of its own tests, and the process that is killed in the middle.
const (
	roleEnv  = "DAG_TEST_ROLE"
	traceEnv = "DAG_TEST_TRACE" // a file that gets a line for each action performed
)

func TestMain(m *testing.M) {
	switch os.Getenv(roleEnv) {
	case "worker":
		testWorker()
	case "collector":
		collector()
	case "victim":
		victim()
	default:
		os.Exit(m.Run())
	}
}

// testWorker performs requests whose Type says what to do.
func testWorker() {
	in := bufio.NewReader(os.Stdin)
	out := json.NewEncoder(os.Stdout)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		var req Request
		if err := json.Unmarshal(line, &req); err != nil {
			out.Encode(WorkerEvent{Kind: "error", Message: err.Error()})
			continue
		}
		trace(req.Address)
		if err := testStage(req, out); err != nil {
			out.Encode(WorkerEvent{Kind: "error", Message: err.Error()})
			continue
		}
		out.Encode(WorkerEvent{Kind: "metric", Values: map[string]float64{"threads": float64(req.Threads)}})
		out.Encode(WorkerEvent{Kind: "done"})
	}
}

func trace(address string) {
	if path := os.Getenv(traceEnv); path != "" {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
		if err != nil {
			panic(err)
		}
		fmt.Fprintln(f, address)
		f.Close()
	}
}

type testConfig struct {
	Text    string            `json:"text"`
	Files   map[string]string `json:"files"`
	Millis  int               `json:"millis"`
	Counter string            `json:"counter"`
}

func testStage(req Request, out *json.Encoder) error {
	var c testConfig
	if err := json.Unmarshal(req.Config, &c); err != nil {
		return err
	}
	time.Sleep(time.Duration(c.Millis) * time.Millisecond)
	switch req.Type {
	case "text", "constant":
		return writeOutputs(req, c.Text)
	case "concat":
		text := c.Text
		for _, name := range slices.Sorted(mapsKeys(req.Inputs)) {
			in := req.Inputs[name]
			if in.Path != "" {
				text += "|" + readAll(in.Path)
			}
			for _, m := range in.Members {
				text += fmt.Sprintf("|%s:%s", axesText(m.Axes), readAll(m.Path))
			}
		}
		return writeOutputs(req, text)
	case "tree":
		for _, dir := range req.Outputs {
			for name, text := range c.Files {
				path := filepath.Join(dir, name)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					return err
				}
				mode := fs.FileMode(0o644)
				if filepath.Ext(name) == ".sh" {
					mode = 0o755
				}
				if err := os.WriteFile(path, []byte(text), mode); err != nil {
					return err
				}
			}
		}
		return nil
	case "modes": // lists the modes of what it reads
		var text string
		err := filepath.WalkDir(req.Inputs["in"].Path, func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			info, err := d.Info()
			text += fmt.Sprintf("%s %v\n", d.Name(), info.Mode().Perm()&0o100 != 0)
			return err
		})
		if err != nil {
			return err
		}
		return writeOutputs(req, text)
	case "code": // writes the code that stands in its work folder
		info, err := os.Stat(filepath.Join(req.WorkDir, c.Text))
		if err != nil {
			return err
		}
		return writeOutputs(req, fmt.Sprintf("%v %s", info.Mode(), readAll(filepath.Join(req.WorkDir, c.Text))))
	case "cards": // writes which GPUs it sees
		return writeOutputs(req, fmt.Sprintf("%s by %d", os.Getenv(CardsVariable), os.Getpid()))
	case "talk":
		fmt.Fprintln(os.Stderr, "on stderr by "+req.Address)
		fmt.Fprint(os.Stderr, "without an end")
		out.Encode(WorkerEvent{Kind: "log", Message: "as an event"})
		out.Encode(WorkerEvent{Kind: "progress", Step: 1, Total: 1, Values: map[string]float64{"loss": 0.5}})
		return writeOutputs(req, c.Text)
	case "measure":
		out.Encode(WorkerEvent{Kind: "metric", Values: map[string]float64{"val_loss": 2}})
		out.Encode(WorkerEvent{Kind: "metric", Values: map[string]float64{"accuracy": 3}})
		return writeOutputs(req, c.Text)
	case "fail":
		return fmt.Errorf("cannot: %s", c.Text)
	case "crash":
		fmt.Fprintln(os.Stderr, "famous last words")
		os.Exit(3)
	case "killed":
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		time.Sleep(time.Minute)
	case "junk":
		fmt.Println("hello")
		time.Sleep(time.Minute)
	case "idle": // makes nothing
		return nil
	case "flaky": // succeeds the second time
		if _, err := os.Stat(c.Counter); err != nil {
			os.WriteFile(c.Counter, nil, 0o644)
			os.Exit(1)
		}
		return writeOutputs(req, c.Text)
	case "enduring": // dies twice, and goes on from what it left
		state := filepath.Join(req.Scratch, "state")
		seen, _ := os.ReadFile(state)
		if len(seen) < 2 {
			os.MkdirAll(req.Scratch, 0o755)
			os.WriteFile(state, append(seen, 'x'), 0o644)
			os.Exit(1)
		}
		return writeOutputs(req, string(seen))
	case "moody": // makes other bytes each time, in one file of a folder
		seen, _ := os.ReadFile(c.Counter)
		if err := os.WriteFile(c.Counter, append(seen, 'x'), 0o644); err != nil {
			return err
		}
		dir := req.Outputs["out"]
		return errors.Join(os.Mkdir(dir, 0o755), os.WriteFile(filepath.Join(dir, "same"), []byte("same"), 0o644),
			os.WriteFile(filepath.Join(dir, "mood"), seen, 0o644))
	case "spoil": // writes to what it reads
		path := req.Inputs["in"].Path
		os.Chmod(path, 0o644)
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			return err
		}
		f.WriteString("spoilt")
		f.Close()
		return writeOutputs(req, c.Text)
	case "links": // lays out Files, where "-> TARGET" is a link
		for name, text := range c.Files {
			path := filepath.Join(filepath.Dir(req.Outputs["out"]), name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				return err
			}
			var err error
			if target, ok := strings.CutPrefix(text, "-> "); ok {
				err = os.Symlink(target, path)
			} else {
				err = os.WriteFile(path, []byte(text), 0o755)
			}
			if err != nil {
				return err
			}
		}
		return nil
	case "symlinks": // its output leads to what it reads
		if err := os.MkdirAll(req.Outputs["out"], 0o755); err != nil {
			return err
		}
		return os.Symlink(req.Inputs["in"].Path, filepath.Join(req.Outputs["out"], "link"))
	case "linker": // gives its input out as its output
		return os.Link(req.Inputs["in"].Path, req.Outputs["out"])
	}
	return fmt.Errorf("unknown type %s", req.Type)
}

func writeOutputs(req Request, text string) error {
	for _, path := range req.Outputs {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// readAll gives a file, or the files of a folder by name.
func readAll(path string) string {
	var b strings.Builder
	err := filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(p)
		if p != path {
			rel, _ := filepath.Rel(path, p)
			fmt.Fprintf(&b, "%s=", rel)
		}
		b.Write(raw)
		return err
	})
	if err != nil {
		return "unreadable: " + err.Error()
	}
	return b.String()
}

func mapsKeys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}
