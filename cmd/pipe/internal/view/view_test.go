package view

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pipe-ml/pipe/dag"
)

func sweepOf(stage string, methods []string, seeds int) []*dag.Node {
	var nodes []*dag.Node
	for _, m := range methods {
		for s := range seeds {
			nodes = append(nodes, &dag.Node{
				Address: fmt.Sprintf("%s[%q,%d]", stage, m, s), Stage: stage,
				Axes: []dag.Axis{{Name: "method", Value: m}, {Name: "seed", Value: float64(s)}},
			})
		}
	}
	return nodes
}

func TestARowIsAsWideAsTheTerminal(t *testing.T) {
	s := Style{Color: true}
	for width, want := range map[int]string{
		20: "ab " + s.paint(red, "cd") + " éf",
		8:  "ab " + s.paint(red, "cd") + " éf",
		7:  "ab " + s.paint(red, "cd") + " …",
		5:  "ab " + s.paint(red, "c…"),
		3:  "ab…\x1b[31m\x1b[0m",
	} {
		if got := clipPainted("ab "+s.paint(red, "cd")+" éf", width); got != want {
			t.Errorf("%d columns: %q, want %q", width, got, want)
		}
	}
}

func TestASelectorNamesWhatASweepShares(t *testing.T) {
	all := sweepOf("train.m", []string{"lora", "full", "two words"}, 3)
	for _, c := range []struct {
		some []*dag.Node
		want string
	}{
		{all, "train.m[*]"},
		{all[:3], "train.m[method=lora,*]"},
		{all[:1], "train.m[method=lora,seed=0]"},
		{[]*dag.Node{all[0], all[3], all[6]}, "train.m[seed=0,*]"},
		{[]*dag.Node{all[0], all[3]}, "some of train.m[seed=0,*]"},
		{[]*dag.Node{all[0], all[4]}, "some of train.m[*]"},
		{all[:2], "some of train.m[method=lora,*]"},
		{all[6:], `train.m[method="two words",*]`},
		{[]*dag.Node{{Stage: "table.x"}}, "table.x"},
	} {
		if got := some(c.some, all); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

func TestAPlanWithManyReasonsStaysShort(t *testing.T) {
	p := &dag.Plan{}
	for i, n := range sweepOf("train.m", []string{"a", "b"}, 20) {
		p.Actions = append(p.Actions, dag.PlannedAction{Node: n, State: dag.StateRun, Changes: []dag.Change{{Kind: dag.ChangeConfig, Name: fmt.Sprintf("a%d", i), Old: "1", New: "2"}}, Expect: 60})
	}
	var out bytes.Buffer
	NewHuman(&out, &out, Style{}, nil).Plan(p, "")
	want := `  ~ train.m[*]   40 to run   a0 changed; 39 other reasons: see pipe why train.m
Plan: 40 to run, 0 maybe, 0 cached. About 40m00s of work (from earlier runs).
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestAnEstimateTellsOfHowManyItIs(t *testing.T) {
	p := &dag.Plan{}
	for i, n := range sweepOf("train.m", []string{"a"}, 4) {
		p.Actions = append(p.Actions, dag.PlannedAction{Node: n, State: dag.StateRun, Expect: float64(i / 3 * 60)})
	}
	if got, want := estimate(p), " About 1m00s of work for 1 of the 4 to run (from earlier runs); the stages of the others never ran."; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAnEstimateIsTheLeastWhereMoreMayRun(t *testing.T) {
	nodes := sweepOf("evaluate.m", []string{"a"}, 2)
	p := &dag.Plan{Actions: []dag.PlannedAction{{Node: nodes[0], State: dag.StateRun, Expect: 60}, {Node: nodes[1], State: dag.StateMaybe}}}
	if got, want := estimate(p), " At least 1m00s of work (from earlier runs)."; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// events is a run of three instances: one done, one failed after a retry, one cached.
func events() []dag.Event {
	return []dag.Event{
		{Type: dag.EventPlan, Plan: &dag.PlanSummary{Total: 3, Cached: 1, Run: 2}},
		{Type: dag.EventComplete, Address: "a.c", Cached: true},
		{Type: dag.EventStart, Address: "a.a", Reason: "never ran", Attempt: 1, Expect: 3},
		{Type: dag.EventProgress, Address: "a.a", Step: 3, Steps: 10, Values: map[string]float64{"loss": 0.25, "rate": 12}},
		{Type: dag.EventStart, Address: "a.b", Attempt: 1},
		{Type: dag.EventFailed, Address: "a.b", Attempt: 1, Retry: true, Message: "crashed", Seconds: 1},
		{Type: dag.EventStart, Address: "a.b", Attempt: 2},
		{Type: dag.EventComplete, Address: "a.a", Seconds: 75, Values: map[string]float64{"auroc": 0.91234}},
		{Type: dag.EventFailed, Address: "a.b", Attempt: 2, Message: "exit status 1; its last lines:\n  no memory", Seconds: 2},
		{Type: dag.EventPublish, Path: "/tmp/figure.svg", Changed: true},
		{Type: dag.EventSummary, Seconds: 80, Summary: &dag.Summary{Total: 3, Cached: 1, Executed: 1, Failed: 1, Published: 1,
			Failures: []dag.Failure{{Address: `a.b["x"]`, Message: "exit status 1; its last lines:\n  no memory", Log: "none"}}}},
	}
}

func TestARunPipedIsALineAnEvent(t *testing.T) {
	var out bytes.Buffer
	run := NewHuman(&out, &out, Style{}, nil).Run(graphOf(t))
	for _, e := range events() {
		run.Event(e)
	}
	run.Close()
	want := `a.a: started (never ran)
a.b: started
a.b: failed after 1.0s: crashed (it will be tried again)
a.b: started again (attempt 2)
a.a: done in 1m15s (auroc 0.9123)
a.b: failed after 2.0s: exit status 1
published /tmp/figure.svg

Failed: a.b["x"]
  exit status 1; its last lines:
    no memory
  All of it: pipe logs 'a.b["x"]'

Not all done: 1 failed, 0 skipped, 1 executed, 1 cached, 1 output published in 1m20s.
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestARunOnATerminalShowsBarsAndEndsWithTheSummary(t *testing.T) {
	var out bytes.Buffer
	run := NewHuman(&out, &out, Style{Live: true, Width: 120}, nil).Run(graphOf(t))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, e := range events() {
			run.Event(e)
			time.Sleep(2 * refresh)
		}
		run.Close()
	}()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatal("the bars do not end")
	}
	text := out.String()
	for _, want := range []string{"3/10", "loss 0.25", "left", "1 of 3 done, 1 cached", "3 of 3 done, 1 failed, 1 cached", "a.a: done in 1m15s", "Not all done: 1 failed"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if !strings.HasSuffix(text, "in 1m20s.\n") {
		t.Errorf("something stands behind the summary:\n%s", text[max(0, len(text)-300):])
	}
}

func graphOf(t *testing.T) *dag.Graph {
	t.Helper()
	g, err := dag.New([]*dag.Node{{Address: "a.a", Stage: "a.a"}, {Address: "a.b", Stage: "a.b"}, {Address: "a.c", Stage: "a.c"}})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestEveryJSONLineIsAnObjectWithAType(t *testing.T) {
	var out bytes.Buffer
	j := NewJSON(&out, nil)
	run := j.Run(graphOf(t))
	for _, e := range events() {
		run.Event(e)
	}
	j.Runs([]dag.Run{{ID: "x"}})
	j.Error(fmt.Errorf("broken"))
	for i, line := range strings.Split(strings.TrimSpace(out.String()), "\n") {
		var object map[string]any
		if err := json.Unmarshal([]byte(line), &object); err != nil || object["type"] == nil {
			t.Errorf("line %d: %s (%v)", i, line, err)
		}
		if i == 0 && object["type"] != "version" {
			t.Errorf("the first line is %s", line)
		}
	}
}

func TestNumbersForPeople(t *testing.T) {
	for s, want := range map[float64]string{0.04: "0.0s", 9.94: "9.9s", 12.3: "12s", 200: "3m20s", 7500: "2h05m"} {
		if got := seconds(s); got != want {
			t.Errorf("%v seconds: %s, want %s", s, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1536: "1.5 KiB", 6 << 30: "6.0 GiB"} {
		if got := size(n); got != want {
			t.Errorf("%d bytes: %s, want %s", n, got, want)
		}
	}
	for n, want := range map[float64]string{300: "300", 697600: "697600", -2: "-2", 0: "0", 0.123456: "0.1235", 1234.5: "1234"} {
		if got := number(n); got != want {
			t.Errorf("%v: %s, want %s", n, got, want)
		}
	}
	values := map[string]float64{"auroc": 0.5, "accuracy": 1, "base": 697600, "loss": 0.25, "steps": 300, "ece": 0.125}
	if got, want := metrics(values, nil, 100), " (accuracy 1, auroc 0.5, ece 0.125, loss 0.25, …)"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	values = map[string]float64{"deviation": 0, "steps": 300, "val_loss": 0.5, "a_loss": 0.25}
	if got, want := metrics(values, []string{"deviation", "steps", "val_loss", "a_loss"}, 100), " (val_loss 0.5, a_loss 0.25, steps 300, deviation 0)"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := jsonText([]any{"a > b && c < d"}), `["a > b && c < d"]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for s, want := range map[string]string{"a.b": "a.b", `a["x",1]`: `'a["x",1]'`, "it's": `'it'\''s'`} {
		if got := shellQuote(s); got != want {
			t.Errorf("%s: %s, want %s", s, got, want)
		}
	}
	if got := fit("finetune.classifier[\"adaptformer\",0.1,0]", 20); len([]rune(got)) != 20 {
		t.Errorf("%q does not fit", got)
	}
}

func TestAddressesWithoutAGraphAreNamedByWhatTheyShare(t *testing.T) {
	for _, c := range []struct {
		addresses []string
		want      string
	}{
		{[]string{"a.b"}, "a.b"},
		{[]string{`a.b["x",1]`}, `a.b["x",1]`},
		{[]string{`a.b["x",1]`, `a.b["x",0.1]`}, `a.b["x",*]`},
		{[]string{`a.b["x, y]",1]`, `a.b["x, y]",2]`}, `a.b["x, y]",*]`},
		{[]string{`a.b["x",1]`, `a.b["y",2]`}, "a.b[*]"},
		{[]string{`a.b["x"]`, `a.b["y",2]`}, "a.b[*]"}, // the axes changed between two runs
	} {
		if got := positions(c.addresses); got != c.want {
			t.Errorf("%q: got %s, want %s", c.addresses, got, c.want)
		}
	}
}

func TestInputsThatWaitForTheSameAreToldInOneLine(t *testing.T) {
	x := &dag.Explanation{Address: "table.t", State: dag.StateRun}
	for i := range 5 {
		address := fmt.Sprintf("evaluate.e[%d]", i)
		x.Changes = append(x.Changes, dag.Change{
			Kind: dag.ChangeUpstream, Name: fmt.Sprintf("runs (seed=%d)", i), Upstream: address, Reason: "rank: 8 -> 16",
		})
	}
	var out bytes.Buffer
	NewHuman(&out, &out, Style{}, nil).Why([]*dag.Explanation{x})
	want := `table.t will run
  ~ 5 x input runs waits for evaluate.e, which has to run: rank: 8 -> 16
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}
