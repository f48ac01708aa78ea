package model

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// PublishedKeys are the keys of a published config.json beside those that a struct of ours has.
type PublishedKeys struct {
	Only    map[string][]any // keys with the values, as JSON decodes them, whose meaning is what is built
	Ignored []string         // keys that say nothing about the computation
}

// Decode reads a published config.json into m, a struct whose json tags are the keys that it follows. Every other key must
// be among k's, with a value of those there: all refused and unknown ones are told in one error.
func (k PublishedKeys) Decode(what string, text []byte, m any) error {
	var values map[string]json.RawMessage
	if err := json.Unmarshal(text, &values); err != nil {
		return fmt.Errorf("%s: config: %w", what, err)
	}
	own := reflect.TypeOf(m).Elem()
	for i := range own.NumField() {
		name, _, _ := strings.Cut(own.Field(i).Tag.Get("json"), ",")
		delete(values, name)
	}
	var refused, unknown []string
	for name, raw := range values {
		known, ok := k.Only[name]
		switch {
		case slices.Contains(k.Ignored, name):
		case !ok:
			unknown = append(unknown, name)
		case !slices.ContainsFunc(known, func(v any) bool { return reflect.DeepEqual(v, single(raw)) }):
			refused = append(refused, fmt.Sprintf("%s = %s (supported: %s)", name, raw, list(known)))
		}
	}
	slices.Sort(refused)
	slices.Sort(unknown)
	var faults []string
	if len(refused) > 0 {
		faults = append(faults, "not supported: "+strings.Join(refused, ", "))
	}
	if len(unknown) > 0 {
		faults = append(faults, "unknown keys: "+strings.Join(unknown, ", "))
	}
	if len(faults) > 0 {
		return fmt.Errorf("%s: config: %s", what, strings.Join(faults, "; "))
	}
	if err := json.Unmarshal(text, m); err != nil {
		return fmt.Errorf("%s: config: %w", what, err)
	}
	return nil
}

// single is the value of raw, or the element that a list repeats: diffusers takes one value for all levels.
func single(raw json.RawMessage) any {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return nil
	}
	if l, ok := v.([]any); ok && len(l) > 0 {
		for _, x := range l[1:] {
			if !reflect.DeepEqual(x, l[0]) {
				return v
			}
		}
		return l[0]
	}
	return v
}

func list(values []any) string {
	words := make([]string, len(values))
	for i, v := range values {
		text, err := json.Marshal(v)
		if err != nil {
			text = fmt.Append(nil, v)
		}
		words[i] = string(text)
	}
	return strings.Join(words, " or ")
}

// PerLevel is a number for each level of a network, in JSON one number where all levels share it.
type PerLevel []int

// At is the number of level i.
func (p PerLevel) At(i int) int { return p[min(i, len(p)-1)] }

// MarshalJSON implements json.Marshaler.
func (p PerLevel) MarshalJSON() ([]byte, error) {
	if len(p) == 1 {
		return json.Marshal(p[0])
	}
	return json.Marshal([]int(p))
}

// UnmarshalJSON implements json.Unmarshaler.
func (p *PerLevel) UnmarshalJSON(text []byte) error {
	var one int
	if json.Unmarshal(text, &one) == nil {
		*p = PerLevel{one}
		return nil
	}
	return json.Unmarshal(text, (*[]int)(p))
}
