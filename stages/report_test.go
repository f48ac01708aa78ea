package stages

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pipe-ml/pipe/nn/metric"
	"github.com/pipe-ml/pipe/stages/artifact"
)

type silent struct{}

func (silent) Progress(int, int, map[string]float64) {}
func (silent) Log(string, ...any)                    {}
func (silent) Metric(string, float64)                {}
func (silent) Device(string, string)                 {}

// sweep writes the metrics of a small sweep: 2 methods x 2 fractions x 2 seeds.
func sweep(t *testing.T) InputList {
	t.Helper()
	dir := t.TempDir()
	var list InputList
	for _, method := range []string{"full", "lora"} {
		for _, fraction := range []float64{0.1, 1} {
			for _, seed := range []float64{0, 1} {
				f1 := 0.5 + 0.2*fraction + 0.1*seed
				if method == "lora" {
					f1 += 0.05
				}
				path := filepath.Join(dir, method+axisText(fraction)+axisText(seed)+".json")
				m := artifact.Metrics{"f1": metric.Interval{Value: f1}, "ece": metric.Interval{Value: 1 - f1}, "auroc": metric.Interval{Value: math.NaN()}}
				if err := artifact.WriteMetrics(path, m); err != nil {
					t.Fatal(err)
				}
				list = append(list, Member{Axes: map[string]any{"method": method, "fraction": fraction, "seed": seed}, Path: path})
			}
		}
	}
	return list
}

func read(t *testing.T, path Output) string {
	t.Helper()
	data, err := os.ReadFile(string(path))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestTableAveragesTheSeedsAndMarksTheBestOfAColumn(t *testing.T) {
	dir := t.TempDir()
	out := func(name string) Output { return Output(filepath.Join(dir, name)) }
	tab := &table{
		Runs: sweep(t), Rows: []string{"method"}, Columns: "fraction", Metrics: []string{"f1", "ece"},
		Lower: []string{"ece"}, Digits: 2, CSV: out("t.csv"), Markdown: out("t.md"), LaTeX: out("t.tex"),
	}
	if err := tab.Run(context.Background(), silent{}); err != nil {
		t.Fatal(err)
	}
	want := `| method | f1 @ 0.1 | f1 @ 1 | ece @ 0.1 | ece @ 1 |
| --- | ---: | ---: | ---: | ---: |
| full | 0.57 ± 0.07 | 0.75 ± 0.07 | 0.43 ± 0.07 | 0.25 ± 0.07 |
| lora | **0.62** ± 0.07 | **0.80** ± 0.07 | **0.38** ± 0.07 | **0.20** ± 0.07 |
`
	if got := read(t, tab.Markdown); got != want {
		t.Errorf("markdown:\n%s\nwant:\n%s", got, want)
	}
	if got := read(t, tab.CSV); !strings.HasPrefix(got, "method,f1 @ 0.1,f1 @ 0.1 sd,f1 @ 0.1 n,") || !strings.Contains(got, ",2\n") {
		t.Errorf("csv:\n%s", got)
	}
	if got := read(t, tab.LaTeX); !strings.Contains(got, `\textbf{0.62} $\pm$ 0.07`) || !strings.Contains(got, `\begin{tabular}{lrrrr}`) {
		t.Errorf("latex:\n%s", got)
	}
}

// Of errors, and of what a method trains, less is better unless the user says otherwise.
func TestTablesMarkTheFewestParametersAsBest(t *testing.T) {
	dir := t.TempDir()
	var runs []Member
	for method, n := range map[string]float64{"full": 1000, "lora": 10} {
		m := artifact.Metrics{"ece_adaptive": metric.Interval{Value: n}}
		for _, f := range trainable {
			m[f.name] = metric.Interval{Value: n}
		}
		path := filepath.Join(dir, method+".json")
		if err := artifact.WriteMetrics(path, m); err != nil {
			t.Fatal(err)
		}
		runs = append(runs, Member{Axes: map[string]any{"method": method}, Path: path})
	}
	slices.SortFunc(runs, func(a, b Member) int { return strings.Compare(a.Path, b.Path) })
	typ, _ := Lookup("table")
	stage, err := Decode(typ, []byte(`{"rows":["method"],"metrics":["trainable_parameters","trainable_parameters_with_head","trainable_percent","trainable_percent_with_head","ece_adaptive"]}`),
		map[string]Given{"runs": {Members: runs}}, map[string]string{"csv": filepath.Join(dir, "t.csv"), "md": filepath.Join(dir, "t.md"), "tex": filepath.Join(dir, "t.tex")})
	if err != nil {
		t.Fatal(err)
	}
	if err := stage.Run(t.Context(), silent{}); err != nil {
		t.Fatal(err)
	}
	if got := read(t, Output(filepath.Join(dir, "t.md"))); !strings.Contains(got, "| full | 1000 | 1000 | 1000 | 1000 | 1000 |\n| lora | **10** | **10** | **10** | **10** | **10** |\n") {
		t.Error(got)
	}
}

func TestOnlyTheRunsWithTheValuesOfWhereAreShown(t *testing.T) {
	runs := sweep(t)
	for _, tt := range []struct {
		where map[string]any
		left  int
		err   string
	}{
		{nil, 8, ""},
		{map[string]any{"fraction": 1.0}, 4, ""},
		{map[string]any{"fraction": 1.0, "method": "lora"}, 2, ""},
		{map[string]any{"fraction": "1"}, 0, "where.fraction"},
		{map[string]any{"fracton": 1.0}, 0, "no axis"},
	} {
		err := errors.Join(runs.hasValues(tt.where)...)
		if got := len(runs.where(tt.where)); got != tt.left || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%v: %d runs, %v", tt.where, got, err)
		}
	}
	if err := errors.Join(runs[:5].hasValues(map[string]any{"fraction": 1.0, "method": "lora"})...); err == nil || !strings.Contains(err.Error(), "no run has all") {
		t.Errorf("values that no run has together: %v", err)
	}
	f := figureIn(t.TempDir(), runs, "line", "fraction", "f1")
	f.Series, f.Where = "seed", map[string]any{"seed": 0.0}
	g := figureIn(t.TempDir(), runs, "line", "fraction", "f1")
	g.Series = "seed"
	for _, f := range []*figure{f, g} {
		if err := f.Run(context.Background(), silent{}); err != nil {
			t.Fatal(err)
		}
	}
	if read(t, f.SVG) == read(t, g.SVG) {
		t.Error("a figure shows the runs that where leaves out")
	}
}

