package view

import (
	"fmt"
	"strings"
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
	total    *mpb.Bar
	bars     map[string]*action
	closed   bool
	counts   struct {
		sync.Mutex
		all, done, cached, failed int
	}
}

// action is the bar of one running action.
type action struct {
	bar     *mpb.Bar
	started time.Time

	mu          sync.Mutex // the bar is drawn by another goroutine
	step, steps int
	values      map[string]float64
	expect      float64
}

// refresh is how often the bars are drawn.
const refresh = 120 * time.Millisecond

func newLive(h *Human, all int) *live {
	l := &live{h: h, bars: map[string]*action{}}
	l.counts.all = all
	options := []mpb.ContainerOption{mpb.WithOutput(h.terminal), mpb.WithRefreshRate(refresh), mpb.WithAutoRefresh()}
	if h.style.Width > 0 {
		options = append(options, mpb.WithWidth(h.style.Width))
	}
	l.progress = mpb.New(options...)
	l.total = l.progress.AddBar(int64(all),
		mpb.BarPriority(1<<30), mpb.BarRemoveOnComplete(), mpb.BarWidth(24),
		mpb.PrependDecorators(decor.Any(func(decor.Statistics) string { return l.status() })),
		mpb.AppendDecorators(decor.Elapsed(decor.ET_STYLE_GO)))
	return l
}

func (l *live) status() string {
	l.counts.Lock()
	defer l.counts.Unlock()
	c := &l.counts
	text := fmt.Sprintf("%d of %d done, %d cached", c.done, c.all, c.cached)
	if c.failed > 0 {
		text += fmt.Sprintf(", %s", l.h.style.paint(red, fmt.Sprintf("%d failed", c.failed)))
	}
	return text + " "
}

// event updates the bars, and writes a line above them for what has ended.
func (l *live) event(e dag.Event) {
	switch e.Type {
	case dag.EventPlan:
		l.counts.Lock()
		l.counts.all = e.Plan.Total
		l.counts.Unlock()
		l.total.SetTotal(int64(e.Plan.Total), false)
		return
	case dag.EventStart:
		l.start(e)
		return
	case dag.EventProgress:
		if a := l.bars[e.Address]; a != nil {
			a.update(e)
		}
		return
	case dag.EventComplete, dag.EventFailed, dag.EventSkipped:
		l.end(e)
	}
	if line := eventLine(l.h.style, e); line != "" {
		_, _ = fmt.Fprintln(l.progress, l.h.mask.text(line))
	}
}

func (l *live) start(e dag.Event) {
	a := &action{started: time.Now(), expect: e.Expect}
	a.bar = l.progress.AddBar(0,
		mpb.BarRemoveOnComplete(), mpb.BarWidth(24),
		mpb.PrependDecorators(decor.Name(fit(e.Address, 48), decor.WC{W: 48, C: decor.DindentRight})),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return a.text() })))
	l.bars[e.Address] = a
}

func (a *action) update(e dag.Event) {
	a.mu.Lock()
	a.step, a.steps, a.values = e.Step, e.Steps, e.Values
	a.mu.Unlock()
	// The last step does not end the bar: the action ends when it says so.
	a.bar.SetTotal(int64(e.Steps)+1, false)
	a.bar.SetCurrent(int64(e.Step))
}

// text is what stands behind a bar: step, loss, rate and the time left.
func (a *action) text() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	elapsed := time.Since(a.started).Seconds()
	var parts []string
	left := a.expect - elapsed
	if a.steps > 0 {
		parts = append(parts, fmt.Sprintf("%d/%d", a.step, a.steps))
		if a.step > 0 {
			left = elapsed / float64(a.step) * float64(a.steps-a.step)
		}
	}
	for _, name := range sortedNames(a.values) {
		parts = append(parts, name+" "+number(a.values[name]))
		if len(parts) > mostMetrics {
			break
		}
	}
	if left >= 1 {
		parts = append(parts, seconds(left)+" left")
	} else {
		parts = append(parts, seconds(elapsed))
	}
	return " " + strings.Join(parts, "  ")
}

// end takes the bar of an action away and counts it.
func (l *live) end(e dag.Event) {
	if a := l.bars[e.Address]; a != nil {
		a.bar.Abort(true)
		delete(l.bars, e.Address)
	}
	if e.Retry {
		return
	}
	l.counts.Lock()
	defer l.counts.Unlock()
	l.counts.done++
	switch {
	case e.Type == dag.EventFailed:
		l.counts.failed++
	case e.Cached:
		l.counts.cached++
	}
	l.total.SetCurrent(int64(min(l.counts.done, l.counts.all-1)))
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
	l.total.Abort(true)
	l.progress.Wait()
}

// fit cuts a text in its middle.
func fit(s string, width int) string {
	r := []rune(s)
	if len(r) <= width {
		return s
	}
	half := (width - 1) / 2
	return string(r[:half]) + "…" + string(r[len(r)-(width-1-half):])
}
