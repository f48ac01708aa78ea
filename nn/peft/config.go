package peft

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
)

// Field is one value of a method's config. Its struct field carries the tags
//
//	Rank int `pipe:"rank" default:"8" min:"1" doc:"rank of the change"`
//
// max is the largest value, and the field has the type int, float64, bool, string, []string or map[string]float64.
type Field struct {
	Name    string
	Kind    string // "int", "number", "bool", "string", "list" or "map"
	Default any    // JSON value; nil for a list or a map
	Min     *float64
	Max     *float64
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
		out = append(out, field)
	}
	return out
}

// Configure returns the method's config with defaults overwritten by values, which are JSON values; null is the default. Unknown names, wrong types
// and numbers outside of a field's bounds are errors.
func (m Method) Configure(values map[string]any) (Config, error) {
	c := m.New()
	fields := Fields(c)
	known := map[string]bool{}
	var names []string
	for _, f := range fields {
		known[f.Name] = true
		names = append(names, f.Name)
		v := values[f.Name]
		if v == nil {
			v = f.Default
		}
		if v == nil {
			continue
		}
		if err := f.set(reflect.ValueOf(c).Elem().Field(f.index), v); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", m.Name, f.Name, err)
		}
	}
	for _, n := range sortedKeys(values) {
		if !known[n] {
			return nil, fmt.Errorf("%s has no option %q%s", m.Name, n, suggest(n, names))
		}
	}
	return c, nil
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
	wrong := fmt.Errorf("%v is not %s %s", v, article, f.Kind)
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
		dst.SetString(x)
	case "list":
		list, ok := v.([]any)
		if typed, isTyped := v.([]string); isTyped {
			list, ok = make([]any, len(typed)), true
			for i, s := range typed {
				list[i] = s
			}
		}
		if !ok {
			return wrong
		}
		for _, e := range list {
			s, ok := e.(string)
			if !ok {
				return fmt.Errorf("%v is not a string", e)
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
				return fmt.Errorf("%s: %v is not a number", k, values[k])
			}
			dst.SetMapIndex(reflect.ValueOf(k), reflect.ValueOf(x))
		}
	}
	return nil
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
