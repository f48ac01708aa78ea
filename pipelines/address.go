package pipelines

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/pipe-ml/pipe/dag"
)

// axisText is the canonical text of an axis value: what an address holds and what joins compare.
func axisText(value any) string {
	switch v := value.(type) {
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	}
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprintf("%q", value)
	}
	return string(text)
}

// Address writes the address of a stage's instance: finetune.classifier["lora",0.1,0].
func Address(stage string, axes []dag.Axis) string {
	if len(axes) == 0 {
		return stage
	}
	texts := make([]string, len(axes))
	for i, a := range axes {
		texts[i] = axisText(a.Value)
	}
	return stage + "[" + strings.Join(texts, ",") + "]"
}

// ReadableAddress names the axes of an instance: finetune.classifier[method=lora,fraction=0.1,seed=0].
// ParseSelector reads it back.
func ReadableAddress(stage string, axes []dag.Axis) string {
	if len(axes) == 0 {
		return stage
	}
	texts := make([]string, len(axes))
	for i, a := range axes {
		texts[i] = a.Name + "=" + plainText(a.Value)
	}
	return stage + "[" + strings.Join(texts, ",") + "]"
}

// plainText is axisText without quotes where none are needed.
func plainText(value any) string {
	s, ok := value.(string)
	if !ok || s == "" || strings.ContainsAny(s, "\",=[]* \t") {
		return axisText(value)
	}
	return s
}

// Selector means the instances of one stage that have certain values on certain axes, or all those of a module.
type Selector struct {
	Stage  string // or Module
	Module string // module.x
	terms  []term
	byPos  bool
}

// term is one condition. Axis is "" in the positional form; Any is the wildcard *.
type term struct {
	axis, text string
	any        bool
}

// ParseSelector reads TYPE.NAME, TYPE.NAME["lora",0.1,*] or TYPE.NAME[method=lora,seed=0], each with module.NAME.
// before it or not, and module.NAME.
func ParseSelector(text string) (Selector, error) {
	head, rest, bracketed := strings.Cut(text, "[")
	s := Selector{Stage: head}
	names := strings.Split(head, ".")
	for len(names) >= 2 && names[0] == "module" && names[1] != "" {
		names = names[2:]
	}
	if len(names) == 0 {
		if bracketed {
			return s, fmt.Errorf("%q is not an address: a module has no axes; name a stage in it, as in %s.TYPE.NAME[axis=value]", text, head)
		}
		return Selector{Module: head}, nil
	}
	if len(names) != 2 || names[0] == "" || names[1] == "" {
		return s, fmt.Errorf("%q is not an address: write TYPE.NAME, TYPE.NAME[axis=value], TYPE.NAME[\"value\",...] or module.NAME", text)
	}
	if !bracketed {
		return s, nil
	}
	if !strings.HasSuffix(rest, "]") {
		return s, fmt.Errorf("address %q: missing ]", text)
	}
	parts, err := splitTerms(strings.TrimSuffix(rest, "]"))
	if err != nil {
		return s, fmt.Errorf("address %q: %w", text, err)
	}
	for _, p := range parts {
		axis, value, named := cutAxis(p)
		if !named && p == "*" && !s.byPos && len(s.terms) > 0 {
			continue // [method=lora,*]: the other axes are free anyway
		}
		if len(s.terms) > 0 && named == s.byPos {
			return s, fmt.Errorf("address %q: mixes axis=value with values by position", text)
		}
		s.byPos = !named
		s.terms = append(s.terms, term{axis: axis, text: value, any: value == "*"})
	}
	if s.byPos && len(s.terms) == 1 && s.terms[0].any {
		s.terms, s.byPos = nil, false // [*]: every instance, whatever its axes
	}
	return s, nil
}

// commasOutside are the places of the commas outside of quotes, and whether a quote is left open.
func commasOutside(text string) (commas []int, open bool) {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && open:
			i++
		case c == '"':
			open = !open
		case c == ',' && !open:
			commas = append(commas, i)
		}
	}
	return commas, open
}

// splitTerms cuts at commas outside of quotes.
func splitTerms(text string) ([]string, error) {
	commas, open := commasOutside(text)
	if open {
		return nil, fmt.Errorf("unclosed quote")
	}
	var parts []string
	start := 0
	for _, at := range commas {
		parts = append(parts, strings.TrimSpace(text[start:at]))
		start = at + 1
	}
	parts = append(parts, strings.TrimSpace(text[start:]))
	for _, p := range parts {
		if p == "" {
			return nil, fmt.Errorf("empty value")
		}
	}
	return parts, nil
}

// cutAxis splits axis=value; a quoted value by itself has no axis.
func cutAxis(part string) (axis, value string, named bool) {
	if strings.HasPrefix(part, `"`) {
		return "", part, false
	}
	axis, value, named = strings.Cut(part, "=")
	if !named {
		return "", part, false
	}
	return strings.TrimSpace(axis), strings.TrimSpace(value), true
}

// Match tells whether the selector means this instance.
func (s Selector) Match(n *dag.Node) bool {
	if n.Group != nil {
		return false
	}
	if s.Module != "" {
		return strings.HasPrefix(n.Stage, s.Module+".")
	}
	if n.Stage != s.Stage {
		return false
	}
	if s.byPos && len(s.terms) != len(n.Axes) {
		return false
	}
	for i, t := range s.terms {
		axis := i
		if !s.byPos {
			axis = axisIndex(n.Axes, t.axis)
		}
		if axis < 0 || !t.any && !sameValue(n.Axes[axis].Value, t.text) {
			return false
		}
	}
	return true
}

func axisIndex(axes []dag.Axis, name string) int {
	for i, a := range axes {
		if a.Name == name {
			return i
		}
	}
	return -1
}

// sameValue compares an axis value with what a user typed: 0.10 is 0.1, and quotes are optional.
func sameValue(value any, text string) bool {
	if axisText(value) == text || plainText(value) == text {
		return true
	}
	switch v := value.(type) {
	case float64:
		f, err := strconv.ParseFloat(text, 64)
		return err == nil && f == v
	case string:
		return v == text
	}
	return false
}
