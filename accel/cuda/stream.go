//go:build nvidia

package cuda

import (
	"errors"
	"fmt"
	"runtime"

	"gorgonia.org/cu"

	"github.com/pipe-ml/pipe/accel"
)

// stream is a CUDA stream. The goroutine that uses it owns the fields, but for those of the worker.
type stream struct {
	dev     *Device
	queue   cu.Stream
	reached cu.Event // what settle waits for
	staging staging
	scratch scratch
	bad     badData
	blas    blas

	recording *recording // what is posted at present goes there instead

	err error // of the worker: the first failure of what was posted and not yet told
}

// NewStream returns a stream that is ordered with the null stream.
func (d *Device) NewStream() (accel.Stream, error) {
	if err := d.usable(); err != nil {
		return nil, err
	}
	s := &stream{dev: d}
	err := d.call(func() (err error) {
		if s.queue, err = cu.MakeStream(cu.DefaultStream); err != nil {
			return err
		}
		if s.reached, err = d.event(); err != nil {
			return err
		}
		return s.bad.open()
	})
	if err != nil {
		return nil, fmt.Errorf("%s: new stream: %w", d.Name(), d.explain(err))
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.streams = append(d.streams, s)
	return s, nil
}

// post queues f, a call of the driver that uses the stream; q names it in an error.
func (s *stream) post(q queuedLaunch, f func() error) {
	if s.recording != nil {
		s.recording.add(q, f)
		return
	}
	s.dev.post(func() {
		if s.err != nil || s.dev.fault.Load() != nil {
			return
		}
		if err := f(); err != nil {
			s.err = &LaunchError{Device: s.dev.Name(), Kernel: q.name, Shapes: shapes(q.out, q.in), Err: s.dev.explain(err, q)}
		}
	})
}

// settle queues f, which may be nil, waits until the stream has come that far, and returns the first error on the way.
func (s *stream) settle(f func() error) error {
	d := s.dev
	err := d.call(func() error {
		if err := s.err; err != nil {
			s.err = nil
			return err
		}
		if f != nil {
			if err := f(); err != nil {
				return err
			}
		}
		if err := s.bad.fetch(s.queue); err != nil {
			return err
		}
		return s.reached.Record(s.queue)
	})
	if err == nil {
		err = d.wait(s.reached)
	}
	if err != nil {
		return d.explain(err, d.suspects()...)
	}
	d.forget(s)
	return s.bad.found(d)
}

// usable refuses what a capture cannot hold, and a device that is not usable.
func (s *stream) usable() error {
	if s.recording != nil {
		return errRecording
	}
	return s.dev.usable()
}

// Sync waits for all work queued so far and returns its first error.
func (s *stream) Sync() error {
	if err := s.usable(); err != nil {
		return err
	}
	return s.settle(nil)
}

// event is a point in a stream. Its driver's event is used again once nobody refers to it.
type event struct {
	dev *Device
	ev  cu.Event
}

// Record marks the point reached by the work queued so far.
func (s *stream) Record() (accel.Event, error) {
	if err := s.usable(); err != nil {
		return nil, err
	}
	e := &event{dev: s.dev}
	err := s.dev.call(func() (err error) {
		if e.ev, err = s.dev.event(); err != nil {
			return err
		}
		return e.ev.Record(s.queue)
	})
	if err != nil {
		return nil, s.dev.explain(err)
	}
	runtime.AddCleanup(e, s.dev.recycle, e.ev)
	return e, nil
}

// Wait holds back work queued later until e has been reached.
func (s *stream) Wait(e accel.Event) error {
	v, ok := e.(*event)
	if !ok || v.dev != s.dev {
		return errors.New("the event belongs to another device")
	}
	if err := s.usable(); err != nil {
		return err
	}
	s.post(queuedLaunch{name: "wait"}, func() error {
		defer runtime.KeepAlive(v)
		return s.queue.Wait(v.ev, 0)
	})
	return nil
}

// event lends an event; recycle ends the loan.
func (d *Device) event() (cu.Event, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if last := len(d.spent) - 1; last >= 0 {
		e := d.spent[last]
		d.spent = d.spent[:last]
		return e, nil
	}
	return cu.MakeEvent(cu.DisableTiming | cu.BlockingSyncEvent)
}

func (d *Device) recycle(e cu.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.spent = append(d.spent, e)
}

// Sync waits for the point.
func (e *event) Sync() error {
	if err := e.dev.usable(); err != nil {
		return err
	}
	defer runtime.KeepAlive(e)
	return e.dev.explain(e.dev.wait(e.ev), e.dev.suspects()...)
}

// stream is s as one of this device's.
func (d *Device) stream(s accel.Stream) (*stream, error) {
	c, ok := s.(*stream)
	if !ok || c.dev != d {
		return nil, errors.New("the stream belongs to another device")
	}
	return c, d.usable()
}

// close frees what the stream holds, on the worker.
func (s *stream) close() {
	s.blas.close()
	s.staging.close()
	s.bad.close()
	s.scratch.close()
	_ = s.queue.Destroy() // the context goes next, and takes with it what is left
}
