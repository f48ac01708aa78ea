package view

import (
	"strings"
	"testing"
	"time"

	"github.com/pipe-ml/pipe/dag"
)

func TestBarsFitTheTerminal(t *testing.T) {
	losses := map[string]float64{"loss": 0.41234, "lr": 0.001, "norm": 2.5}
	rows := []doing{
		{address: `finetune.classifier["adaptformer",0.02,0]`, step: 1200, steps: 3000, values: losses, rate: 17.2, elapsed: 70, left: 740},
		{address: `finetune.classifier["lora",1,0]`, step: 3, steps: 10, values: losses, rate: 0.25, elapsed: 12, left: 28},
		{address: `evaluate.with_a_long_name["vit_micro_convstem_64","adaptformer",0.02,0]`, elapsed: 5, left: 15},
		{address: "dataset.cxr", elapsed: 2},
	}
	whole := []total{
		{all: 64, done: 16, elapsed: 75},
		{all: 64, done: 32, cached: 12, failed: 2, waiting: 3, elapsed: 7500},
	}
	for width, want := range map[int]string{
		40: `
finetu…0.02,0] 1200/3000 12m20s left
f…["lora",1,0] 3/10 28s left
evalua…0.02,0] 15s left
dataset.cxr    2.0s
16 of 64 done 1m15s
32 of 64 done, 2 failed, 12 cach… 2h05m
`,
		80: `
finet…["adaptformer",0.02,0] [===-----] 1200/3000 loss 0.4123 17/s 12m20s left
finetune.classi…["lora",1,0] [==------] 3/10 loss 0.4123 4.0s/step 28s left
evaluate.with…ormer",0.02,0] [==------] 15s left
dataset.cxr                  [--------] 2.0s
16 of 64 done [==------] 1m15s
32 of 64 done, 2 failed, 12 cached, 3 in another run [====----] 2h05m
`,
		120: `
finetune.classifier["adaptformer",0.02,0]  [========------------] 1200/3000  loss 0.4123  lr 0.001  17/s  12m20s left
finetune.classifier["lora",1,0]            [======--------------] 3/10  loss 0.4123  lr 0.001  4.0s/step  28s left
evaluate.with_a_long…"adaptformer",0.02,0] [=====---------------] 15s left
dataset.cxr                                [--------------------] 2.0s
16 of 64 done [=====---------------] 1m15s
32 of 64 done, 2 failed, 12 cached, 3 in another run [==========----------] 2h05m
`,
	} {
		var lines []string
		for _, r := range rows {
			lines = append(lines, r.line(width))
		}
		for _, r := range whole {
			lines = append(lines, r.line(width, Style{}))
		}
		for _, l := range lines {
			if length(l) >= width {
				t.Errorf("%d columns on a terminal of %d: %s", length(l), width, l)
			}
		}
		if got := strings.Join(lines, "\n"); got != strings.TrimSpace(want) {
			t.Errorf("on %d columns:\n%s\nwant\n%s", width, got, strings.TrimSpace(want))
		}
	}
	for width := 10; width < 200; width++ { // whatever the terminal, nothing wraps and nothing breaks
		for _, r := range rows {
			if l := r.line(width); length(l) > width-1 {
				t.Errorf("%d columns on a terminal of %d: %s", length(l), width, l)
			}
		}
		for _, r := range whole {
			if l := r.line(width, Style{}); length(l) > width-1 {
				t.Errorf("%d columns on a terminal of %d: %s", length(l), width, l)
			}
		}
	}
}

func TestTheRateLeavesOutWhatGoesBeforeTheFirstStep(t *testing.T) {
	start := time.Unix(1000, 0)
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	a := &action{started: start, expect: 100}
	if d := a.at(at(10)); d.rate != 0 || d.left != 90 {
		t.Errorf("before the first step: %+v", d)
	}
	a.update(dag.Event{Step: 1, Steps: 100}, at(20))
	a.update(dag.Event{Step: 11, Steps: 100}, at(22))
	if d := a.at(at(23)); d.rate != 5 || d.left != 16.8 || d.elapsed != 23 {
		t.Errorf("after eleven: %+v", d)
	}
}

func TestWaitingForAnotherRunIsALineAStage(t *testing.T) {
	w := waiting{}
	var lines []string
	for _, e := range []dag.Event{
		{Type: dag.EventQueued, Stage: "a.x", Address: "a.x[1]"},
		{Type: dag.EventQueued, Stage: "a.x", Address: "a.x[1]", Reason: "R is doing it"},
		{Type: dag.EventQueued, Stage: "a.x", Address: "a.x[2]", Reason: "R is doing it"},
		{Type: dag.EventQueued, Stage: "a.y", Address: "a.y", Reason: "R is doing it"},
		{Type: dag.EventComplete, Stage: "a.x", Address: "a.x[1]", Cached: true},
		{Type: dag.EventComplete, Stage: "a.x", Address: "a.x[3]"},
		{Type: dag.EventComplete, Stage: "a.x", Address: "a.x[2]", Cached: true},
		{Type: dag.EventQueued, Stage: "a.y", Address: "a.y"},
		{Type: dag.EventStart, Stage: "a.y", Address: "a.y"},
	} {
		if l := w.line(e); l != "" {
			lines = append(lines, l)
		}
	}
	want := "a.x: waits (R is doing it)|a.y: waits (R is doing it)|a.x: goes on|a.y: goes on"
	if got := strings.Join(lines, "|"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
