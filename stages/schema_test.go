package stages

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// shape is a stage with every sort of field.
type shape struct {
	Size    int                `pipe:"size" default:"64" min:"8" max:"1024" doc:"edge in pixels"`
	Rate    float64            `pipe:"rate,optional" min:"0" doc:"learning rate"`
	Mode    string             `pipe:"mode" default:"fit" enum:"fit,fill" doc:"how to crop"`
	Name    string             `pipe:"name" doc:"name of the thing"`
	Flip    bool               `pipe:"flip" default:"true" doc:"mirror"`
	Metrics []string           `pipe:"metrics" default:"[\"f1\"]" enum:"f1,auroc" doc:"what to measure"`
	Split   map[string]float64 `pipe:"split" default:"{\"train\":0.8,\"test\":0.2}" min:"0" max:"1" doc:"shares"`
	Params  map[string]any     `pipe:"params,optional" doc:"anything"`
	shared

	Data  Input             `pipe:"data" kind:"dataset,images" doc:"what to read"`
	Base  Input             `pipe:"base,optional" kind:"model" generated:"true" doc:"where to start"`
	Runs  InputList         `pipe:"runs,optional" kind:"metrics" doc:"all runs"`
	More  map[string]Input  `pipe:"inputs,optional" doc:"more"`
	Out   Output            `pipe:"out" kind:"figure" path:"out.svg" doc:"the picture"`
	Files map[string]Output `pipe:"outputs,optional" doc:"more files"`
}

type shared struct {
	Seed int `pipe:"seed" default:"0" min:"0" doc:"of all random numbers"`
}

func (*shape) Run(context.Context, Reporter) error { return nil }

func (s *shape) Validate() error {
	if s.Split["train"]+s.Split["test"] != 1 {
		return wrong("split", "the shares must sum to 1")
	}
	return nil
}

var shapeType = Type{Name: "shape", Version: 1, Doc: "a shape", New: func() Stage { return &shape{} }}

func TestSchemaOfReadsEveryField(t *testing.T) {
	if err := Check(shapeType); err != nil {
		t.Fatal(err)
	}
	s := SchemaOf(shapeType)
	want := []string{"size", "rate", "mode", "name", "flip", "metrics", "split", "params", "seed", "data", "base", "runs", "inputs", "outputs"}
	if d := cmp.Diff(want, s.Names()); d != "" {
		t.Error(d)
	}
	data, _ := s.Input("data")
	for kind, fits := range map[string]bool{"dataset": true, "images": true, "model": false, "": true} {
		if data.Accepts(kind) != fits {
			t.Errorf("Accepts(%q) = %v", kind, !fits)
		}
	}
	if out, _ := s.Output("out"); out.Path != "out.svg" || out.Kind != "figure" {
		t.Errorf("output: %+v", out)
	}
	if a, _ := s.Attribute("metrics"); a.Kind != List || a.Elem != String || a.Required {
		t.Errorf("metrics: %+v", a)
	}
}

