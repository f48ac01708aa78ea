package main

import (
	"context"
	"strings"
	"testing"
)

// shell opens a worker that is a shell script.
func shell(script string) (*worker, error) {
	return open(context.Background(), "shell", "sh", "-c", script)
}

func TestWorkersStepOnRequest(t *testing.T) {
	w, err := shell(`echo started; echo ready; while read -r line && [ "$line" = step ]; do echo 0.25 0.5; done`)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if s, err := w.step(); err != nil || s != (sample{0.25, 0.5}) {
			t.Errorf("%v, %v", s, err)
		}
	}
	if m, err := w.memory(); err != nil || m <= 0 || m < w.start {
		t.Errorf("%v MiB after %v, %v", m, w.start, err)
	}
	if err := w.close(); err != nil {
		t.Error(err)
	}
}

func TestWorkersThatFailAreNamed(t *testing.T) {
	for script, want := range map[string]string{
		"exit 3":                          "shell ended",
		"echo started":                    "shell ended",
		"echo nonsense; read l":           `shell said "nonsense", not "started"`,
		"echo started; echo read; read l": `shell said "read", not "ready"`,
	} {
		if _, err := shell(script); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", script, err, want)
		}
	}
}