func TestATableShowsCountsAsWholeNumbers(t *testing.T) {
	dir := t.TempDir()
	out := func(name string) Output { return Output(filepath.Join(dir, name)) }
	var runs InputList
	for i, method := range []string{"full", "full", "lora"} {
		path := filepath.Join(dir, axisText(float64(i)))
		m := artifact.Metrics{"images": exactly(96), "trained": exactly(11_176_512), "steps": exactly(float64(i)), "f1": exactly(1 / float64(i+1))}
		if err := artifact.WriteMetrics(path, m); err != nil {
			t.Fatal(err)
		}
		runs = append(runs, Member{Axes: map[string]any{"method": method}, Path: path})
	}
	tab := &table{Runs: runs, Rows: []string{"method"}, Metrics: []string{"images", "trained", "steps", "f1"}, Digits: 3,
		CSV: out("t.csv"), Markdown: out("t.md"), LaTeX: out("t.tex")}
	if err := tab.Run(context.Background(), silent{}); err != nil {
		t.Fatal(err)
	}
	if got := read(t, tab.Markdown); !strings.Contains(got, "| full | 96 ± 0 | 11176512 ± 0 | 0.500 ± 0.707 | **0.750** ± 0.354 |") {
		t.Errorf("markdown:\n%s", got)
	}
	if got := read(t, tab.LaTeX); !strings.Contains(got, `full & 96 $\pm$ 0 & 11176512 $\pm$ 0 & 0.500`) {
		t.Errorf("latex:\n%s", got)
	}
	if got := read(t, tab.CSV); !strings.Contains(got, "full,96,0,2,11176512,0,2,0.5,") {
		t.Errorf("csv:\n%s", got)
	}
}

