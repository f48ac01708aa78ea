package dag

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Node is one vertex of the graph: a stage instance with everything its key is made of, or, when Group is
// set, the virtual vertex that gathers the instances of one all.TYPE.NAME.OUT reference, so that n
// producers and m consumers cost n+m edges.
type Node struct {
	Address string         // finetune.classifier["lora",0.1,0]; unique in the graph
	Stage   string         // finetune.classifier
	Axes    []Axis         // in the order of the stage's matrix
	Type    string         // finetune
	Version int            // of the type; part of the key
	Config  map[string]any // after evaluation, defaults filled in; JSON values only
	Inputs  []Input        // sorted by name
	Outputs []Output       // sorted by name
	Code    []string       // files whose content is part of the key, slash paths relative to Root
	Probe   []string       // a program whose output is part of the key (environment record)
	Salt    string

	Group []Member // virtual vertex only (then never nil): what it gathers, in the producers' order

	// None of these enters the key.
	Root      string // folder that Code is relative to; empty: the engine's
	Resources Resources
	Retry     Retry
	Executor  string
	Pos       map[string]Pos // attribute, or a part of it as in params.rate or split[0] -> where it is written, for why; "": the stage
	Secret    []string       `json:",omitempty"` // attributes, or parts of them, whose values must not be shown
}

// Virtual says whether n only gathers what others made. It is never run.
func (n *Node) Virtual() bool { return n.Group != nil }

// Axis is one matrix coordinate of an instance. Value is a string, a float64 or a bool.
type Axis struct {
	Name  string `json:"name"`
	Value any    `json:"value"`
}

// Input is one thing that an instance reads. Exactly one of From, Group and Path is set.
type Input struct {
	Name  string
	From  *Ref   // one output of one instance
	Group string // address of a virtual vertex
	Path  string // a file or folder on disk, absolute
}

// Ref names an output of an instance.
type Ref struct {
	Address string
	Output  string
}

// Member is one element of a virtual vertex.
type Member struct {
	Axes []Axis
	Ref  Ref
}

// Output is one thing that an instance makes, as a file or a folder.
type Output struct {
	Name string
	Kind string // what it holds: "dataset", "model", "metrics", ...; for people
	Path string // file name in the work folder's outputs/, with its extension; a folder has none
}

// Resources are what the scheduler packs.
type Resources struct {
	CPUs   int
	Memory int64 // bytes
	GPUs   int
	// GPUMemory is what it takes of each of its cards, in bytes; 0: all of it.
	GPUMemory int64
	// Fallback: where there are no such cards, it runs without.
	Fallback bool
	Time     time.Duration // limit of one attempt, from when it begins; 0: none
}

// Retry says how often an action is tried, and which failures are worth another attempt.
type Retry struct {
	Attempts int      // in all; 0 and 1 are one attempt
	On       []string // Classes; empty: all of them
}

// Pos is a place in a source file.
type Pos struct {
	File string
	Line int
	From string `json:",omitempty"` // what is written there if it is nothing but a variable: var.rank; or the default
}

func (p Pos) String() string {
	switch {
	case p.File == "":
		return p.From
	case p.From != "":
		return fmt.Sprintf("%s, %s:%d", p.From, p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// at is where the part of an attribute is written, or the smallest part around it whose place is known.
func (n *Node) at(path string) Pos {
	for path != "" {
		if p, ok := n.Pos[path]; ok {
			return p
		}
		_, path = cutPath(path)
	}
	return Pos{}
}

// placed says after what an error says first where the attribute is written that is to blame, or else n.
func (n *Node) placed(err error) string {
	var failed *ActionError
	at := n.Pos[""]
	if errors.As(err, &failed) {
		at = cmp.Or(n.at(failed.Attribute), at)
	}
	message := err.Error()
	head := Headline(message)
	before, after, _ := strings.Cut(message, head)
	return before + head + at.note() + after
}

// note is a place in brackets, or nothing if it is not known.
func (p Pos) note() string {
	if p == (Pos{}) {
		return ""
	}
	return " (" + p.String() + ")"
}

// cutPath gives the attribute of a path, and the path of what the part is in: a.b for a.b[0].
func cutPath(path string) (attribute, around string) {
	if first := strings.IndexAny(path, ".["); first >= 0 {
		return path[:first], path[:strings.LastIndexAny(path, ".[")]
	}
	return path, ""
}

// changed fills in where what changed is written, and hides what must not be shown.
func (n *Node) changed(c Change, path string) Change {
	c.Pos = n.at(path)
	if c.Pos == (Pos{}) && c.New != "" && n.Pos != nil { // it is not written anywhere
		c.Pos.From = "the default"
	}
	if n.hides(path) {
		c.hide()
	}
	return c
}

// Publication is an output block of the pipeline: an artifact copied to a path when all has run.
type Publication struct {
	Name string
	Ref  Ref
	Path string // absolute
	Pos  Pos    // where the path is written
}

// Request is what a worker reads on its standard input, one JSON object a line.
// All paths are absolute; the worker's stage runs with WorkDir as its working folder. Address, WorkDir, Threads
// and the folders of paths are not in the key: no output may depend on them (the last element of a path may).
//
// Scratch is a folder of the action's own, which need not be there: what a stage leaves in it, it finds there when it is run
// again after it failed or was killed. It is gone once the action has succeeded. "" means that there is none.
type Request struct {
	Address string                `json:"address"`
	Type    string                `json:"type"`
	Version int                   `json:"version"`
	Config  json.RawMessage       `json:"config"`
	Inputs  map[string]InputPaths `json:"inputs"`
	Outputs map[string]string     `json:"outputs"`
	WorkDir string                `json:"work_dir"`
	Threads int                   `json:"threads"`
	Scratch string                `json:"scratch,omitempty"`
}

// InputPaths is one input as a stage sees it: a path, or the members of a group with their axes.
type InputPaths struct {
	Path    string        `json:"path,omitempty"`
	Members []InputMember `json:"members,omitempty"`
}

// InputMember is one element of a gathered input.
type InputMember struct {
	Axes []Axis `json:"axes"`
	Path string `json:"path"`
}

// The kinds of events that a Remote sends beside its workers'.
const (
	EventBegin = "begin" // the job begins to run, on the machine called Message
	EventRan   = "ran"   // it has run, for Values["seconds"]
)

// WorkerEvent is one line of a worker's standard output. Kind is "progress", "log", "metric", "device", "done" or
// "error"; done and error end the request.
type WorkerEvent struct {
	Kind    string             `json:"kind"`
	Step    int                `json:"step,omitempty"`
	Total   int                `json:"total,omitempty"`
	Values  map[string]float64 `json:"values,omitempty"` // progress: loss, rate, ...; metric: name -> value
	Message string             `json:"message,omitempty"`

	Class     string `json:"class,omitempty"`     // error: one of Classes; empty: ClassError
	Attribute string `json:"attribute,omitempty"` // error: the attribute to blame, if one is
}
