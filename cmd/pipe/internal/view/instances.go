package view

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pipe-ml/pipe/dag"
)

// Instances writes a line an instance, with all that is known of it.
func (j *JSON) Instances(all []Instance) {
	for _, i := range all {
		j.write(struct {
			Type     string         `json:"type"`
			Address  string         `json:"address"`
			Axes     []dag.Axis     `json:"axes,omitempty"`
			Config   map[string]any `json:"config"`
			Result   *dag.Result    `json:"result"`
			Manifest *dag.Manifest  `json:"manifest,omitempty"`
			Waiting  string         `json:"waiting,omitempty"`
		}{"instance", i.Node.Address, i.Node.Axes, i.Node.Config, i.Result, i.Manifest, i.Waiting})
	}
}

// Instances shows one instance in full, and of several a table of their metrics.
func (h *Human) Instances(all []Instance) {
	if len(all) == 1 {
		h.instance(all[0])
		return
	}
	axes, metrics := []string{}, map[string]bool{}
	for _, a := range all[0].Node.Axes {
		axes = append(axes, a.Name)
	}
	missing := 0
	for _, i := range all {
		if i.Result == nil {
			missing++
			continue
		}
		for name := range i.Result.Metrics {
			metrics[name] = true
		}
	}
	names := sortedNames(metrics)
	rows := [][]string{append(slices.Clone(axes), names...)}
	for _, i := range all {
		var row []string
		for _, a := range i.Node.Axes {
			row = append(row, fmt.Sprint(a.Value))
		}
		for _, name := range names {
			cell := ""
			if i.Result != nil {
				if v, ok := i.Result.Metrics[name]; ok {
					cell = number(v)
				}
			}
			row = append(row, cell)
		}
		rows = append(rows, row)
	}
	h.printf("%s\n\n", h.style.paint(bold, all[0].Node.Stage))
	h.columns(rows, len(axes))
	switch {
	case missing == len(all):
		h.printf("\nNone of the %d has a result yet.\n", len(all))
	case missing > 0:
		h.printf("\n%d of the %d have no result yet.\n", missing, len(all))
	case len(names) == 0:
		h.printf("\nThey have results, and no metrics.\n")
	}
	for _, i := range all {
		if i.Waiting != "" {
			h.printf("%s has none%s.\n", i.Node.Address, because(i.Waiting))
		}
	}
}

// because adds why there is no result, where that is known.
func because(waiting string) string {
	if waiting == "" {
		return ""
	}
	return ": " + strings.TrimSuffix(waiting, ".")
}

// columns writes rows under a header: the first columns to the left, numbers to the right.
func (h *Human) columns(rows [][]string, left int) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	for n, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			if i < left {
				fmt.Fprintf(&b, "%-*s   ", widths[i], cell)
			} else {
				fmt.Fprintf(&b, "%*s   ", widths[i], cell)
			}
		}
		line := strings.TrimRight(b.String(), " ")
		if n == 0 {
			line = h.style.paint(faint, line)
		}
		h.printf("%s\n", line)
	}
}
