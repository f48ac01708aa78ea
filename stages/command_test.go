package stages

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// recorder keeps what a stage reports.
type recorder struct {
	mu      sync.Mutex
	lines   []string
	metrics map[string]float64
}

func (*recorder) Progress(int, int, map[string]float64) {}

func (r *recorder) Log(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, fmt.Sprintf(format, args...))
}

func (r *recorder) Metric(name string, value float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.metrics == nil {
		r.metrics = map[string]float64{}
	}
	r.metrics[name] = value
}

func (*recorder) Device(string, string) {}

// runShell runs a script as a command stage with one input and one output, in a new work folder.
func runShell(ctx context.Context, t *testing.T, script string) (*recorder, string, error) {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.WriteFile("in.txt", []byte("data"), 0o666); err != nil {
		t.Fatal(err)
	}
	typ, _ := Lookup("command")
	config, err := json.Marshal(map[string]any{
		"command": []any{"sh", "-c", script, "x", InputPlaceholder("data"), OutputPlaceholder("copy"), ParamsPlaceholder},
		"env":     map[string]any{"FROM": InputPlaceholder("data")},
		"params":  map[string]any{"fold": 3, "names": []any{"a"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "outputs", "copy.txt")
	s, err := Decode(typ, config, map[string]Given{"data": {Path: filepath.Join(dir, "in.txt")}}, map[string]string{"copy": out})
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{}
	return r, out, s.Run(ctx, r)
}

func TestCommandSeesItsInputsParamsAndEnvironment(t *testing.T) {
	t.Setenv("PIPE_TEST_SECRET", "1")
	r, out, err := runShell(context.Background(), t, `cp "$1" "$2"; cat "$3"; echo "from $FROM, secret $PIPE_TEST_SECRET" >&2`)
	if err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(out); string(text) != "data" {
		t.Errorf("output %q", text)
	}
	log := strings.Join(r.lines, "\n")
	for _, want := range []string{`"fold": 3`, "in.txt, secret \n"} {
		if !strings.Contains(log+"\n", want) {
			t.Errorf("log %q lacks %q", log, want)
		}
	}
}

func TestCommandFailuresSayWhy(t *testing.T) {
	cases := []struct{ name, script, want string }{
		{"status and last lines", `for i in $(seq 1 30); do echo line $i; done; exit 7`, "exit status 7; its last lines:\n  line 21\n"},
		{"no output", `true`, "did not make copy: the program must write each to its output.NAME"},
		{"killed", `kill -9 $$`, "signal: killed: if nobody killed it, the machine was out of memory: give the stage more with resources { memory }"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if _, _, err := runShell(context.Background(), t, c.script); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	t.Chdir(t.TempDir())
	c := &command{Command: []string{"no-such-program-of-pipe"}}
	if err := c.Run(context.Background(), &recorder{}); err == nil || !strings.HasSuffix(err.Error(), "not found in $PATH: install it, or write its path in command") {
		t.Errorf("unknown program: %v", err)
	}
}

func TestCommandCutsVeryLongLines(t *testing.T) {
	r, _, err := runShell(context.Background(), t, `head -c 100000 /dev/zero | tr '\0' x; echo; echo end; touch "$2"`)
	if err != nil || len(r.lines) != 2 || len(r.lines[0]) != 4096 || r.lines[1] != "end" {
		t.Errorf("%d lines, %v", len(r.lines), err)
	}
}

// A program that left something running must not live on after the action.
func TestCommandEndsItsWholeGroup(t *testing.T) {
	for name, script := range map[string]string{
		"cancelled":  `(trap "" TERM; sleep 1; touch late) & touch started; wait`,
		"background": `(sleep 1; touch late) >/dev/null 2>&1 & touch started "$2"`,
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			done := make(chan struct{})
			go func() {
				defer close(done)
				for range 500 {
					if _, err := os.Stat("started"); err == nil {
						break
					}
					time.Sleep(10 * time.Millisecond)
				}
				if name == "cancelled" {
					cancel()
				}
			}()
			start := time.Now()
			_, out, err := runShell(ctx, t, script)
			<-done
			if name == "cancelled" && !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
			if took := time.Since(start); took > grace+3*time.Second {
				t.Errorf("took %v", took)
			}
			time.Sleep(1200 * time.Millisecond)
			if _, err := os.Stat(filepath.Join(filepath.Dir(filepath.Dir(out)), "late")); err == nil {
				t.Error("a child lived on")
			}
		})
	}
}
