package view

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"
)

// A bar is one line of at most width columns less one, so that no terminal wraps it. On a narrow terminal it
// shows less: the drawing goes first, then the lesser values, then the rate; step and time left stay.

// doing is what the bar of a running action shows.
type doing struct {
	address     string
	step, steps int // of how many; 0 if it tells none
	values      map[string]float64
	rate        float64 // steps a second; 0 if it is not known
	elapsed     float64 // seconds
	left        float64 // seconds; 0 if it is not known
}

func (d doing) line(width int) string {
	name, bar := width*7/20, barWidth(width)
	text := pad(shortAddress(d.address, name), name) + " "
	if bar > 0 {
		share := 0.0
		switch {
		case d.steps > 0:
			share = float64(d.step) / float64(d.steps)
		case d.left > 0:
			share = d.elapsed / (d.elapsed + d.left)
		}
		text += drawBar(share, bar) + " "
	}
	return text + d.state(width-1-length(text))
}

// state is what stands behind a bar: step, loss and other values, rate and time left, as many as fit.
func (d doing) state(width int) string {
	var first, middle, last []string
	if d.steps > 0 {
		first = append(first, fmt.Sprintf("%d/%d", d.step, d.steps))
	}
	if d.left >= 1 {
		last = append(last, seconds(d.left)+" left")
	} else {
		last = append(last, seconds(d.elapsed))
	}
	if d.rate > 0 {
		last = append([]string{rate(d.rate)}, last...)
	}
	for _, name := range lossFirst(d.values) {
		middle = append(middle, name+" "+number(d.values[name]))
	}
	space := "  "
	if width < 45 {
		space = " "
	}
	join := func() string { return strings.Join(slices.Concat(first, middle, last), space) }
	text := join()
	for length(text) > width {
		switch {
		case len(middle) > 1:
			middle = middle[:len(middle)-1]
		case len(last) > 1:
			last = last[1:]
		case len(middle) > 0:
			middle = nil
		default:
			return clip(text, width)
		}
		text = join()
	}
	return text
}

// total is the last bar, of the whole run.
type total struct {
	all, done, cached, failed, waiting int
	elapsed                            float64 // seconds
}

func (t total) line(width int, s Style) string {
	parts := []string{fmt.Sprintf("%d of %d done", t.done, t.all)}
	failed := fmt.Sprintf("%d failed", t.failed)
	if t.failed > 0 {
		parts = append(parts, failed)
	}
	if t.cached > 0 {
		parts = append(parts, fmt.Sprintf("%d cached", t.cached))
	}
	if t.waiting > 0 {
		parts = append(parts, fmt.Sprintf("%d in another run", t.waiting))
	}
	text, took := strings.Join(parts, ", "), " "+seconds(t.elapsed)
	bar := ""
	if w := barWidth(width); w > 0 && length(text)+1+w+length(took) < width {
		bar = " " + drawBar(float64(t.done)/float64(max(t.all, 1)), w)
	}
	text = clip(text, width-1-length(bar+took))
	return strings.Replace(text, failed, s.paint(red, failed), 1) + bar + took
}

// barWidth is how many columns the drawing takes.
func barWidth(width int) int {
	switch {
	case width >= 100:
		return 22
	case width >= 60:
		return 10
	}
	return 0
}

func drawBar(share float64, width int) string {
	inner := width - 2
	n := min(inner, max(0, int(share*float64(inner))))
	return "[" + strings.Repeat("=", n) + strings.Repeat("-", inner-n) + "]"
}

// shortAddress shortens an address: the name of its stage before the values of its axes, which tell it from the
// others, and those in their middle.
func shortAddress(address string, width int) string {
	if length(address) <= width {
		return address
	}
	i := strings.IndexByte(address, '[')
	const leastStage = 2
	if i < 0 || length(address[i:])+leastStage > width {
		return fit(address, width)
	}
	return clip(address[:i], width-length(address[i:])) + address[i:]
}

// fit cuts a text in its middle.
func fit(s string, width int) string {
	r := []rune(s)
	if len(r) <= width {
		return s
	}
	if width < 1 {
		return ""
	}
	half := (width - 1) / 2
	return string(r[:half]) + "…" + string(r[len(r)-(width-1-half):])
}

func length(s string) int { return utf8.RuneCountInString(s) }

func pad(s string, width int) string { return s + strings.Repeat(" ", max(0, width-length(s))) }

// lossFirst are the names of values: the losses, then the others.
func lossFirst(values map[string]float64) []string {
	names := sortedNames(values)
	sort.SliceStable(names, func(i, j int) bool { return isLoss(names[i]) && !isLoss(names[j]) })
	return names
}

func isLoss(name string) bool { return name == "loss" || name == "val" }

// rate writes steps a second, or seconds a step.
func rate(r float64) string {
	switch {
	case r >= 10:
		return fmt.Sprintf("%.0f/s", r)
	case r >= 1:
		return fmt.Sprintf("%.1f/s", r)
	}
	return seconds(1/r) + "/step"
}