func TestNormaliseFillsDefaultsAndNamesEachMistake(t *testing.T) {
	s := SchemaOf(shapeType)
	got, errs := s.Normalise(map[string]any{"name": "x", "size": 32, "base": "phantom://fractals"})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	want := map[string]any{"name": "x", "size": 32.0, "mode": "fit", "flip": true, "seed": 0.0, "metrics": []any{"f1"},
		"split": map[string]any{"train": 0.8, "test": 0.2}, "base": "phantom://fractals?classes=64&count=3200&seed=0&size=64"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	cases := []struct {
		name   string
		config map[string]any
		want   string
	}{
		{"absent", map[string]any{"name": nil}, "name: required (a string): name of the thing"},
		{"bounds", map[string]any{"size": 4.0}, "size: 4 is out of bounds: from 8 to 1024"},
		{"fraction of an integer", map[string]any{"size": 8.5}, "size: must be a whole number, not 8.5"},
		{"enum", map[string]any{"mode": "crop"}, `mode: "crop" is not one of fit, fill`},
		{"enum of an element", map[string]any{"metrics": []any{"f1", "f2"}}, `metrics[1]: "f2" is not one of f1, auroc`},
		{"bound of an element", map[string]any{"split": map[string]any{"train": 2.0}}, "split.train: 2 is out of bounds: from 0 to 1"},
		{"kind", map[string]any{"flip": "yes"}, `flip: must be true or false, not "yes"`},
		{"list", map[string]any{"metrics": "f1"}, `metrics: must be a list, each element a string, not "f1"`},
		{"unknown", map[string]any{"sise": 1.0}, "sise: shape has no such attribute (it has size, rate, "},
		{"stage's own rule", map[string]any{"split": map[string]any{"train": 0.5}}, "split: the shares must sum to 1"},
		{"input", map[string]any{"data": 3.0}, "data: must be an artifact, a path or a phantom:// address"},
		{"generated input", map[string]any{"data": "phantom://fractals"}, "data: phantom://fractals cannot be read here: generate it with a stage"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if _, set := c.config["name"]; !set {
				c.config["name"] = "x"
			}
			errs := mistakes(shapeType, c.config)
			if len(errs) != 1 || !strings.HasPrefix(errs[0].Error(), c.want) {
				t.Errorf("got %v, want %s", errs, c.want)
			}
		})
	}
}

func TestConfigsThatMeanTheSameAreOne(t *testing.T) {
	tests := []struct{ stage, a, b string }{
		{"finetune", `{"method":"lora"}`, `{"method":"lora","options":null}`},
		{"finetune", `{"method":"lora"}`, `{"method":"lora","options":{}}`},
		{"finetune", `{"method":"lora"}`, `{"method":"lora","options":{"rank":8}}`},
		{"finetune", `{"method":"lora"}`, `{"method":"lora","options":{"rank":null}}`},
		{"finetune", `{"method":"lora"}`, `{"method":"lora","options":{"targets":[],"alpha":8}}`},
		{"finetune", `{"method":"linear"}`, `{"method":"linear","options":{}}`},
		{"finetune", `{"method":"full"}`, `{"method":"full","lr":0,"epochs":0,"fraction":1}`},
		{"pretrain", `{"model":"resnet10_64"}`, `{"model":"resnet10_64","lr":0,"steps":null}`},
		{"command", `{"command":["true"]}`, `{"command":["true"],"params":{},"env":{},"code":[],"probe":[]}`},
		{"figure", `{"x":"a","y":"b"}`, `{"x":"a","y":"b","series":"","average":[]}`},
		{"dataset", `{}`, `{"layout":"","on_error":"fail"}`},
		{"dataset", `{"source":"phantom://chestxray?film=1&seed=3"}`, `{"source":"phantom://chestxray?seed=3&film=1"}`},
		{"dataset", `{"source":"phantom://chestxray"}`, `{"source":"phantom://chestxray?seed=0"}`},
		{"pretrain", `{"model":"resnet10_64","data":"phantom://fractals?seed=1&classes=4"}`, `{"model":"resnet10_64","data":"phantom://fractals?classes=4&seed=1"}`},
		{"evaluate", `{"metrics":["ece","f1"]}`, `{"metrics":["f1","ece","f1"]}`},
	}
	for _, tt := range tests {
		if a, b := normalised(t, tt.stage, tt.a), normalised(t, tt.stage, tt.b); !cmp.Equal(a, b) {
			t.Errorf("%s: %s and %s differ: %s", tt.stage, tt.a, tt.b, cmp.Diff(a, b))
		}
	}
	for _, tt := range []struct{ stage, a, b string }{
		{"finetune", `{"method":"lora"}`, `{"method":"lora","options":{"rank":4}}`},
		{"finetune", `{"method":"full"}`, `{"method":"full","weight_decay":0}`},
		{"finetune", `{"method":"full"}`, `{"method":"full","blocks":[0]}`},
		{"dataset", `{"source":"phantom://chestxray"}`, `{"source":"phantom://chestxray?seed=1"}`},
		{"evaluate", `{"metrics":["ece","f1"]}`, `{"metrics":["f1"]}`},
		{"table", `{"rows":[],"metrics":["ece"]}`, `{"rows":[],"metrics":["ece"],"lower":[]}`},
		{"command", `{"command":["true"]}`, `{"command":["true"],"params":{"a":0}}`},
	} {
		if a, b := normalised(t, tt.stage, tt.a), normalised(t, tt.stage, tt.b); cmp.Equal(a, b) {
			t.Errorf("%s: %s and %s are one", tt.stage, tt.a, tt.b)
		}
	}
}

