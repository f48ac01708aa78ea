package accel

// Repeated is a sequence of launches that is run again and again, always the same. Where the device offers it, they become a graph: the
// first run launches them one by one, the second captures them. It belongs to the goroutine of its stream.
type Repeated struct {
	Device Device
	Stream Stream

	ran     bool // once, launch by launch
	graph   Graph
	refused error
}

// Run queues the sequence, which is what launch launches, if it is still called.
func (r *Repeated) Run(launch func() error) error {
	if r.graph != nil {
		return r.graph.Launch()
	}
	dev, can := r.Device.(Capturer)
	if can && r.ran && r.refused == nil {
		if r.graph, r.refused = dev.Capture(r.Stream, launch); r.refused == nil {
			return r.graph.Launch()
		}
		r.graph = nil
	}
	if err := launch(); err != nil {
		return err
	}
	r.ran = true
	return nil
}

// Refused is why a device that captures has not captured the sequence; it was launched all the same.
func (r *Repeated) Refused() error { return r.refused }

// Close ends the graph. Run may be called again, and begins anew.
func (r *Repeated) Close() error {
	if r.graph == nil {
		return nil
	}
	g := r.graph
	r.graph, r.ran = nil, false
	return g.Close()
}
