package dag

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// written is a journal of a run by owner that has not ended.
func written(r *rig, id, owner string, entries ...Entry) {
	r.Helper()
	entries = append([]Entry{{Event: Event{Type: lineRun, Time: time.Now()}, Owner: owner}}, entries...)
	var b strings.Builder
	for _, e := range entries {
		fields := map[string]any{"type": e.Type, "time": e.Time, "owner": e.Owner, "address": e.Address, "key": e.Key, "attempt": e.Attempt, "reason": e.Reason, "hit": e.Cached}
		raw, err := json.Marshal(fields)
		if err != nil {
			r.Fatal(err)
		}
		b.Write(append(raw, '\n'))
	}
	if err := os.WriteFile(r.engine.Store.journal(id), []byte(b.String()), 0o644); err != nil {
		r.Fatal(err)
	}
}

func follow(r *rig, address string) (*Followed, []string, error) {
	var lines []string
	end, err := r.engine.Store.Follow(context.Background(), address, func(line string) { lines = append(lines, line) })
	return end, lines, err
}

func TestFollowingEndsWhenTheRunWasKilled(t *testing.T) {
	r := newRig(t)
	dead := hostname() + ".999999999.abc"
	written(r, "20260101T000000.000", dead, Entry{Event: Event{Type: EventStart, Address: "a", Key: "k", Attempt: 1}})
	if _, _, err := follow(r, "a"); !errors.Is(err, ErrNoResult) {
		t.Errorf("it was followed in a run that is over: %v", err)
	}
	f := &follower{store: r.engine.Store, address: "a", line: func(string) {}, run: "20260101T000000.000", owner: dead}
	if end, err := f.wait(context.Background()); err == nil || !strings.Contains(err.Error(), "was killed before a ended") {
		t.Errorf("got %v, %v", end, err)
	}
}

func TestFollowingIsNotMisledByTheLogOfAnEarlierRun(t *testing.T) {
	r := newRig(t)
	s := r.engine.Store
	key := strings.Repeat("a", 64)
	log := func(text string) {
		if err := os.WriteFile(s.logFile(key), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	log("pipe: a, run old, attempt 1\nof the old run, and longer than the new one\n")
	written(r, "20260101T000000.000", s.owner, Entry{Event: Event{Type: EventStart, Address: "a", Key: key, Attempt: 1}})
	var lines []string
	f := &follower{store: s, address: "a", line: func(line string) { lines = append(lines, line) }}
	if err := f.findRun(); err != nil || f.run == "" {
		t.Fatal(f.run, err)
	}
	for _, step := range []struct {
		log  string
		want []string
	}{
		{"", nil},
		{"pipe: a, run 20260101T000000.000, attempt 1\nnew\nhal", []string{"pipe: a, run 20260101T000000.000, attempt 1", "new"}},
		{"pipe: a, run 20260101T000000.000, attempt 1\nnew\nhalf\n", []string{"half"}},
	} {
		lines = nil
		if step.log != "" {
			log(step.log)
		}
		if end, err := f.look(); end != nil || err != nil {
			t.Fatal(end, err)
		}
		if diff := cmp.Diff(step.want, lines); diff != "" {
			t.Error(diff)
		}
	}
}

func TestFollowingTellsHowAnActionEnded(t *testing.T) {
	r := newRig(t)
	r.apply(ApplyOptions{}, node("good", "talk", ""), node("bad", "fail", "cannot"))
	end, lines, err := follow(r, "good")
	if err != nil || end.Type != EventComplete || len(lines) == 0 || !strings.HasPrefix(lines[0], "pipe: good, run ") {
		t.Errorf("%v, %q, %v", end, lines, err)
	}
	end, _, err = follow(r, "bad")
	if err != nil || end.Type != EventFailed || !strings.Contains(end.Message, "cannot") {
		t.Errorf("%v, %v", end, err)
	}
	// In a run that goes on, what was found in the store has ended too.
	last, err := r.engine.Store.LastResult("good")
	if err != nil {
		t.Fatal(err)
	}
	written(r, "29990101T000000.000", r.engine.Store.owner, Entry{Event: Event{Type: EventComplete, Address: "good", Key: last.Key, Cached: true}})
	end, lines, err = follow(r, "good")
	if err != nil || end.Type != EventComplete || len(lines) == 0 {
		t.Errorf("%v, %q, %v", end, lines, err)
	}
	written(r, "29990101T000000.000", r.engine.Store.owner, Entry{Event: Event{Type: EventSummary}})
	if _, _, err := follow(r, "never"); !errors.Is(err, ErrNoResult) {
		t.Errorf("got %v", err)
	}
}
