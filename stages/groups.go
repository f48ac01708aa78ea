package stages

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pipe-ml/pipe/nn/metric"
	"github.com/pipe-ml/pipe/stages/artifact"
)

// What the figures of groups are called, behind the metric's name.
const (
	worstGroup = "_worst_group"
	groupGap   = "_gap"
)

// groups parts the images at rows by the value of the column.
func (e *evaluate) groups(data *artifact.Images, rows []int) (metric.Groups, error) {
	values, columns := map[string]bool{}, map[string]bool{}
	for _, i := range rows {
		for column, value := range data.Records[i].Attributes {
			columns[column] = true
			if column == e.Groups {
				values[value] = true
			}
		}
	}
	g := metric.Groups{Names: sortedKeys(values)}
	if len(g.Names) < 2 {
		return g, fmt.Errorf("groups: the images of the %s split have %d values of %q, and a comparison takes two; they have the columns: %s; "+
			"dataset keeps those that its attributes name", e.Split, len(g.Names), e.Groups, strings.Join(sortedKeys(columns), ", "))
	}
	for _, i := range rows {
		g.Of = append(g.Of, slices.Index(g.Names, data.Records[i].Attributes[e.Groups]))
	}
	return g, nil
}

// scoreGroups compares a figure between groups.
func (e *evaluate) scoreGroups(r Reporter, g metric.Groups, name string, stat func(rows []int) float64, result artifact.Metrics) {
	all := make([]int, len(g.Of))
	for i := range all {
		all[i] = i
	}
	for k, v := range g.Each(all, stat) {
		r.Log("%s of %s %s: %.4g (%d images)", name, e.Groups, g.Names[k], v, count(g.Of, k))
	}
	overGroups := func(figure func(low, high float64) float64) metric.Interval {
		return metric.Bootstrap(len(g.Of), e.Bootstrap, e.Seed, func(rows []int) float64 { return figure(metric.Range(g.Each(rows, stat))) })
	}
	result[name+groupGap] = overGroups(func(low, high float64) float64 { return high - low })
	result[name+worstGroup] = overGroups(func(low, high float64) float64 {
		if strings.HasPrefix(name, "ece") { // an error
			return high
		}
		return low
	})
}

func count(list []int, v int) (n int) {
	for _, x := range list {
		if x == v {
			n++
		}
	}
	return n
}
