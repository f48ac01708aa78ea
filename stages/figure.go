package stages

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/pipe-ml/pipe/stages/chart"
)

func init() {
	Register(Type{
		Name:    "figure",
		Version: 4,
		Doc: `Draws one metric of many runs as a figure, in SVG, PDF and PNG.

Runs that agree on the axes x and series are one point: their mean, with one standard deviation as a band or bar.
Where x is a metric, every run is a point of its own, but for the axes that average names.`,
		CPUs:   1,
		Memory: 256 << 20,
		New:    func() Stage { return new(figure) },
	})
}

type figure struct {
	Runs    InputList      `pipe:"runs" kind:"metrics" doc:"The runs to draw: all.evaluate.NAME.metrics."`
	Where   map[string]any `pipe:"where,optional" doc:"Values of axes, such as { fraction = 1 }: only the runs that have them."`
	Chart   string         `pipe:"chart" default:"line" enum:"line,bar,scatter" doc:"line and scatter need a numeric x; bar takes the values of an axis as categories."`
	X       string         `pipe:"x" doc:"An axis of the runs, or a metric."`
	Y       string         `pipe:"y" doc:"A metric of the runs."`
	Series  string         `pipe:"series,optional" doc:"The axis that tells the lines, bars or clouds apart; none: one series."`
	Average []string       `pipe:"average,optional" doc:"Where x is a metric: axes such as seed; runs that differ in these alone are one point. Where x is an axis, runs that agree on x and series are."`
	Title   string         `pipe:"title,optional" doc:"Above the figure."`
	XLabel  string         `pipe:"x_label,optional" doc:"Below the x axis; default: the name of x."`
	YLabel  string         `pipe:"y_label,optional" doc:"Beside the y axis; default: the name of y."`
	XScale  string         `pipe:"x_scale" default:"linear" enum:"linear,log,symlog" doc:"Scale of a numeric x axis; symlog is log that shows 0 too: linear up to a power of ten that no x but 0 is below."`
	Width   float64        `pipe:"width" default:"16" min:"4" max:"100" doc:"Centimetres."`
	Height  float64        `pipe:"height" default:"10" min:"3" max:"100" doc:"Centimetres."`

	SVG Output `pipe:"svg" kind:"figure" path:"figure.svg" doc:"The figure for the web."`
	PDF Output `pipe:"pdf" kind:"figure" path:"figure.pdf" doc:"The figure for LaTeX."`
	PNG Output `pipe:"png" kind:"figure" path:"figure.png" doc:"The figure for slides, 160 dots an inch."`
}

// Validate implements Validator.
func (f *figure) Validate() error {
	errs := f.Runs.hasValues(f.Where)
	values := f.Runs.where(f.Where).axis(f.X)
	switch f.Chart {
	case "bar":
		errs = append(errs, f.Runs.hasAxis("x", f.X))
	case "line", "scatter":
		errs = append(errs, f.Runs.hasNumber("x", f.X))
	}
	errs = append(errs, f.Runs.hasNumber("y", f.Y))
	if f.Series != "" {
		errs = append(errs, f.Runs.hasAxis("series", f.Series))
	}
	for i, axis := range f.Average {
		errs = append(errs, f.Runs.hasAxis(fmt.Sprintf("average[%d]", i), axis))
	}
	if len(f.Average) > 0 && len(values) > 0 {
		errs = append(errs, wrong("average", "x is the axis %s, so runs that agree on it and on series are averaged already: leave average out", f.X))
	}
	if f.XScale != "linear" {
		errs = append(errs, f.scales(values))
	}
	return errors.Join(errs...)
}

// scales refuses a scale for bars, and a logarithmic one for an axis, of these values, that it cannot show.
func (f *figure) scales(values []any) error {
	if f.Chart == "bar" {
		return wrong("x_scale", "bars stand side by side, whatever their x: leave x_scale out")
	}
	for _, v := range values {
		if n, ok := v.(float64); ok && n <= 0 && f.XScale == "log" {
			return wrong("x_scale", "a logarithmic axis cannot show %s = %v: take symlog, or a linear one", f.X, n)
		}
	}
	return nil
}

// Run draws the figure.
func (f *figure) Run(_ context.Context, r Reporter) error {
	runs, err := readRuns(f.Runs.where(f.Where))
	if err != nil {
		return err
	}
	c := chart.Chart{
		Kind: f.Chart, Title: f.Title, XScale: f.XScale, Width: f.Width, Height: f.Height,
		XLabel: cmp.Or(f.XLabel, f.X), YLabel: cmp.Or(f.YLabel, f.Y),
	}
	if c.Series, c.Categories, err = f.series(runs); err != nil {
		return err
	}
	images, err := c.Draw()
	if err != nil {
		return err
	}
	for path, data := range map[Output][]byte{f.SVG: images.SVG, f.PDF: images.PDF, f.PNG: images.PNG} {
		if err := os.WriteFile(string(path), data, 0o644); err != nil {
			return err
		}
	}
	r.Log("%d runs in %d series", len(runs), len(c.Series))
	return nil
}

// series groups the runs by series and x, in the order in which they come, and averages each group.
func (f *figure) series(runs []run) ([]chart.Series, []string, error) {
	var categories ordered[float64]
	var lines ordered[*ordered[*point]]
	for _, r := range runs {
		y, err := r.number(f.Y)
		if err != nil {
			return nil, nil, err
		}
		if math.IsNaN(y) {
			continue
		}
		name := ""
		if f.Series != "" {
			if name, err = r.text(f.Series); err != nil {
				return nil, nil, err
			}
		}
		x, key, err := f.x(r, &categories)
		if err != nil {
			return nil, nil, err
		}
		line := lines.at(name, func() *ordered[*point] { return new(ordered[*point]) })
		p := line.at(key, func() *point { return new(point) })
		p.xs, p.ys = append(p.xs, x), append(p.ys, y)
	}
	if len(lines.keys) == 0 {
		return nil, nil, fmt.Errorf("metric %q is undefined in all %d runs", f.Y, len(runs))
	}
	var out []chart.Series
	for _, name := range lines.keys {
		line := lines.values[name]
		s := chart.Series{Name: name}
		for _, key := range line.keys {
			p := line.values[key]
			s.Points = append(s.Points, chart.Point{X: p.xs.mean(), Y: p.ys.mean(), Spread: p.ys.deviation()})
		}
		slices.SortStableFunc(s.Points, func(a, b chart.Point) int { return cmp.Compare(a.X, b.X) })
		out = append(out, s)
	}
	return out, categories.keys, nil
}

type point struct{ xs, ys sample }

// x places a run on the x axis: bars by category, lines by value. A scatter over a metric has one point a
// run, or one for those that differ in the axes to average alone.
func (f *figure) x(r run, categories *ordered[float64]) (x float64, key string, err error) {
	if f.Chart == "bar" {
		name, err := r.text(f.X)
		if err != nil {
			return 0, "", err
		}
		return categories.at(name, func() float64 { return float64(len(categories.keys) - 1) }), name, nil
	}
	if x, err = r.number(f.X); err != nil {
		return 0, "", err
	}
	if _, axis := r.axes[f.X]; axis {
		return x, strconv.FormatFloat(x, 'g', -1, 64), nil
	}
	names := make([]string, 0, len(r.axes))
	for n := range r.axes {
		if !slices.Contains(f.Average, n) {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	parts := make([]string, len(names))
	for i, n := range names {
		parts[i] = axisText(r.axes[n])
	}
	return x, strings.Join(parts, "\x00"), nil
}
