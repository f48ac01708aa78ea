package stages

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
)

func init() {
	Register(Type{
		Name:    "table",
		Version: 4,
		Doc: `Lays the metrics of many runs out as a table, in CSV, Markdown and LaTeX.

Runs that agree on the rows' axes, and on columns if set, are one cell: mean ± standard deviation. The best
cell of each column is bold, and so are those that show the same.`,
		CPUs:   1,
		Memory: 256 << 20,
		New:    func() Stage { return new(table) },
	})
}

type table struct {
	Runs    InputList      `pipe:"runs" kind:"metrics" doc:"The runs to tabulate: all.evaluate.NAME.metrics."`
	Where   map[string]any `pipe:"where,optional" doc:"Values of axes, such as { fraction = 1 }: only the runs that have them."`
	Rows    []string       `pipe:"rows" doc:"Axes of the runs that make the rows."`
	Columns string         `pipe:"columns,optional" doc:"An axis that spreads each metric over several columns."`
	Metrics []string       `pipe:"metrics" doc:"The metrics to show, in this order."`
	Lower   []string       `pipe:"lower,optional" default:"[\"ece\", \"ece_adaptive\", \"ece_classwise\", \"fid\", \"kid\", \"loss\", \"trainable_parameters\", \"trainable_parameters_with_head\", \"trainable_percent\", \"trainable_percent_with_head\"]" doc:"Metrics of which less is better."`
	Digits  int            `pipe:"digits" default:"3" min:"0" max:"9" doc:"Decimal places; a column of whole numbers, such as counts, has none."`
	Caption string         `pipe:"caption,optional" doc:"Above the Markdown and LaTeX table."`

	CSV      Output `pipe:"csv" kind:"table" path:"table.csv" doc:"One line a row; mean, deviation and number of runs in columns of their own."`
	Markdown Output `pipe:"md" kind:"table" path:"table.md" doc:"For a README."`
	LaTeX    Output `pipe:"tex" kind:"table" path:"table.tex" doc:"A booktabs tabular."`
}

// Validate implements Validator.
func (t *table) Validate() error {
	errs := t.Runs.hasValues(t.Where)
	for i, axis := range t.Rows {
		errs = append(errs, t.Runs.hasAxis(fmt.Sprintf("rows[%d]", i), axis))
	}
	if t.Columns != "" {
		errs = append(errs, t.Runs.hasAxis("columns", t.Columns))
	}
	if len(t.Metrics) == 0 {
		errs = append(errs, wrong("metrics", "names no metric: give at least one"))
	}
	for i, m := range t.Metrics {
		errs = append(errs, t.Runs.hasNumber(fmt.Sprintf("metrics[%d]", i), m))
	}
	return errors.Join(errs...)
}

// Run writes the table.
func (t *table) Run(_ context.Context, r Reporter) error {
	runs, err := readRuns(t.Runs.where(t.Where))
	if err != nil {
		return err
	}
	g, err := t.grid(runs)
	if err != nil {
		return err
	}
	lines, err := g.csv()
	if err != nil {
		return err
	}
	for _, out := range []struct {
		path Output
		text string
	}{{t.CSV, lines}, {t.Markdown, g.markdown(t)}, {t.LaTeX, g.latex(t)}} {
		if err := os.WriteFile(string(out.path), []byte(out.text), 0o644); err != nil {
			return err
		}
	}
	r.Log("%d runs in %d rows", len(runs), len(g.rows))
	return nil
}

// grid is the table before it is formatted.
type grid struct {
	head    []string   // names of the row axes
	rows    [][]string // values of the row axes
	columns []column
	cells   [][]sample // [row][column]
}

type column struct {
	metric, value string // value of the column axis, "" without one
	lower         bool
}

func (c column) title() string {
	if c.value == "" {
		return c.metric
	}
	return c.metric + " @ " + c.value
}

func (t *table) grid(runs []run) (grid, error) {
	g := grid{head: t.Rows}
	var spread ordered[int]
	var rows ordered[int]
	type place struct{ row, column string }
	cells := map[place]map[string]sample{}
	for _, r := range runs {
		at := place{}
		var values []string
		for _, axis := range t.Rows {
			v, err := r.text(axis)
			if err != nil {
				return g, err
			}
			values = append(values, v)
		}
		at.row = strings.Join(values, "\x00")
		rows.at(at.row, func() int { g.rows = append(g.rows, values); return 0 })
		if t.Columns != "" {
			v, err := r.text(t.Columns)
			if err != nil {
				return g, err
			}
			at.column = v
		}
		spread.at(at.column, func() int { return 0 })
		if cells[at] == nil {
			cells[at] = map[string]sample{}
		}
		for _, m := range t.Metrics {
			v, err := r.number(m)
			if err != nil {
				return g, err
			}
			if !math.IsNaN(v) {
				cells[at][m] = append(cells[at][m], v)
			}
		}
	}
	for _, m := range t.Metrics {
		for _, v := range spread.keys {
			g.columns = append(g.columns, column{m, v, slices.Contains(t.Lower, m)})
		}
	}
	for _, row := range rows.keys {
		line := make([]sample, len(g.columns))
		for i, c := range g.columns {
			line[i] = cells[place{row, c.value}][c.metric]
		}
		g.cells = append(g.cells, line)
	}
	return g, nil
}

