package stages

import (
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
		return strconv.FormatFloat(v, 'g', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	}
	return fmt.Sprint(v)
}

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
		sum += (v - mean) * (v - mean)
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
