package pipelines

import (
	"context"

	"github.com/pipe-ml/pipe/stages"
)

// Stage types for the tests: with ports of several kinds and attributes of every sort, and nothing to run.

type testSource struct {
	Source stages.Input       `pipe:"source" generated:"true" doc:"where the data comes from"`
	Size   int                `pipe:"size" default:"32" min:"1" max:"512" doc:"side of an image"`
	Mode   string             `pipe:"mode" default:"grey" enum:"grey,colour" doc:"channels"`
	Tags   []string           `pipe:"tags,optional" enum:"small,large,wide" doc:"labels"`
	Split  map[string]float64 `pipe:"split,optional" min:"0" max:"1" doc:"shares"`
	Images stages.Output      `pipe:"images" kind:"images" doc:"the images"`
	Note   stages.Output      `pipe:"note" kind:"text" path:"note.txt" doc:"a note"`
}

type testTrain struct {
	Data   stages.Input  `pipe:"data" kind:"images" generated:"true" doc:"images to learn from"`
	Start  stages.Input  `pipe:"start,optional" kind:"weights" doc:"a network to start from"`
	Method string        `pipe:"method" doc:"how to learn"`
	Rate   float64       `pipe:"rate" default:"0.1" doc:"learning rate"`
	Seed   int           `pipe:"seed" default:"0" doc:"seed"`
	Model  stages.Output `pipe:"weights" kind:"weights" doc:"the network"`
	Log    stages.Output `pipe:"log" kind:"text" path:"log.txt" doc:"what happened"`
}

type testReport struct {
	Runs   stages.InputList `pipe:"runs" kind:"text,weights" doc:"what to report"`
	Title  string           `pipe:"title,optional" doc:"heading"`
	Report stages.Output    `pipe:"report" kind:"figure" path:"report.svg" doc:"the report"`
}

func (*testSource) Run(context.Context, stages.Reporter) error { return nil }
func (*testTrain) Run(context.Context, stages.Reporter) error  { return nil }
func (*testReport) Run(context.Context, stages.Reporter) error { return nil }

func init() {
	stages.Register(stages.Type{Name: "src", Version: 1, Doc: "A source.", New: func() stages.Stage { return &testSource{} }})
	stages.Register(stages.Type{Name: "train", Version: 3, Doc: "Learns.", CPUs: 2, Memory: 1 << 20, New: func() stages.Stage { return &testTrain{} }})
	stages.Register(stages.Type{Name: "report", Version: 1, Doc: "Reports.", New: func() stages.Stage { return &testReport{} }})
}
