package dag

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Canonical is the one spelling of a JSON value that keys are made of: object keys sorted by bytes, no white
// space, no escapes but those JSON demands, numbers in the shortest form that reads back as the same float64
// (1, 1.0 and 1e0 are one value; an integer literal beyond 2^53 keeps its digits). NaN and infinities are errors.
func Canonical(v any) ([]byte, error) {
	return appendCanonical(nil, v)
}

func appendCanonical(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...), nil
	case bool:
		return strconv.AppendBool(b, v), nil
	case string:
		return appendString(b, v)
	case float64:
		return appendFloat(b, v)
	case int:
		return strconv.AppendInt(b, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(b, v, 10), nil
	case json.Number:
		if i, err := strconv.ParseInt(v.String(), 10, 64); err == nil {
			return strconv.AppendInt(b, i, 10), nil
		}
		f, err := v.Float64()
		if err != nil {
			return nil, fmt.Errorf("number %s: %w", v, err)
		}
		return appendFloat(b, f)
	case []any:
		return appendList(b, v)
	case map[string]any:
		return appendObject(b, v)
	}
	// Anything else is spelled as encoding/json spells it, then read back.
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("%T is no JSON value: %w", v, err)
	}
	generic, err := decodeJSON(raw)
	if err != nil {
		return nil, err
	}
	return appendCanonical(b, generic)
}

func appendList(b []byte, list []any) ([]byte, error) {
	b = append(b, '[')
	for i, e := range list {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = appendCanonical(b, e); err != nil {
			return nil, fmt.Errorf("[%d]: %w", i, err)
		}
	}
	return append(b, ']'), nil
}

func appendObject(b []byte, object map[string]any) ([]byte, error) {
	return appendMap(b, object, appendCanonical)
}

// appendMap spells an object whose values are spelled by value.
func appendMap[V any](b []byte, object map[string]V, value func([]byte, V) ([]byte, error)) ([]byte, error) {
	var few [16]string
	keys := few[:0]
	for k := range object {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	b = append(b, '{')
	for i, k := range keys {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = appendString(b, k); err != nil {
			return nil, err
		}
		b = append(b, ':')
		if b, err = value(b, object[k]); err != nil {
			return nil, fmt.Errorf("%s: %w", k, err)
		}
	}
	return append(b, '}'), nil
}

func appendFloat(b []byte, f float64) ([]byte, error) {
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return nil, fmt.Errorf("%v is no JSON number", f)
	case f == math.Trunc(f) && math.Abs(f) < 1<<53:
		return strconv.AppendInt(b, int64(f), 10), nil // minus zero too is 0
	}
	return strconv.AppendFloat(b, f, 'g', -1, 64), nil
}

func appendString(b []byte, s string) ([]byte, error) {
	const hex = "0123456789abcdef"
	if !utf8.ValidString(s) {
		return nil, fmt.Errorf("string %q is not UTF-8", s)
	}
	b = append(b, '"')
	plain := 0 // what is before it is written
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[plain:i]...)
		plain = i + 1
		if c < ' ' {
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		} else {
			b = append(b, '\\', c)
		}
	}
	return append(append(b, s[plain:]...), '"'), nil
}

// decodeJSON reads a JSON value without losing digits of integers.
func decodeJSON(raw []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("reading JSON: %w", err)
	}
	return v, nil
}
