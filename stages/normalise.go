package stages

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/pipe-ml/pipe/stages/phantom"
)

// Normalise returns config with defaults filled in, all numbers as float64, and every mistake found, each an
// *AttributeError where one attribute is to blame, in the order of the schema. Config holds JSON values; a
// single input that is generated stays in it as a phantom:// address under the input's name.
//
// The result enters the key, so configs that mean the same give the same: null is absent, an optional attribute
// without a default is absent where it is zero or empty, a phantom:// address has all its options in the phantom's
// order, and a stage may have more to say (see Canonical).
func (s Schema) Normalise(config map[string]any) (map[string]any, []error) {
	out := make(map[string]any, len(s.Attributes))
	var errs []error
	for _, a := range s.Attributes {
		value, given := config[a.Name]
		switch {
		case given && value != nil:
			v, problems := a.normalise(value)
			errs = append(errs, problems...)
			if a.says(v) {
				out[a.Name] = v
			}
		case a.Required:
			errs = append(errs, wrong(a.Name, "required (%s): %s", a.describe(), clause(a.Doc)))
		case a.Default != nil:
			out[a.Name] = a.Default
		}
	}
	for _, p := range s.Inputs {
		if value, given := config[p.Name]; given && value != nil {
			uri, ok := value.(string)
			if !ok || !isURI(uri) {
				errs = append(errs, wrong(p.Name, "must be an artifact, a path or a phantom:// address"))
				continue
			}
			if !p.Generated {
				errs = append(errs, wrong(p.Name, "%s cannot be read here: generate it with a stage \"dataset\" and refer to that", uri))
				continue
			}
			// What is wrong with an address is left to Validate.
			if a, err := phantom.Parse(uri); err == nil {
				uri = a.String()
			}
			out[p.Name] = uri
		}
	}
	known := map[string]bool{}
	for _, name := range s.Names() {
		known[name] = true
	}
	var unknown []string
	for name := range config {
		if !known[name] {
			unknown = append(unknown, name)
		}
	}
	sort.Strings(unknown)
	for _, name := range unknown {
		errs = append(errs, wrong(name, "%s has no such attribute (it has %s)", s.Type.Name, strings.Join(s.Names(), ", ")))
	}
	if s.Type.New != nil && len(errs) == 0 {
		if c, ok := s.Type.New().(Canonical); ok {
			c.Canonical(out)
		}
	}
	return out, errs
}

// says tells whether v says more than leaving the attribute out does: a field that no config sets is zero.
func (a Attribute) says(v any) bool {
	if a.Required || a.Default != nil || a.Kind == Any || a.zero {
		return true
	}
	switch v := v.(type) {
	case string:
		return v != ""
	case bool:
		return v
	case float64:
		return v != 0
	case []any:
		return len(v) > 0
	case map[string]any:
		return len(v) > 0
	}
	return true
}

func isURI(s string) bool { return strings.Contains(s, "://") }

// normalise checks one value and brings its numbers to float64.
func (a Attribute) normalise(value any) (any, []error) {
	switch a.Kind {
	case List:
		list, ok := value.([]any)
		if !ok {
			return nil, mismatch(a.Name, a.describe(), value)
		}
		if a.filled && len(list) == 0 {
			return nil, []error{wrong(a.Name, "is empty, which is none: name some, or leave it out for all")}
		}
		out := make([]any, len(list))
		var errs []error
		for i, e := range list {
			v, problems := a.scalar(fmt.Sprintf("%s[%d]", a.Name, i), a.Elem, e)
			out[i], errs = v, append(errs, problems...)
		}
		return out, errs
	case Map:
		m, ok := value.(map[string]any)
		if !ok {
			return nil, mismatch(a.Name, a.describe(), value)
		}
		out := make(map[string]any, len(m))
		var errs []error
		for _, k := range sortedKeys(m) {
			v, problems := a.scalar(a.Name+"."+k, a.Elem, m[k])
			out[k], errs = v, append(errs, problems...)
		}
		return out, errs
	}
	return a.scalar(a.Name, a.Kind, value)
}

func (a Attribute) scalar(name string, kind ValueKind, value any) (any, []error) {
	switch kind {
	case Any:
		return value, nil
	case String:
		s, ok := value.(string)
		if !ok {
			return nil, mismatch(name, "a string", value)
		}
		if len(a.Enum) > 0 && !slices.Contains(a.Enum, s) {
			return nil, []error{unknown(name, s, a.Enum)}
		}
		return s, nil
	case Bool:
		b, ok := value.(bool)
		if !ok {
			return nil, mismatch(name, "true or false", value)
		}
		return b, nil
	}
	f, ok := number(value)
	if !ok {
		return nil, mismatch(name, "a number", value)
	}
	// Beyond 2^53 a JSON number no longer names one integer.
	if kind == Int && (f != math.Trunc(f) || math.Abs(f) > 1<<53) {
		return nil, mismatch(name, "a whole number", value)
	}
	if a.Min != nil && !(f >= *a.Min) || a.Max != nil && !(f <= *a.Max) {
		return nil, []error{wrong(name, "%v is out of bounds: %s", f, a.bounds())}
	}
	return f, nil
}

func number(value any) (float64, bool) {
	switch v := value.(type) {
	case float64:
		return v, !math.IsNaN(v) && !math.IsInf(v, 0)
	case int:
		return float64(v), true
	case int64:
		return float64(v), true
	case json.Number:
		f, err := v.Float64()
		return f, err == nil
	}
	return 0, false
}

func mismatch(name, want string, value any) []error {
	text, err := json.Marshal(value)
	if err != nil {
		text = fmt.Append(nil, value)
	}
	if len(text) > 60 {
		text = append(text[:57:57], "..."...)
	}
	return []error{wrong(name, "must be %s, not %s", want, text)}
}

// describe says in words what values the attribute takes.
func (a Attribute) describe() string {
	words := map[ValueKind]string{String: "string", Bool: "true or false", Int: "whole number", Number: "number", Any: "value"}
	switch a.Kind {
	case List:
		return "a list, each element a " + words[a.Elem]
	case Map:
		return "a map, each value a " + words[a.Elem]
	case Bool:
		return words[Bool]
	}
	return "a " + words[a.Kind]
}

func (a Attribute) bounds() string {
	switch {
	case a.Min != nil && a.Max != nil:
		return fmt.Sprintf("from %v to %v", *a.Min, *a.Max)
	case a.Min != nil:
		return fmt.Sprintf("at least %v", *a.Min)
	}
	return fmt.Sprintf("at most %v", *a.Max)
}

// clause is a doc sentence as the end of a message.
func clause(doc string) string {
	first, size := utf8.DecodeRuneInString(doc)
	return string(unicode.ToLower(first)) + strings.TrimSuffix(doc[size:], ".")
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
