package pipelines

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/zclconf/go-cty/cty"
)

// plain turns a known, unmarked value into a JSON value: nil, bool, float64, string, []any, map[string]any.
func plain(v cty.Value) (any, error) {
	if v.IsNull() {
		return nil, nil
	}
	t := v.Type()
	switch {
	case t == cty.String:
		return v.AsString(), nil
	case t == cty.Bool:
		return v.True(), nil
	case t == cty.Number:
		f, _ := v.AsBigFloat().Float64()
		if f-f != 0 {
			return nil, fmt.Errorf("%s is too large a number", v.AsBigFloat().String())
		}
		return f, nil
	case t.IsListType() || t.IsTupleType() || t.IsSetType():
		list := make([]any, 0, v.LengthInt())
		for it := v.ElementIterator(); it.Next(); {
			_, e := it.Element()
			x, err := plain(e)
			if err != nil {
				return nil, err
			}
			list = append(list, x)
		}
		return list, nil
	case t.IsMapType() || t.IsObjectType():
		m := map[string]any{}
		for it := v.ElementIterator(); it.Next(); {
			k, e := it.Element()
			x, err := plain(e)
			if err != nil {
				return nil, err
			}
			m[k.AsString()] = x
		}
		return m, nil
	}
	return nil, fmt.Errorf("a %s cannot be stored", t.FriendlyName())
}

// axisCty is an axis value as an expression sees it.
func axisCty(value any) cty.Value {
	switch v := value.(type) {
	case float64:
		// Through its shortest text, so that each.fraction of 0.1 is the 0.1 of the file.
		return cty.MustParseNumberVal(strconv.FormatFloat(v, 'g', -1, 64))
	case bool:
		return cty.BoolVal(v)
	}
	return cty.StringVal(fmt.Sprint(value))
}

// literal writes a value as it would stand in a file.
func literal(v cty.Value) string {
	if v.IsNull() {
		return "null"
	}
	if !v.IsKnown() {
		return "(not known)"
	}
	t := v.Type()
	switch {
	case t == cty.String:
		if s := v.AsString(); strings.HasPrefix(s, "\x00") {
			return s[1:]
		}
		return strconv.Quote(v.AsString())
	case t == cty.Bool:
		return strconv.FormatBool(v.True())
	case t == cty.Number:
		return v.AsBigFloat().Text('g', 17)
	case t.IsListType() || t.IsTupleType() || t.IsSetType():
		var parts []string
		for it := v.ElementIterator(); it.Next(); {
			_, e := it.Element()
			parts = append(parts, literal(e))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case t.IsMapType() || t.IsObjectType():
		var parts []string
		for it := v.ElementIterator(); it.Next(); {
			k, e := it.Element()
			parts = append(parts, k.AsString()+" = "+literal(e))
		}
		if len(parts) == 0 {
			return "{}"
		}
		return "{ " + strings.Join(parts, ", ") + " }"
	}
	return t.FriendlyName()
}

// Literal writes a value for people, as it would stand in a file; sensitive values are hidden.
func Literal(v cty.Value) string {
	if v.HasMarkDeep(sensitive{}) {
		return "(sensitive)"
	}
	return describe(v)
}

// isObject tells whether a value has named elements.
func isObject(v cty.Value) bool { return v.Type().IsObjectType() || v.Type().IsMapType() }

// keyText is the text of an object's key.
func keyText(v cty.Value) string {
	v, _ = v.Unmark()
	if v.Type() == cty.String {
		return v.AsString()
	}
	return literal(v)
}
