//go:build nvidia

package cuda

import (
	"errors"
	"time"

	"gorgonia.org/cu"

	"github.com/pipe-ml/pipe/accel"
)

// Time is how long the card takes for what queue puts on s, by events before and behind it. It waits until that has run.
func (d *Device) Time(s accel.Stream, queue func() error) (time.Duration, error) {
	c, err := d.stream(s)
	if err != nil {
		return 0, err
	}
	var ends [2]cu.Event
	for i := range ends {
		err := d.call(func() (err error) {
			ends[i], err = cu.MakeEvent(cu.DefaultEvent)
			return err
		})
		if err != nil {
			return 0, d.explain(err)
		}
		defer func() { _ = d.call(func() error { return cu.DestroyEvent(&ends[i]) }) }()
	}
	mark := func(e cu.Event) {
		c.post(queuedLaunch{name: "time"}, func() error { return e.Record(c.queue) })
	}
	mark(ends[0])
	err = queue()
	mark(ends[1])
	if err := errors.Join(err, c.settle(nil)); err != nil {
		return 0, err
	}
	var milliseconds float64
	err = d.call(func() (err error) {
		milliseconds, err = ends[0].Elapsed(ends[1])
		return err
	})
	return time.Duration(milliseconds * float64(time.Millisecond)), d.explain(err)
}

// ByCUBLAS tells whether products on s are cuBLAS's, and with own makes them our kernels' from here on. It is for comparing the two.
func (d *Device) ByCUBLAS(s accel.Stream, own bool) (bool, error) {
	c, err := d.stream(s)
	if err != nil {
		return false, err
	}
	if own {
		c.blas.close()
		c.blas = blas{asked: true}
	}
	handle, err := c.cublas()
	return handle != nil, err
}
