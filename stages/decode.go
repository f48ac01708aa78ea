package stages

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
)

// Given is what the engine hands over for one input: a path, or the members of a gathered input.
type Given struct {
	Path    string
	Members []Member
	From    Stage // see Input
}

// Decode makes the stage that runs one action: the struct of t filled with the config (a JSON object), the
// input paths and the output paths. It is strict: an unknown name, a value out of bounds, a missing input
// or output is an error, and all of them are told. Artifacts of a keyed port go by the user's names.
func Decode(t Type, config json.RawMessage, inputs map[string]Given, outputs map[string]string) (Stage, error) {
	s := SchemaOf(t)
	values := map[string]any{}
	if len(bytes.TrimSpace(config)) > 0 {
		d := json.NewDecoder(bytes.NewReader(config))
		if err := d.Decode(&values); err != nil {
			return nil, fmt.Errorf("%s: config: %w", t.Name, err)
		}
		if _, err := d.Token(); err != io.EOF {
			return nil, fmt.Errorf("%s: config: more than one JSON value", t.Name)
		}
	}
	values, errs := s.Normalise(values)
	stage := t.New()
	if len(errs) == 0 {
		errs = s.fill(stage, values)
	}
	v := reflect.ValueOf(stage).Elem()
	errs = append(errs, s.setInputs(v, values, inputs)...)
	errs = append(errs, s.setOutputs(v, outputs)...)
	if len(errs) == 0 {
		errs = validate(stage)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("%s: %w", t.Name, err)
	}
	return stage, nil
}

// Stage makes a stage of a normalised config and the inputs as far as they are known before anything runs (see
// Validator), with every mistake that it finds in them. It has no outputs and must not run.
func (s Schema) Stage(config map[string]any, inputs map[string]Given) (Stage, []error) {
	stage := s.Type.New()
	errs := s.fill(stage, config)
	errs = append(errs, s.setInputs(reflect.ValueOf(stage).Elem(), config, inputs)...)
	if len(errs) == 0 {
		errs = validate(stage)
	}
	return stage, errs
}

// fill sets the config fields and the generated inputs of a stage from a normalised config.
func (s Schema) fill(stage any, config map[string]any) []error {
	v := reflect.ValueOf(stage).Elem()
	for _, a := range s.Attributes {
		value, ok := config[a.Name]
		if !ok {
			continue
		}
		text, err := json.Marshal(value)
		if err == nil {
			err = json.Unmarshal(text, v.FieldByIndex(a.index).Addr().Interface())
		}
		if err != nil {
			return []error{wrong(a.Name, "%v", err)}
		}
	}
	for _, p := range s.Inputs {
		if uri, ok := config[p.Name].(string); ok && p.Form == Single {
			v.FieldByIndex(p.index).Set(reflect.ValueOf(Input{URI: uri}))
		}
	}
	return nil
}

func (s Schema) setInputs(v reflect.Value, config map[string]any, inputs map[string]Given) []error {
	var errs []error
	used := map[string]bool{}
	for _, p := range s.Inputs {
		field := v.FieldByIndex(p.index)
		given, ok := inputs[p.Name]
		switch p.Form {
		case Single:
			_, generated := config[p.Name]
			switch {
			case ok && generated:
				errs = append(errs, wrong(p.Name, "given both as an artifact and as an address"))
			case ok:
				field.Set(reflect.ValueOf(Input{Path: given.Path, From: given.From}))
			case p.Required && !generated:
				errs = append(errs, wrong(p.Name, "this input is missing: %s", clause(p.Doc)))
			}
		case Gathered:
			if !ok && p.Required {
				errs = append(errs, wrong(p.Name, "this input is missing: %s", clause(p.Doc)))
			}
			field.Set(reflect.ValueOf(InputList(given.Members)))
		case Keyed:
			m := map[string]Input{}
			for _, name := range sortedKeys(inputs) {
				if _, single := s.Input(name); !single {
					m[name] = Input{Path: inputs[name].Path}
					used[name] = true
				}
			}
			field.Set(reflect.ValueOf(m))
		}
		used[p.Name] = true
	}
	for _, name := range sortedKeys(inputs) {
		if !used[name] {
			errs = append(errs, wrong(name, "%s has no such input", s.Type.Name))
		}
	}
	return errs
}

func (s Schema) setOutputs(v reflect.Value, outputs map[string]string) []error {
	var errs []error
	used := map[string]bool{}
	for _, p := range s.Outputs {
		field := v.FieldByIndex(p.index)
		if p.Form == Keyed {
			m := map[string]Output{}
			for _, name := range sortedKeys(outputs) {
				if _, single := s.Output(name); !single {
					m[name] = Output(outputs[name])
					used[name] = true
				}
			}
			field.Set(reflect.ValueOf(m))
			continue
		}
		path, ok := outputs[p.Name]
		if !ok && p.Required {
			errs = append(errs, wrong(p.Name, "no path for this output"))
		}
		field.SetString(path)
		used[p.Name] = true
	}
	for _, name := range sortedKeys(outputs) {
		if !used[name] {
			errs = append(errs, wrong(name, "%s has no such output", s.Type.Name))
		}
	}
	return errs
}
