package pipelines

import (
	"fmt"
	"sort"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// placeholder is what a reference evaluates to. As a cty value it is a string that no one can write, so
// that it may stand beside a path in a condition or in coalesce(), and it is marked with the placeholder,
// so that whatever is computed from it can be told from it.
type placeholder struct {
	ref     *reference
	from    *Instance // the one instance, or
	group   *group    // all of them, or neither:
	missing string    // why there is none; a mistake only where the value is used
}

// value is the placeholder as an expression sees it.
func (ph *placeholder) value() cty.Value {
	return cty.StringVal(ph.text()).Mark(ph)
}

func (ph *placeholder) text() string { return "\x00" + ph.ref.String() }

// place resolves a reference as seen by an instance. The result is nil when the target could not be
// understood, which has been reported.
func (r *reference) place(inst *Instance) *placeholder {
	t := r.target
	if t.noCells {
		return nil
	}
	ph := &placeholder{ref: r}
	switch {
	case len(t.cells) == 0:
		ph.missing = fmt.Sprintf("Stage %s has no instance: it is not enabled, or its matrix has no cell. Give the stage that reads it the same enabled, or choose with a condition.", t.Address())
	case r.all:
		if ph.group = r.gather(inst); ph.group == nil {
			ph.missing = fmt.Sprintf("No instance of %s agrees with %s. %s", t.Address(), inst.readable(), r.differences(inst))
		}
	default:
		if ph.from = r.one(inst); ph.from == nil {
			ph.missing = fmt.Sprintf("No instance of %s agrees with %s. %s", t.Address(), inst.readable(), r.differences(inst))
		}
	}
	return ph
}

func (inst *Instance) readable() string { return ReadableAddress(inst.Stage.Address(), inst.Axes) }

// differences tells which of an instance's axis values the target lacks.
func (r *reference) differences(inst *Instance) string {
	for _, j := range r.joins {
		seen := map[string]bool{}
		var values []string
		for _, m := range r.target.cells {
			if text := m.texts[j.target]; !seen[text] {
				seen[text] = true
				values = append(values, text)
			}
		}
		if mine := inst.texts[j.mine]; !seen[mine] {
			return fmt.Sprintf("Its axis %s has %s, not %s. Take the value off this stage's axis, or exclude it.", r.target.axes[j.target], listing(values), mine)
		}
	}
	return "Its matrix has no cell with these values together. Exclude them here as well."
}

// asPlaceholder tells whether a value is a placeholder itself, unchanged.
func asPlaceholder(v cty.Value) *placeholder {
	plain, marks := v.Unmark()
	list := placeholders(marks)
	if len(list) != 1 || plain.IsNull() || !plain.IsKnown() || plain.Type() != cty.String || plain.AsString() != list[0].text() {
		return nil
	}
	return list[0]
}

// placeholders lists the placeholders among marks, by name.
func placeholders(marks cty.ValueMarks) []*placeholder {
	var list []*placeholder
	for m := range marks {
		if ph, ok := m.(*placeholder); ok {
			list = append(list, ph)
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].text() < list[j].text() })
	return list
}

// opaque explains why an expression must not compute with references.
func opaque(refs []*reference) string {
	names := make([]string, len(refs))
	for i, r := range refs {
		names[i] = r.String()
		if r.kind != "" {
			names[i] += " (" + r.kind + ")"
		}
	}
	return fmt.Sprintf("%s does not exist before its stage has run, so nothing can be computed with it here. Give it to an input.", strings.Join(names, ", "))
}

// explain attaches an expression and its context to a diagnostic, so that the values in it can be shown.
func explain(d *hcl.Diagnostic, expr hcl.Expression, ctx *hcl.EvalContext) *hcl.Diagnostic {
	d.Expression, d.EvalContext = expr, ctx
	return d
}
