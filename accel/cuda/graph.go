//go:build nvidia

package cuda

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"gorgonia.org/cu"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/cuda/drv"
)

var errRecording = errors.New("a copy, an event or a synchronisation while launches are captured")

// recording is what a stream is handed while it is captured. It is gathered first and then captured in one request of the worker, so that
// the driver sees no call of anybody else's in between.
type recording struct {
	calls    []func() error
	launches []queuedLaunch // each call's
	scratch  []*buffer
}

func (r *recording) add(q queuedLaunch, f func() error) {
	r.calls, r.launches = append(r.calls, f), append(r.launches, q)
}

// hold keeps scratch for the graph.
func (r *recording) hold(b *buffer) {
	if !slices.Contains(r.scratch, b) {
		b.held++
		r.scratch = append(r.scratch, b)
	}
}

// graph is a recording that the driver has made ready to run.
type graph struct {
	recording
	stream *stream
	exec   cu.ExecGraph
	closed bool
}

var _ accel.Capturer = (*Device)(nil)

// Capture records what launch launches on s. It refuses while CUDA_LAUNCH_BLOCKING is set, which asks for one launch after the other.
func (d *Device) Capture(s accel.Stream, launch func() error) (accel.Graph, error) {
	c, err := d.stream(s)
	if err == nil {
		err = c.usable()
	}
	if err == nil && os.Getenv("CUDA_LAUNCH_BLOCKING") == "1" {
		err = errors.New("CUDA_LAUNCH_BLOCKING is set")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: capture: %w", d.Name(), err)
	}
	g := &graph{stream: c}
	c.recording = &g.recording
	err = launch()
	c.recording = nil
	if err == nil {
		err = d.call(g.capture)
	}
	if err != nil {
		g.release()
		return nil, fmt.Errorf("%s: capture: %w", d.Name(), d.explain(err))
	}
	g.calls = nil
	return g, nil
}

// capture makes the graph, on the worker.
func (g *graph) capture() error {
	if err := g.stream.err; err != nil {
		return err // which the next Sync tells
	}
	if err := drv.BeginCapture(g.stream.queue); err != nil {
		return err
	}
	var err error
	for _, f := range g.calls {
		if err = f(); err != nil {
			break
		}
	}
	captured, end := drv.EndCapture(g.stream.queue) // always, or the stream stays captured
	if err != nil {
		return err
	}
	if end != nil {
		return end
	}
	if g.exec, err = drv.Instantiate(captured); err != nil {
		return err
	}
	return captured.Destroy()
}

// Launch queues the graph on its stream.
func (g *graph) Launch() error {
	if g.closed {
		return errors.New("the graph is closed")
	}
	if err := g.stream.usable(); err != nil {
		return err
	}
	for _, q := range g.launches[max(0, len(g.launches)-mostSuspects):] {
		g.stream.dev.remember(q)
	}
	g.stream.post(queuedLaunch{name: "graph"}, func() error { return drv.LaunchGraph(g.exec, g.stream.queue) })
	return nil
}

// Close ends the graph. After the device's end or failure there is nothing left to end.
func (g *graph) Close() error {
	if g.closed {
		return nil
	}
	g.closed = true
	g.release()
	d := g.stream.dev
	if d.usable() != nil {
		return nil
	}
	if err := d.call(g.exec.Destroy); err != nil {
		return fmt.Errorf("%s: graph: %w", d.Name(), d.explain(err))
	}
	return nil
}

// release gives back the scratch that nobody else uses.
func (g *graph) release() {
	for _, b := range g.scratch {
		b.held--
		g.stream.scratch.giveBack(g.stream.dev, b)
	}
	g.scratch = nil
}
