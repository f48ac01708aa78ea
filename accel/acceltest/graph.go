package acceltest

import (
	"errors"

	"github.com/pipe-ml/pipe/accel"
)

// captured holds a device that captures to its contract; another one has nothing to keep.
func captured(b *bench) {
	dev, ok := b.dev.(accel.Capturer)
	if !ok {
		return
	}
	x, y, z := b.upload([]float32{1, 2}), b.alloc(2), b.alloc(2)
	launches := func() error {
		return errors.Join(b.scale(b.stream, 3, y, x), b.scale(b.stream, 2, z, y))
	}
	b.ok(launches())
	b.wants(z, 6, 12)
	b.ok(b.dev.CopyIn(b.stream, x, []float32{3, 4}))
	g, err := dev.Capture(b.stream, launches)
	b.ok(err)
	b.wants(z, 6, 12)
	b.ok(g.Launch())
	b.wants(z, 18, 24)
	b.ok(b.dev.CopyIn(b.stream, x, []float32{5, 6}))
	b.ok(g.Launch())
	b.ok(b.scale(b.stream, 1, y, z))
	b.wants(y, 30, 36)
	b.ok(g.Close())
	b.ok(g.Close())
	b.fails(g.Launch(), "closed")
}

func captureFails(b *bench) {
	dev, ok := b.dev.(accel.Capturer)
	if !ok {
		return
	}
	x, y := b.upload([]float32{1, 2}), b.alloc(2)
	for _, forbidden := range []func() error{
		b.stream.Sync,
		func() error { return b.dev.CopyIn(b.stream, x, []float32{0, 0}) },
		func() error { return b.dev.CopyOut(b.stream, make([]float32, 2), x) },
		func() error { _, err := b.stream.Record(); return err },
	} {
		_, err := dev.Capture(b.stream, func() error { return errors.Join(b.scale(b.stream, 3, y, x), forbidden()) })
		b.fails(err, "captured")
	}
	b.wants(y, 0, 0)
	b.ok(b.scale(b.stream, 3, y, x))
	b.wants(y, 3, 6)
}

// repeated runs a sequence often enough that a graph of it is replayed, where there is one, and begins anew after Close.
func repeated(b *bench) {
	x, y := b.upload([]float32{0, 0}), b.alloc(2)
	failed := errors.New("as it should")
	fail := true
	launch := func() error {
		if fail {
			return failed
		}
		return b.scale(b.stream, 2, y, x)
	}
	r := accel.Repeated{Device: b.dev, Stream: b.stream}
	if err := r.Run(launch); !errors.Is(err, failed) {
		b.Errorf("the error of a launch became %v", err)
	}
	fail = false
	for i := range 6 {
		v := float32(i)
		b.ok(b.dev.CopyIn(b.stream, x, []float32{v, 1}))
		b.ok(r.Run(launch))
		b.wants(y, 2*v, 2)
		if i == 3 {
			b.ok(r.Close())
		}
	}
	b.ok(r.Refused())
	b.ok(r.Close())
}
