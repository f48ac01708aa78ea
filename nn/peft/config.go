package peft

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Field is one value of a method's config. Its struct field carries the tags
//
//	Rank int `pipe:"rank" default:"8" min:"1" doc:"rank of the change"`
//
// max is the largest value, oneof lists the values of a string, separated by commas, and the field has the type int, float64, bool, string, []string or
// map[string]float64.
type Field struct {
	Name    string
	Kind    string // "int", "number", "bool", "string", "list" or "map"
	Default any    // JSON value; nil for a list or a map
	Min     *float64
	Max     *float64
	OneOf   []string
	Doc     string
	index   int
}

// Fields lists a config's fields in order of declaration.
func Fields(c Config) []Field {
	t := reflect.TypeOf(c).Elem()
	var out []Field
	for i := range t.NumField() {
		f := t.Field(i)
		name, ok := f.Tag.Lookup("pipe")
		if !ok {
			continue
		}
		field := Field{Name: name, Doc: f.Tag.Get("doc"), index: i}
		text := f.Tag.Get("default")
		switch f.Type.Kind() {
		case reflect.Int:
			v, _ := strconv.Atoi(text)
			field.Kind, field.Default = "int", float64(v)
		case reflect.Float64:
			v, _ := strconv.ParseFloat(text, 64)
			field.Kind, field.Default = "number", v
		case reflect.Bool:
			field.Kind, field.Default = "bool", text == "true"
		case reflect.String:
			field.Kind, field.Default = "string", text
		case reflect.Slice:
			field.Kind = "list"
		case reflect.Map:
			field.Kind = "map"
		}
		if v, err := strconv.ParseFloat(f.Tag.Get("min"), 64); err == nil {
			field.Min = &v
		}
		if v, err := strconv.ParseFloat(f.Tag.Get("max"), 64); err == nil {
			field.Max = &v
		}
		if list := f.Tag.Get("oneof"); list != "" {
			field.OneOf = strings.Split(list, ",")
		}
		out = append(out, field)
	}
	return out
}

// OptionError is what is wrong with one option of a method.
type OptionError struct {
	Option, Message string
}

func (e *OptionError) Error() string { return e.Option + ": " + e.Message }

// Configure returns the method's config with defaults overwritten by values, which are JSON values; null is the default. Unknown names, wrong types
// and values that a field does not take are errors; each is an *OptionError, and all of them are joined.
func (m Method) Configure(values map[string]any) (Config, error) {
	c := m.New()
	fields := Fields(c)
	var names []string
	var errs []error
	for _, f := range fields {
		names = append(names, f.Name)
		v := values[f.Name]
		if v == nil {
			v = f.Default
		}
		if v == nil {
			continue
		}
		if err := f.set(reflect.ValueOf(c).Elem().Field(f.index), v); err != nil {
			errs = append(errs, &OptionError{f.Name, err.Error()})
		}
	}
	for _, n := range sortedKeys(values) {
		if !slices.Contains(names, n) {
			errs = append(errs, &OptionError{n, fmt.Sprintf("%s has no such option%s", m.Name, instead(n, names))})
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return c, nil
}

// What options of the PEFT library are called here, and what stands for those that are no options here.
var (
	optionNames = map[string]string{
		"r": "rank", "lora_alpha": "alpha", "lora_dropout": "dropout", "use_rslora": "rslora", "target_modules": "targets", "num_virtual_tokens": "tokens",
	}
	elsewhere = map[string]string{
		"bias": "methods bitfit and norm_bias train biases: leave it out", "exclude_modules": "write layers beside options for where the method acts",
		"init_lora_weights":   "the change starts at 0 here, as there by true: leave it out",
		"layers_to_transform": "write blocks beside options", "modules_to_save": "the head always trains: leave it out",
		"use_dora": "set method = \"dora\" for it",
	}
)

// instead says what to write in the place of an unknown option.
func instead(name string, known []string) string {
	if to := optionNames[name]; slices.Contains(known, to) {
		return fmt.Sprintf("; did you mean %q?", to)
	}
	if hint := elsewhere[name]; hint != "" {
		return "; " + hint
	}
	return suggest(name, known)
}

// Values is the inverse of Configure: all fields as JSON values.
func Values(c Config) map[string]any {
	out := map[string]any{}
	v := reflect.ValueOf(c).Elem()
	for _, f := range Fields(c) {
		x := v.Field(f.index)
		switch f.Kind {
		case "int":
			out[f.Name] = float64(x.Int())
		case "list":
			list := []any{}
			for i := range x.Len() {
				list = append(list, x.Index(i).String())
			}
			out[f.Name] = list
		case "map":
			values := map[string]any{}
			for _, k := range x.MapKeys() {
				values[k.String()] = x.MapIndex(k).Float()
			}
			out[f.Name] = values
		default:
			out[f.Name] = x.Interface()
		}
	}
	return out
}

func (f Field) set(dst reflect.Value, v any) error {
	article := "a"
	if f.Kind == "int" {
		article = "an"
	}
	wrong := fmt.Errorf("%s is not %s %s", quoted(v), article, f.Kind)
	switch f.Kind {
	case "int", "number":
		x, ok := number(v)
		if !ok || f.Kind == "int" && x != math.Trunc(x) {
			return wrong
		}
		if f.Min != nil && x < *f.Min {
			return fmt.Errorf("%v is below %v", v, *f.Min)
		}
		if f.Max != nil && x > *f.Max {
			return fmt.Errorf("%v is above %v", v, *f.Max)
		}
		if f.Kind == "int" {
			dst.SetInt(int64(x))
		} else {
			dst.SetFloat(x)
		}
	case "bool":
		x, ok := v.(bool)
		if !ok {
			return wrong
		}
		dst.SetBool(x)
	case "string":
		x, ok := v.(string)
		if !ok {
			return wrong
		}
		if f.OneOf != nil && !slices.Contains(f.OneOf, x) {
			return fmt.Errorf("%q is not one of %s", x, strings.Join(f.OneOf, ", "))
		}
		dst.SetString(x)
	case "list":
		list, ok := v.([]any)
		if typed, isTyped := v.([]string); isTyped {
			list, ok = make([]any, len(typed)), true
			for i, s := range typed {
				list[i] = s
			}
		}
		if s, single := v.(string); single {
			return fmt.Errorf("%w: write [%q]", wrong, s)
		}
		if !ok {
			return wrong
		}
		for _, e := range list {
			s, ok := e.(string)
			if !ok {
				return fmt.Errorf("%s is not a string", quoted(e))
			}
			dst.Set(reflect.Append(dst, reflect.ValueOf(s)))
		}
	case "map":
		values, ok := v.(map[string]any)
		if !ok {
			return wrong
		}
		if len(values) > 0 {
			dst.Set(reflect.MakeMap(dst.Type()))
		}
		for _, k := range sortedKeys(values) {
			x, ok := number(values[k])
			if !ok {
				return fmt.Errorf("%s: %s is not a number", k, quoted(values[k]))
			}
			dst.SetMapIndex(reflect.ValueOf(k), reflect.ValueOf(x))
		}
	}
	return nil
}

// quoted is a value as it stands in a file.
func quoted(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(text)
}

// number accepts what JSON decoding and Go literals give.
func number(v any) (float64, bool) {
	switch x := v.(type) {
	case float64:
		return x, true
	case int:
		return float64(x), true
	case int64:
		return float64(x), true
	}
	return 0, false
}