func TestATableMarksAllThatShowTheBest(t *testing.T) {
	for _, tt := range []struct {
		name   string
		scores []float64
		lower  bool
		want   string
	}{
		{"one", []float64{0.1, 0.3, 0.2}, false, "0.10 **0.30** 0.20"},
		{"equals", []float64{0.3, 0.1, 0.3}, false, "**0.30** 0.10 **0.30**"},
		{"equal as shown", []float64{0.301, 0.302, 0.29}, false, "**0.30** **0.30** 0.29"},
		{"lower", []float64{0.3, 0.1, 0.1}, true, "0.30 **0.10** **0.10**"},
		{"undefined", []float64{math.NaN(), 0.1, 0.2}, false, "- 0.10 **0.20**"},
		{"all", []float64{0.3, 0.3, 0.3}, false, "0.30 0.30 0.30"},
		{"alone", []float64{0.3}, false, "0.30"},
	} {
		g := grid{columns: []column{{metric: "f1", lower: tt.lower}}}
		for _, v := range tt.scores {
			g.rows = append(g.rows, []string{"m"})
			cell := sample{v}
			if math.IsNaN(v) {
				cell = nil
			}
			g.cells = append(g.cells, []sample{cell})
		}
		var got []string
		g.lines(2, func(_, cells []string) { got = append(got, cells...) }, func(s string) string { return "**" + s + "**" }, " ± ")
		if s := strings.Join(got, " "); s != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, s, tt.want)
		}
	}
}

func figureIn(dir string, runs InputList, chart, x, y string) *figure {
	out := func(ext string) Output { return Output(filepath.Join(dir, "figure."+ext)) }
	return &figure{Runs: runs, Chart: chart, X: x, Y: y, Series: "method", Width: 12, Height: 8, XScale: "linear", SVG: out("svg"), PDF: out("pdf"), PNG: out("png")}
}

func TestFigureGroupsRunsBySeriesAndX(t *testing.T) {
	tests := []struct {
		chart, x   string
		points     int
		categories int
	}{
		{"line", "fraction", 2, 0},
		{"bar", "fraction", 2, 2},
		{"scatter", "ece", 2, 0},
	}
	runs := sweep(t)
	for _, tt := range tests {
		t.Run(tt.chart, func(t *testing.T) {
			f := figureIn(t.TempDir(), runs, tt.chart, tt.x, "f1")
			if tt.chart == "scatter" {
				f.Average = []string{"seed"}
			}
			parsed, err := readRuns(runs)
			if err != nil {
				t.Fatal(err)
			}
			series, categories, err := f.series(parsed)
			if err != nil {
				t.Fatal(err)
			}
			if len(series) != 2 || series[0].Name != "full" || len(series[0].Points) != tt.points || len(categories) != tt.categories {
				t.Fatalf("series %+v, categories %v", series, categories)
			}
			if got := series[1].Points[0]; math.Abs(got.Spread-math.Sqrt(0.005)) > 1e-12 {
				t.Errorf("spread %v, want the deviation of the two seeds, %v", got.Spread, math.Sqrt(0.005))
			}
			if err := f.Run(context.Background(), silent{}); err != nil {
				t.Fatal(err)
			}
			first := []byte(read(t, f.PDF))
			if err := f.Run(context.Background(), silent{}); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(first, []byte(read(t, f.PDF))) {
				t.Error("two runs of the stage differ")
			}
		})
	}
}

func TestFigureSaysWhatTheRunsLack(t *testing.T) {
	runs := sweep(t)
	tests := []struct {
		figure *figure
		want   string
	}{
		{figureIn(t.TempDir(), runs, "line", "fraction", "f2"), `neither a numeric axis nor a metric "f2" (metrics: auroc, ece, f1)`},
		{figureIn(t.TempDir(), runs, "bar", "dataset", "f1"), `no axis "dataset"`},
		{figureIn(t.TempDir(), runs, "line", "fraction", "auroc"), `"auroc" is undefined in all 8 runs`},
		{figureIn(t.TempDir(), nil, "line", "fraction", "f1"), "no runs"},
	}
	for _, tt := range tests {
		err := tt.figure.Run(context.Background(), silent{})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("error %v, want %q", err, tt.want)
		}
	}
}
