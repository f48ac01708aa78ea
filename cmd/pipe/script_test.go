package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/pipe-ml/pipe/dag"
	"github.com/pipe-ml/pipe/dag/remote/remotetest"
	"github.com/pipe-ml/pipe/dag/slurm/slurmtest"
	"github.com/pipe-ml/pipe/stages"
	"github.com/pipe-ml/pipe/stages/fetch/fetchtest"
)

var update = flag.Bool("update", false, "rewrite the golden files inside the scripts")

func TestMain(m *testing.M) {
	commands := slurmtest.Commands()
	commands["pipe"] = func() {
		os.Exit(Main(context.Background(), os.Args[1:], streams{in: os.Stdin, out: os.Stdout, err: os.Stderr}))
	}
	testscript.Main(m, commands)
}

// TestScripts runs testdata/script/*.txtar: what a user types, and what then is so. Beside the usual commands
// there are
//
//	exits CODE ARG...      run pipe with these arguments; it must end with this code
//	summary NAME=N...      the last line of standard output is a summary with these counts
//	scrub FILE             write standard output to FILE with times, run names and folders made constant
//	edit FILE OLD NEW      replace text in a file; it must be there
//	ran STAGE=N...         the JSON lines on standard output tell that these instances ran, and no others
//	results STORE FILE     write the digests and metrics of all results in the store to FILE, a result a line
//	subset FILE FILE       every line of the first file is in the second
//	cache-server VERB...   a remote cache: see cmdCacheServer
//	hub VERB...            a Hugging Face Hub: see cmdHub
//	json ARG...            run pipe -json with these arguments; all it writes is JSON lines, the first one the version
func TestScripts(t *testing.T) { testscript.Run(t, scripts("testdata/script")) }

func scripts(dir string) testscript.Params {
	return testscript.Params{
		Dir:                 dir,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       *update,
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", env.WorkDir)
			env.Values[serverKey{}] = new(*remotetest.Server)
			env.Values[hubKey{}] = new(*fetchtest.Hub)
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits":   cmdExits,
			"summary": cmdSummary,
			"scrub":   cmdScrub,
			"edit":    cmdEdit,
			"ran":     cmdRan,
			"results": cmdResults,
			"subset":  cmdSubset,
			"json":    cmdJSON,

			"cache-server": cmdCacheServer,
			"hub":          cmdHub,
		},
	}
}

func cmdExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: exits CODE ARG...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	code := 0
	var failed *exec.ExitError
	if err := ts.Exec("pipe", args[1:]...); errors.As(err, &failed) {
		code = failed.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if code != want {
		ts.Fatalf("pipe %s: exit code %d, want %d", strings.Join(args[1:], " "), code, want)
	}
}

func cmdSummary(ts *testscript.TestScript, _ bool, args []string) {
	lines := strings.Split(strings.TrimSpace(ts.ReadFile("stdout")), "\n")
	var got map[string]any
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &got); err != nil || got["type"] != "summary" {
		ts.Fatalf("the last line is no summary: %s", lines[len(lines)-1])
	}
	for _, arg := range args {
		name, text, _ := strings.Cut(arg, "=")
		if got[name] == nil || fmt.Sprint(got[name]) != text {
			ts.Fatalf("%s is %v, want %s, in %s", name, got[name], text, lines[len(lines)-1])
		}
	}
}

var volatile = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:.]+(Z|[+-]\d\d:\d\d)`), "TIME"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`), "TIME"},
	{regexp.MustCompile(`\d{8}T\d{6}\.\d{3}(-\d+)?`), "RUN"},
	{regexp.MustCompile(`"seconds":[0-9.e-]+`), `"seconds":0`},
	{regexp.MustCompile(`"expected_seconds":[0-9.e-]+`), `"expected_seconds":0`},
	{regexp.MustCompile(`\bin \d+\.\ds`), "in 0s"},
	{regexp.MustCompile(`\btook \d+\.\ds`), "took 0s"},
	{regexp.MustCompile(`\bafter \d+\.\ds`), "after 0s"},
	{regexp.MustCompile(` (About|At least) \S+ of work \(from earlier runs\)\.`), ""}, // told from a second on
}

func cmdScrub(ts *testscript.TestScript, _ bool, args []string) {
	text := strings.ReplaceAll(ts.ReadFile("stdout"), ts.Getenv("WORK"), "WORK")
	for _, v := range volatile {
		text = v.pattern.ReplaceAllString(text, v.with)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o666))
}