func normalised(t *testing.T, stage, config string) map[string]any {
	t.Helper()
	typ, _ := Lookup(stage)
	values := map[string]any{}
	if err := json.Unmarshal([]byte(config), &values); err != nil {
		t.Fatal(err)
	}
	values, errs := SchemaOf(typ).Normalise(values)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return values
}

// mistakes are those that a stage of the type finds in a config. Its inputs are whatever it asks for.
func mistakes(t Type, config map[string]any) []error {
	s := SchemaOf(t)
	values, errs := s.Normalise(config)
	if len(errs) > 0 {
		return errs
	}
	inputs := map[string]Given{}
	for _, p := range s.Inputs {
		if _, generated := values[p.Name]; p.Required && !generated {
			inputs[p.Name] = Given{Path: "made later"}
		}
	}
	_, errs = s.Stage(values, inputs)
	return errs
}

func TestDecodeFillsTheStruct(t *testing.T) {
	st, err := Decode(shapeType, json.RawMessage(`{"name":"n","rate":0.5,"params":{"k":[1,2]}}`),
		map[string]Given{"data": {Path: "/d"}, "x": {Path: "/x"}, "runs": {Members: []Member{{Path: "/r"}}}},
		map[string]string{"out": "/o.svg", "y": "/y"})
	if err != nil {
		t.Fatal(err)
	}
	got := st.(*shape)
	if got.Size != 64 || got.Rate != 0.5 || got.Seed != 0 || got.Data.Path != "/d" || got.More["x"].Path != "/x" ||
		got.Runs[0].Path != "/r" || got.Out != "/o.svg" || got.Files["y"] != "/y" || len(got.More) != 1 || len(got.Files) != 1 {
		t.Errorf("%+v", got)
	}
}

func TestDecodeTellsAllMistakes(t *testing.T) {
	_, err := Decode(shapeType, json.RawMessage(`{"sise":1}`), nil, nil)
	for _, want := range []string{"name: required", "sise: shape has no such attribute", "data: this input is missing", "out: no path"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not tell %q", err, want)
		}
	}
	var a *AttributeError
	if !errors.As(err, &a) {
		t.Error("not an AttributeError")
	}
}

type noDoc struct {
	A int `pipe:"a"`
}

type twice struct {
	A int `pipe:"a" doc:"d"`
	B int `pipe:"a" doc:"d"`
}

type badDefault struct {
	A int `pipe:"a" default:"x" doc:"d"`
}

type badKind struct {
	A []map[string]int `pipe:"a" doc:"d"`
}

type noKind struct {
	A Input `pipe:"a" kind:"images,imagse" doc:"d"`
}

func (*noKind) Run(context.Context, Reporter) error     { return nil }
func (*noDoc) Run(context.Context, Reporter) error      { return nil }
func (*twice) Run(context.Context, Reporter) error      { return nil }
func (*badDefault) Run(context.Context, Reporter) error { return nil }
func (*badKind) Run(context.Context, Reporter) error    { return nil }

func TestCheckReportsBadStructs(t *testing.T) {
	for want, stage := range map[string]Stage{"doc": &noDoc{}, "used twice": &twice{}, "default: a: must be": &badDefault{}, "cannot be an attribute": &badKind{}, `kind "imagse" is not one of dataset, images`: &noKind{}} {
		err := Check(Type{Name: "t", Version: 1, Doc: "d", New: func() Stage { return stage }})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%T: %v, want %q", stage, err, want)
		}
	}
}

func TestEveryRegisteredTypeHasASoundSchema(t *testing.T) {
	for _, name := range Names() {
		typ, _ := Lookup(name)
		if err := Check(typ); err != nil {
			t.Error(err)
		}
	}
}