// best tells of a column whether each row's mean is the best as it is shown, with so many decimal places: equals are
// all best, unless all rows are.
func (g grid) best(c, places int) []bool {
	best := math.NaN()
	for _, cells := range g.cells {
		s := cells[c]
		if len(s) == 0 {
			continue
		}
		if m := s.mean(); math.IsNaN(best) || m != best && (m < best) == g.columns[c].lower {
			best = m
		}
	}
	is, others := make([]bool, len(g.rows)), false
	for r, cells := range g.cells {
		if s := cells[c]; len(s) > 0 {
			is[r] = shown(s.mean(), places) == shown(best, places)
			others = others || !is[r]
		}
	}
	if !others {
		return make([]bool, len(g.rows))
	}
	return is
}

func shown(v float64, places int) string { return strconv.FormatFloat(v, 'f', places, 64) }

func (g grid) csv() (string, error) {
	var b strings.Builder
	w := csv.NewWriter(&b)
	line := slices.Clone(g.head)
	for _, c := range g.columns {
		line = append(line, c.title(), c.title()+" sd", c.title()+" n")
	}
	lines := [][]string{line}
	for r, row := range g.rows {
		line = slices.Clone(row)
		for _, s := range g.cells[r] {
			if len(s) == 0 {
				line = append(line, "", "", "0")
				continue
			}
			line = append(line, axisText(s.mean()), axisText(s.deviation()), strconv.Itoa(len(s)))
		}
		lines = append(lines, line)
	}
	err := w.WriteAll(lines)
	return b.String(), err
}

func (g grid) markdown(t *table) string {
	var b strings.Builder
	if t.Caption != "" {
		b.WriteString(t.Caption + "\n\n")
	}
	titles, rule := slices.Clone(g.head), make([]string, 0, len(g.head)+len(g.columns))
	for range g.head {
		rule = append(rule, "---")
	}
	for _, c := range g.columns {
		titles, rule = append(titles, c.title()), append(rule, "---:")
	}
	b.WriteString("| " + strings.Join(titles, " | ") + " |\n| " + strings.Join(rule, " | ") + " |\n")
	g.lines(t.Digits, func(row, cells []string) {
		b.WriteString("| " + strings.Join(append(row, cells...), " | ") + " |\n")
	}, func(s string) string { return "**" + s + "**" }, " ± ")
	return b.String()
}

func (g grid) latex(t *table) string {
	var b strings.Builder
	escape := strings.NewReplacer(`\`, `\textbackslash{}`, `_`, `\_`, `%`, `\%`, `&`, `\&`, `#`, `\#`, `$`, `\$`, `{`, `\{`, `}`, `\}`)
	if t.Caption != "" {
		b.WriteString("% " + t.Caption + "\n")
	}
	b.WriteString(`\begin{tabular}{` + strings.Repeat("l", len(g.head)) + strings.Repeat("r", len(g.columns)) + "}\n\\toprule\n")
	titles := slices.Clone(g.head)
	for _, c := range g.columns {
		titles = append(titles, c.title())
	}
	for i, s := range titles {
		titles[i] = escape.Replace(s)
	}
	b.WriteString(strings.Join(titles, " & ") + ` \\` + "\n\\midrule\n")
	g.lines(t.Digits, func(row, cells []string) {
		for i, s := range row {
			row[i] = escape.Replace(s)
		}
		b.WriteString(strings.Join(append(row, cells...), " & ") + ` \\` + "\n")
	}, func(s string) string { return `\textbf{` + s + `}` }, ` $\pm$ `)
	b.WriteString("\\bottomrule\n\\end{tabular}\n")
	return b.String()
}

// counts tells whether a column shows nothing but whole numbers.
func (g grid) counts(c int) bool {
	for _, cells := range g.cells {
		if s := cells[c]; len(s) > 0 && (!whole(s.mean()) || !whole(s.deviation())) {
			return false
		}
	}
	return true
}

// lines formats every row; the deviation is shown where there are several runs.
func (g grid) lines(digits int, emit func(row, cells []string), bold func(string) string, plusMinus string) {
	best, places := make([][]bool, len(g.columns)), make([]int, len(g.columns))
	for c := range g.columns {
		if !g.counts(c) {
			places[c] = digits
		}
		best[c] = g.best(c, places[c])
	}
	for r, row := range g.rows {
		cells := make([]string, len(g.columns))
		for c, s := range g.cells[r] {
			if len(s) == 0 {
				cells[c] = "-"
				continue
			}
			cells[c] = shown(s.mean(), places[c])
			if best[c][r] {
				cells[c] = bold(cells[c])
			}
			if len(s) > 1 {
				cells[c] += plusMinus + shown(s.deviation(), places[c])
			}
		}
		emit(slices.Clone(row), cells)
	}
}
