package view

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/pipe-ml/pipe/dag"
)

// live shows the running actions as bars, under the lines of what has happened, and a last bar for the whole.
type live struct {
	h        *Human
	progress *mpb.Progress
	bar      *mpb.Bar // the last one
	started  time.Time
	bars     map[string]*action
	closed   bool

	mu      sync.Mutex // the bars are drawn by another goroutine
	total   total
	waiting map[string]bool // instances that another run does now
}

// action is the bar of one running action.
type action struct {
	bar     *mpb.Bar
	started time.Time
	expect  float64

	mu    sync.Mutex
	doing doing
	first struct { // progress that it told
		at   time.Time
		step int
	}
	latest time.Time
}

// refresh is how often the bars are drawn.
const refresh = 120 * time.Millisecond

func newLive(h *Human, all int) *live {
	l := &live{h: h, bars: map[string]*action{}, started: time.Now(), total: total{all: all}, waiting: map[string]bool{}}
	options := []mpb.ContainerOption{mpb.WithOutput(h.terminal), mpb.WithRefreshRate(refresh), mpb.WithAutoRefresh()}
	if h.style.Width > 0 {
		options = append(options, mpb.WithWidth(h.style.Width))
	}
	l.progress = mpb.New(options...)
	l.bar = l.add(l.line, mpb.BarPriority(1<<30))
	return l
}

// add adds a bar that is drawn by line, for the width that the terminal has then.
func (l *live) add(line func(width int) string, options ...mpb.BarOption) *mpb.Bar {
	draw := mpb.BarFillerFunc(func(w io.Writer, s decor.Statistics) error {
		_, err := io.WriteString(w, line(s.AvailableWidth))
		return err
	})
	return l.progress.MustAdd(1, draw, append(options, mpb.BarFillerTrim(), mpb.BarRemoveOnComplete())...)
}

func (l *live) line(width int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total.elapsed, l.total.waiting = time.Since(l.started).Seconds(), len(l.waiting)
	return l.total.line(width, l.h.style)
}

// event updates the bars, and writes a line above them for what has ended.
func (l *live) event(e dag.Event) {
	l.count(e)
	switch e.Type {
	case dag.EventStart:
		l.start(e)
		return
	case dag.EventPush:
		e.Address = "giving the remote cache what has run"
		if l.bars[e.Address] == nil {
			l.start(e)
		}
		l.bars[e.Address].update(e, time.Now())
		return
	case dag.EventProgress:
		if a := l.bars[e.Address]; a != nil {
			a.update(e, time.Now())
		}
		return
	case dag.EventComplete, dag.EventFailed, dag.EventSkipped:
		if a := l.bars[e.Address]; a != nil {
			a.bar.Abort(true)
			delete(l.bars, e.Address)
		}
	}
	if line := eventLine(l.h.style, e); line != "" {
		_, _ = fmt.Fprintln(l.progress, l.h.mask.text(line))
	}
}

// count keeps the numbers of the last bar.
func (l *live) count(e dag.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case e.Type == dag.EventPlan:
		l.total.all = e.Plan.Total
	case e.Type == dag.EventQueued && e.Reason != "":
		l.waiting[e.Address] = true
	default:
		delete(l.waiting, e.Address)
	}
	switch {
	case e.Retry:
	case e.Type == dag.EventFailed:
		l.total.done++
		l.total.failed++
	case e.Type == dag.EventSkipped:
		l.total.done++
	case e.Type == dag.EventComplete:
		l.total.done++
		if e.Cached {
			l.total.cached++
		}
	}
}

func (l *live) start(e dag.Event) {
	a := &action{started: time.Now(), expect: e.Expect, doing: doing{address: e.Address}}
	a.bar = l.add(func(width int) string { return l.h.mask.text(a.at(time.Now()).line(width)) })
	l.bars[e.Address] = a
}

func (a *action) update(e dag.Event, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.doing.step, a.doing.steps, a.doing.values = e.Step, e.Steps, e.Values
	if a.latest = now; a.first.at.IsZero() {
		a.first.at, a.first.step = now, e.Step
	}
}

// at is what the bar shows at a time. The rate is that of the steps since the first one that was told, since what
// goes before, as loading the data, is none.
func (a *action) at(now time.Time) doing {
	a.mu.Lock()
	defer a.mu.Unlock()
	d := a.doing
	d.elapsed = now.Sub(a.started).Seconds()
	if took := a.latest.Sub(a.first.at).Seconds(); took > 0 {
		d.rate = float64(d.step-a.first.step) / took
	}
	if d.rate > 0 {
		d.left = max(0, float64(d.steps-d.step)/d.rate-now.Sub(a.latest).Seconds())
	} else {
		d.left = max(0, a.expect-d.elapsed)
	}
	return d
}

// close takes all bars away.
func (l *live) close() {
	if l.closed {
		return
	}
	l.closed = true
	for _, a := range l.bars {
		a.bar.Abort(true)
	}
	l.bar.Abort(true)
	l.progress.Wait()
}
