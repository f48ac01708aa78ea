package stages

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/pipe-ml/pipe/stages/artifact"
)

// run is one gathered instance as a figure or table sees it: the axes of its matrix and what was measured.
type run struct {
	axes    map[string]any
	metrics artifact.Metrics
}

// axis is the values of an axis in the order of the runs, nil unless all of them have it.
func (l InputList) axis(name string) []any {
	values := make([]any, len(l))
	for i, m := range l {
		v, ok := m.Axes[name]
		if !ok {
			return nil
		}
		values[i] = v
	}
	return values
}

// axes are the names of the axes that all runs have.
func (l InputList) axes() []string {
	if len(l) == 0 {
		return nil
	}
	return slices.DeleteFunc(sortedKeys(l[0].Axes), func(name string) bool { return l.axis(name) == nil })
}

// metrics are the names of the metrics that all runs can have; ok is false when that is not known.
func (l InputList) metrics() (names []string, ok bool) {
	for i, m := range l {
		if m.Metrics == nil {
			return nil, false
		}
		if i == 0 {
			names = slices.Clone(m.Metrics)
		}
		names = slices.DeleteFunc(names, func(name string) bool { return !slices.Contains(m.Metrics, name) })
	}
	return names, len(l) > 0
}

// hasAxis checks that an attribute names an axis of the runs.
func (l InputList) hasAxis(attribute, name string) error {
	if l.axis(name) != nil {
		return nil
	}
	axes := l.axes()
	e := wrong(attribute, "the runs have no axis %q: name one of %s", name, listed(axes))
	e.Value, e.Known = name, axes
	return e
}

// hasNumber checks that an attribute names a numeric axis or, as far as is known, a metric of the runs.
func (l InputList) hasNumber(attribute, name string) error {
	metrics, known := l.metrics()
	values := l.axis(name)
	text := slices.IndexFunc(values, func(v any) bool { _, number := v.(float64); return !number })
	switch {
	case slices.Contains(metrics, name), values == nil && !known, values != nil && text < 0:
		return nil
	case values != nil:
		return wrong(attribute, "the axis %s is not of numbers, it has the value %s: name one that is, or a metric", name, axisText(values[text]))
	}
	axes := l.axes()
	e := wrong(attribute, "%q is neither an axis of the runs (%s) nor a metric that they have (%s): name one of these", name, listed(axes), listed(metrics))
	e.Value, e.Known = name, slices.Concat(metrics, axes)
	return e
}

// where are the runs with these values of axes.
func (l InputList) where(values map[string]any) InputList {
	return slices.DeleteFunc(slices.Clone(l), func(m Member) bool {
		for axis, v := range values {
			if m.Axes[axis] != v {
				return true
			}
		}
		return false
	})
}

// hasValues checks that where names axes of the runs, and values that they have together.
func (l InputList) hasValues(where map[string]any) []error {
	var errs []error
	for _, name := range sortedKeys(where) {
		attribute, values := "where."+name, l.axis(name)
		switch {
		case values == nil:
			errs = append(errs, l.hasAxis(attribute, name))
		case len(values) > 0 && !slices.Contains(values, where[name]):
			var known ordered[bool]
			for _, v := range values {
				known.at(axisText(v), func() bool { return true })
			}
			e := wrong(attribute, "the axis has no value %s: take one of %s", axisText(where[name]), listed(known.keys))
			e.Value, e.Known = axisText(where[name]), known.keys
			errs = append(errs, e)
		}
	}
	if len(errs) == 0 && len(l) > 0 && len(l.where(where)) == 0 {
		errs = append(errs, wrong("where", "no run has all of these values: take one of them out"))
	}
	return errs
}

// listed are names for a message.
func listed(names []string) string { return cmp.Or(strings.Join(names, ", "), "none") }

func readRuns(list InputList) ([]run, error) {
	if len(list) == 0 {
		return nil, fmt.Errorf("no runs: all.TYPE.NAME.OUT gathered nothing")
	}
	runs := make([]run, len(list))
	for i, m := range list {
		metrics, err := artifact.ReadMetrics(m.Path)
		if err != nil {
			return nil, fmt.Errorf("run %s: %w", axesText(m.Axes), err)
		}
		runs[i] = run{m.Axes, metrics}
	}
	return runs, nil
}

// text is the value of an axis, as a label.
func (r run) text(axis string) (string, error) {
	v, ok := r.axes[axis]
	if !ok {
		return "", fmt.Errorf("run %s has no axis %q", axesText(r.axes), axis)
	}
	return axisText(v), nil
}

// number is the value of a numeric axis or of a metric.
func (r run) number(name string) (float64, error) {
	if v, ok := r.axes[name].(float64); ok {
		return v, nil
	}
	if m, ok := r.metrics[name]; ok {
		return m.Value, nil
	}
	names := make([]string, 0, len(r.metrics))
	for n := range r.metrics {
		names = append(names, n)
	}
	slices.Sort(names)
	return 0, fmt.Errorf("run %s has neither a numeric axis nor a metric %q (metrics: %s)", axesText(r.axes), name, strings.Join(names, ", "))
}

func axisText(v any) string {
	switch v := v.(type) {
	case float64:
		if whole(v) {
			return strconv.FormatFloat(v, 'f', -1, 64)
		}
		return strconv.FormatFloat(v, 'g', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	}
	return fmt.Sprint(v)
}

// whole tells whether v is a whole number, exactly.
func whole(v float64) bool { return v == math.Trunc(v) && math.Abs(v) < 1<<53 }

func axesText(axes map[string]any) string {
	names := make([]string, 0, len(axes))
	for n := range axes {
		names = append(names, n)
	}
	slices.Sort(names)
	parts := make([]string, len(names))
	for i, n := range names {
		parts[i] = n + "=" + axisText(axes[n])
	}
	return "[" + strings.Join(parts, ",") + "]"
}

// sample is a set of values, in the order of their runs. NaN (a metric that was not defined) is left out.
type sample []float64

func (s sample) mean() float64 {
	sum := 0.0
	for _, v := range s {
		sum += v
	}
	return sum / float64(len(s))
}

// deviation is the sample standard deviation, 0 for a single value.
func (s sample) deviation() float64 {
	if len(s) < 2 {
		return 0
	}
	mean, sum := s.mean(), 0.0
	for _, v := range s {
		sum += float64((v - mean) * (v - mean))
	}
	return math.Sqrt(sum / float64(len(s)-1))
}

// ordered maps keys to values and remembers the order in which the keys came.
type ordered[V any] struct {
	keys   []string
	values map[string]V
}

func (o *ordered[V]) at(key string, fresh func() V) V {
	if v, ok := o.values[key]; ok {
		return v
	}
	if o.values == nil {
		o.values = map[string]V{}
	}
	o.keys = append(o.keys, key)
	o.values[key] = fresh()
	return o.values[key]
}
