package dag

import (
	"bytes"
	"encoding/json"
	"time"
)

// The types of Event.
const (
	EventPlan     = "plan"
	EventQueued   = "action_queued"
	EventStart    = "action_start"
	EventProgress = "action_progress"
	EventLog      = "action_log"
	EventComplete = "action_complete"
	EventFailed   = "action_failed"
	EventSkipped  = "action_skipped"
	EventPublish  = "publish"
	EventPush     = "push"    // of the results that the remote cache is given, once they are waited for
	EventWarning  = "warning" // of what makes a run poorer and does not stop it
	EventSummary  = "summary"
)

// Event is something that happened in a run. Events are delivered one at a time.
type Event struct {
	Type    string             `json:"type"`
	Time    time.Time          `json:"time"`
	Address string             `json:"address,omitempty"`
	Stage   string             `json:"stage,omitempty"`
	Key     string             `json:"key,omitempty"`
	Reason  string             `json:"reason,omitempty"`           // start: why it runs; skipped: why not; queued: what it waits for
	Causes  []Cause            `json:"causes,omitempty"`           // start: where the change began, if that is not here
	Attempt int                `json:"attempt,omitempty"`          // start, failed: 1 for the first
	Retry   bool               `json:"retry,omitempty"`            // failed: it will be tried again
	Expect  float64            `json:"expected_seconds,omitempty"` // start: how long it took before; 0 if unknown
	Step    int                `json:"step,omitempty"`             // progress; push: how many are done with
	Steps   int                `json:"steps,omitempty"`            // progress, push: of how many
	Values  map[string]float64 `json:"values,omitempty"`           // progress: loss, rate, …; complete: the metrics
	Order   []string           `json:"order,omitempty"`            // complete: the names of the metrics as the stage told them
	Message string             `json:"message,omitempty"`          // log: a line; failed: the error; warning
	Log     string             `json:"log,omitempty"`              // failed: path of the action's log
	Cached  bool               `json:"hit,omitempty"`              // complete: found, not run
	Remote  bool               `json:"remote,omitempty"`           // complete: some of it came from the remote cache, or is there only
	Seconds float64            `json:"seconds,omitempty"`          // complete, failed, summary
	Path    string             `json:"path,omitempty"`             // publish: where to
	Changed bool               `json:"changed,omitempty"`          // publish: it held other bytes before

	Plan    *PlanSummary `json:"-"` // plan: its fields stand beside "type"
	Summary *Summary     `json:"-"` // summary: likewise
}

// MarshalJSON writes the event as one flat object.
func (e Event) MarshalJSON() ([]byte, error) {
	type plain Event
	switch {
	case e.Plan != nil:
		return asWritten(struct {
			plain
			*PlanSummary
		}{plain(e), e.Plan})
	case e.Summary != nil:
		return asWritten(struct {
			plain
			*Summary
		}{plain(e), e.Summary})
	}
	return asWritten(plain(e))
}

// asWritten leaves <, > and & as they are: whether they are escaped is for whoever writes the line to say.
func asWritten(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return b.Bytes(), err
}

// PlanSummary counts the instances of a plan by state, and what of the cached ones is to be published.
type PlanSummary struct {
	Total  int `json:"total"`
	Cached int `json:"cached"`
	Run    int `json:"run"`
	Maybe  int `json:"maybe"`
	Remote int `json:"cached_remote,omitempty"` // of the cached ones: from the remote cache

	Publish int `json:"publish,omitempty"` // outputs of cached instances that are not in their place
	Blocked int `json:"blocked,omitempty"` // outputs likewise that something stands in the way of
}

// Summary counts the instances of a run by how they ended: Total is the sum of the others. Virtual vertices
// are not counted.
type Summary struct {
	Total       int       `json:"total"`
	Cached      int       `json:"cached"`
	Executed    int       `json:"executed"`
	Failed      int       `json:"failed"`
	Skipped     int       `json:"skipped"`                 // not run, since something before it failed or the run was stopped
	Remote      int       `json:"cached_remote,omitempty"` // of the cached ones: from the remote cache
	Pushed      int       `json:"pushed,omitempty"`        // of the executed ones: given to it
	Published   int       `json:"published"`               // publications whose bytes changed
	Interrupted bool      `json:"interrupted,omitempty"`   // the context was cancelled before all had run
	Run         string    `json:"run"`                     // name of the journal
	Failures    []Failure `json:"failures,omitempty"`      // in the order of the graph
}

// Failure is an action or a publication that did not succeed.
type Failure struct {
	Address string `json:"address"`
	Message string `json:"message"`
	Log     string `json:"log,omitempty"` // path of the action's log
}
