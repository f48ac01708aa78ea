//go:build nvidia

package cuda

import (
	"fmt"
	"strings"

	"github.com/pipe-ml/pipe/accel"
)

// queuedLaunch names a launch.
type queuedLaunch struct {
	stream  *stream
	name    string
	out, in []accel.Tensor
}

func (l *launch) queued() queuedLaunch {
	return queuedLaunch{stream: l.stream, name: l.entry.name, out: l.out, in: l.in}
}

func (q queuedLaunch) String() string { return strings.TrimSpace(q.name + " " + shapes(q.out, q.in)) }

// mostShapes is the number of outputs, and of inputs, whose shapes are told.
const mostShapes = 8

// shapes prints the shapes of a launch: "[2 3] <- [2 4] [3 4]"; nothing if there are none.
func shapes(out, in []accel.Tensor) string {
	if len(out)+len(in) == 0 {
		return ""
	}
	s := ""
	for _, t := range out[:min(len(out), mostShapes)] {
		s += fmt.Sprint(t.Shape) + " "
	}
	s += "<-"
	for _, t := range in[:min(len(in), mostShapes)] {
		s += " " + fmt.Sprint(t.Shape)
	}
	if more := max(0, len(out)-mostShapes) + max(0, len(in)-mostShapes); more > 0 {
		s += fmt.Sprintf(" and %d more", more)
	}
	return s
}

// mostSuspects is the number of launches that are remembered for the report of a fault.
const mostSuspects = 16

// remember notes a launch until its stream has settled.
func (d *Device) remember(q queuedLaunch) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.since) == mostSuspects {
		copy(d.since, d.since[1:])
		d.since = d.since[:mostSuspects-1]
	}
	d.since = append(d.since, q)
}

// forget drops what has run.
func (d *Device) forget(s *stream) {
	d.mu.Lock()
	defer d.mu.Unlock()
	kept := d.since[:0]
	for _, q := range d.since {
		if q.stream != s {
			kept = append(kept, q)
		}
	}
	d.since = kept
}

// suspects are the launches that nobody has waited for.
func (d *Device) suspects() []queuedLaunch {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]queuedLaunch(nil), d.since...)
}
