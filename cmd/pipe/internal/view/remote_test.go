package view

import (
	"bytes"
	"testing"

	"github.com/pipe-ml/pipe/dag"
)

func TestARunTellsOfTheRemoteCacheInFewLines(t *testing.T) {
	g, err := dag.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	run := NewHuman(&out, &errs, Style{}, nil).Run(g)
	for _, e := range []dag.Event{
		{Type: dag.EventWarning, Message: "the remote cache URL cannot be used"},
		{Type: dag.EventComplete, Address: "a", Cached: true, Remote: true, Reason: "it was found in the remote cache"},
		{Type: dag.EventPush, Step: 1, Steps: 3, Message: "URL"},
		{Type: dag.EventPush, Step: 2, Steps: 3, Message: "URL"},
		{Type: dag.EventPush, Step: 3, Steps: 3, Message: "URL"},
		{Type: dag.EventSummary, Summary: &dag.Summary{Total: 4, Cached: 1, Remote: 1, Executed: 3, Pushed: 3}, Seconds: 1},
	} {
		run.Event(e)
	}
	want := `Warning: the remote cache URL cannot be used
giving the remote cache URL what has run (2 of 3 to go)
Done: 3 executed, 1 cached (1 remote), 3 results pushed in 1.0s.
`
	if out.String() != want || errs.Len() > 0 {
		t.Errorf("got\n%s%s\nwant\n%s", out.String(), errs.String(), want)
	}
}