func cmdEdit(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: edit FILE OLD NEW")
	}
	text := ts.ReadFile(args[0])
	if !strings.Contains(text, args[1]) {
		ts.Fatalf("%s does not hold %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.ReplaceAll(text, args[1], args[2])), 0o666))
}

func cmdRan(ts *testscript.TestScript, _ bool, args []string) {
	ran := map[string]int{}
	for line := range strings.Lines(ts.ReadFile("stdout")) {
		var event struct{ Type, Stage string }
		ts.Check(json.Unmarshal([]byte(line), &event))
		if event.Type == "action_start" {
			ran[event.Stage]++
		}
	}
	var got []string
	for stage, n := range ran {
		got = append(got, fmt.Sprintf("%s=%d", stage, n))
	}
	slices.Sort(got)
	slices.Sort(args)
	if !slices.Equal(got, args) {
		ts.Fatalf("ran %s\nwant %s", strings.Join(got, " "), strings.Join(args, " "))
	}
}

func cmdResults(ts *testscript.TestScript, _ bool, args []string) {
	text, err := results(ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text), 0o666))
}

func cmdSubset(ts *testscript.TestScript, _ bool, args []string) {
	all := slices.Collect(strings.Lines(ts.ReadFile(args[1])))
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		if !slices.Contains(all, line) {
			ts.Fatalf("%s does not hold %s", args[1], line)
		}
	}
}

// results lists what a store's results hold but for when and where they were made.
func results(store string) (string, error) {
	files, err := filepath.Glob(filepath.Join(store, "actions", "*.json"))
	if err != nil {
		return "", err
	}
	var lines []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		var r dag.Result
		if err := json.Unmarshal(text, &r); err != nil {
			return "", fmt.Errorf("%s: %w", file, err)
		}
		lines = append(lines, fmt.Sprintf("%s %s %v %v\n", r.Address, r.Key, r.Outputs, r.Metrics))
	}
	slices.Sort(lines)
	return strings.Join(lines, ""), nil
}

// Stage types for the scripts.

// noisy prints where it should not, reports progress, and panics if it is told to.
type noisy struct {
	Panic bool          `pipe:"panic" default:"false" doc:"panic instead of ending well"`
	Out   stages.Output `pipe:"out" kind:"text" path:"out.txt" doc:"a file"`
}

func (n *noisy) Run(_ context.Context, r stages.Reporter) error {
	fmt.Println("printed by the stage")
	r.Log("logged by the stage")
	r.Progress(1, 2, map[string]float64{"loss": 0.5})
	r.Metric("answer", 42)
	if n.Panic {
		panic("no reason")
	}
	return os.WriteFile(string(n.Out), []byte("done\n"), 0o666)
}

// gather writes the axes of what it gathers.
type gather struct {
	Runs stages.InputList `pipe:"runs" kind:"text" doc:"files"`
	Out  stages.Output    `pipe:"out" kind:"text" path:"list.txt" doc:"their names and content"`
}

func (g *gather) Run(context.Context, stages.Reporter) error {
	var b strings.Builder
	for _, m := range g.Runs {
		text, err := os.ReadFile(m.Path)
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%v %s", m.Axes, text)
	}
	return os.WriteFile(string(g.Out), []byte(b.String()), 0o666)
}

// measure has its rate as its metric, and fails if it is negative.
type measure struct {
	Rate float64       `pipe:"rate" doc:"a number"`
	Seed int           `pipe:"seed" doc:"a number that changes the output"`
	Out  stages.Output `pipe:"out" kind:"text" path:"out.txt" doc:"both numbers"`
}

func (m *measure) Run(_ context.Context, r stages.Reporter) error {
	if m.Rate < 0 {
		return errors.New("negative rate")
	}
	r.Metric("score", m.Rate)
	return os.WriteFile(string(m.Out), fmt.Appendf(nil, "%v %d\n", m.Rate, m.Seed), 0o666)
}

func init() {
	stages.Register(stages.Type{Name: "measure", Version: 1, Doc: "Measures.", New: func() stages.Stage { return &measure{} }})
	stages.Register(stages.Type{Name: "noisy", Version: 1, Doc: "Prints.", New: func() stages.Stage { return &noisy{} }})
	stages.Register(stages.Type{Name: "gather", Version: 1, Doc: "Gathers.", New: func() stages.Stage { return &gather{} }})
}

// Every verb has a script, so that none can change unseen.
func TestEveryVerbHasAScript(t *testing.T) {
	for _, verb := range (&app{}).command().Commands() {
		found, err := filepath.Glob("testdata/script/" + verb.Name() + "*.txtar")
		if err != nil || len(found) == 0 {
			t.Errorf("verb %s has no testdata/script/%s*.txtar", verb.Name(), verb.Name())
		}
		if !strings.Contains(verb.Long, "Exit codes:") {
			t.Errorf("the help of %s does not tell its exit codes", verb.Name())
		}
	}
}

func TestLongFlagsMayHaveOneDash(t *testing.T) {
	got := doubleDashes([]string{"plan", "-var", "a=-1", "-json", "--target=x", "-h", "-1.5", "-", "--", "-var"})
	want := []string{"plan", "--var", "a=-1", "--json", "--target=x", "-h", "-1.5", "-", "--", "-var"}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("got %q, want %q", got, want)
	}
}
