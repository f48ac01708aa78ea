package acceltest

import (
	"slices"
	"strings"
	"testing"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/kernel"
)

// Run holds the devices that open makes to the contract of accel.Device.
func Run(t *testing.T, open func() accel.Device) {
	cases := []struct {
		name string
		run  func(b *bench)
	}{
		{"new buffers are zero", zeroed},
		{"copies come back", roundTrip},
		{"work on a stream runs in order", order},
		{"an event orders two streams", events},
		{"a freed buffer is refused everywhere", useAfterFree},
		{"operands must lie in their buffers", bounds},
		{"operands must not overlap", overlap},
		{"buffers of another device are refused", func(b *bench) { foreign(b, open()) }},
		{"an unknown kernel is an error", unknownKernel},
		{"a bad launch is an error that names the kernel and leaves the device usable", badLaunch},
		{"memory is counted", counts},
		{"borrowed memory is only read", borrowed},
		{"captured launches run when their graph is launched, on what the buffers hold then", captured},
		{"a capture that fails leaves the stream as it was", captureFails},
		{"repeated launches give what launches give", repeated},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dev := open()
			stream, err := dev.NewStream()
			if err != nil {
				t.Fatal(err)
			}
			b := &bench{T: t, dev: dev, stream: stream}
			c.run(b)
			for _, buf := range b.live {
				b.ok(dev.Free(buf))
			}
			if m := dev.Mem(); m.Buffers != 0 || m.Live != 0 {
				t.Errorf("after all was freed, %d buffers of %d bytes are live", m.Buffers, m.Live)
			}
			b.ok(dev.Close())
			b.fails(dev.CopyIn(stream, accel.Tensor{Shape: []int{0}}, []float32{}), "closed")
		})
	}
}

// bench is a device with a stream and the buffers of one case.
type bench struct {
	*testing.T
	dev    accel.Device
	stream accel.Stream
	live   []accel.Buffer
}

func (b *bench) ok(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// fails wants an error that says want.
func (b *bench) fails(err error, want string) {
	b.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		b.Errorf("error is %v, want one about %q", err, want)
	}
}

func (b *bench) alloc(n int) accel.Tensor {
	b.Helper()
	buf, err := b.dev.Alloc(accel.Float32, n)
	b.ok(err)
	b.live = append(b.live, buf)
	return accel.Tensor{Buf: buf, Shape: []int{n}}
}

func (b *bench) upload(data []float32) accel.Tensor {
	b.Helper()
	t := b.alloc(len(data))
	b.ok(b.dev.CopyIn(b.stream, t, data))
	return t
}

func (b *bench) wants(t accel.Tensor, want ...float32) {
	b.Helper()
	got := make([]float32, t.Len())
	b.ok(b.dev.CopyOut(b.stream, got, t))
	if !slices.Equal(got, want) {
		b.Errorf("got %v, want %v", got, want)
	}
}

func (b *bench) kernel(name string) accel.Kernel {
	b.Helper()
	k, err := b.dev.Kernel(name)
	b.ok(err)
	return k
}

// scale launches y = c x, the simplest kernel.
func (b *bench) scale(s accel.Stream, c float32, y, x accel.Tensor) error {
	b.Helper()
	return b.dev.Launch(s, b.kernel("scale"), kernel.Scale{Factor: c}, []accel.Tensor{y}, []accel.Tensor{x})
}

func zeroed(b *bench) {
	dirty := b.upload([]float32{1, 2, 3, 4})
	b.ok(b.dev.Free(dirty.Buf))
	b.live = nil
	b.wants(b.alloc(4), 0, 0, 0, 0)
	b.wants(b.alloc(0))
	if _, err := b.dev.Alloc(accel.Float32, -1); err == nil {
		b.Error("a negative size was allocated")
	}
}

func roundTrip(b *bench) {
	t := b.upload([]float32{1, 2, 3, 4, 5})
	b.ok(b.dev.CopyIn(b.stream, accel.Tensor{Buf: t.Buf, Off: 3, Shape: []int{2}}, []float32{8, 9}))
	b.wants(t, 1, 2, 3, 8, 9)
	b.wants(accel.Tensor{Buf: t.Buf, Off: 2, Shape: []int{1, 2}}, 3, 8)
	buf, err := b.dev.Alloc(accel.Int32, 2)
	b.ok(err)
	b.live = append(b.live, buf)
	ids := accel.Tensor{Buf: buf, Shape: []int{2}}
	b.ok(b.dev.CopyIn(b.stream, ids, []int32{-7, 1 << 30}))
	got := make([]int32, 2)
	b.ok(b.dev.CopyOut(b.stream, got, ids))
	if got[0] != -7 || got[1] != 1<<30 {
		b.Errorf("int32 came back as %v", got)
	}
	b.fails(b.dev.CopyIn(b.stream, ids, []float32{1}), "float32")
	b.fails(b.dev.CopyIn(b.stream, t, make([]float32, 6)), "6")
	b.fails(b.dev.CopyOut(b.stream, make([]float32, 4), t), "4")
	b.fails(b.dev.CopyOut(b.stream, make([]float64, 5), t), "float64")
}

func order(b *bench) {
	host := []float32{1, 2}
	x := b.upload(host)
	host[0] = 99 // CopyIn has taken what it needs
	y := b.alloc(2)
	b.ok(b.scale(b.stream, 10, y, x))
	b.ok(b.dev.CopyIn(b.stream, x, []float32{5, 6})) // after the launch has read x
	b.wants(y, 10, 20)
	b.ok(b.scale(b.stream, 10, y, x))
	b.wants(y, 50, 60)
	b.ok(b.stream.Sync())
}

func events(b *bench) {
	second, err := b.dev.NewStream()
	b.ok(err)
	x, y, z := b.upload([]float32{3}), b.alloc(1), b.alloc(1)
	b.ok(b.scale(b.stream, 2, y, x))
	e, err := b.stream.Record()
	b.ok(err)
	b.ok(second.Wait(e))
	b.ok(b.scale(second, 2, z, y))
	b.ok(second.Sync())
	b.ok(e.Sync())
	b.wants(z, 12)
}

func useAfterFree(b *bench) {
	gone, x := b.alloc(2), b.upload([]float32{1, 2})
	b.ok(b.dev.Free(gone.Buf))
	b.live = b.live[1:]
	b.fails(b.dev.Free(gone.Buf), "freed")
	b.fails(b.dev.CopyIn(b.stream, gone, []float32{1}), "freed")
	b.fails(b.dev.CopyOut(b.stream, make([]float32, 2), gone), "freed")
	b.fails(b.scale(b.stream, 1, gone, x), "freed")
	b.fails(b.scale(b.stream, 1, x, gone), "freed")
}

func bounds(b *bench) {
	x, y := b.alloc(4), b.alloc(4)
	for _, bad := range []accel.Tensor{
		{Buf: x.Buf, Shape: []int{5}}, {Buf: x.Buf, Off: 1, Shape: []int{4}}, {Buf: x.Buf, Off: -1, Shape: []int{4}},
		{Buf: x.Buf, Shape: []int{-2, -2}},
	} {
		if b.scale(b.stream, 1, y, bad) == nil || b.dev.CopyIn(b.stream, bad, []float32{1}) == nil {
			b.Errorf("shape %v at %d of a buffer of 4 was taken", bad.Shape, bad.Off)
		}
	}
}

func overlap(b *bench) {
	x := b.alloc(4)
	part := func(off int) accel.Tensor { return accel.Tensor{Buf: x.Buf, Off: off, Shape: []int{2}} }
	b.fails(b.scale(b.stream, 1, part(1), part(0)), "overlap")
	b.ok(b.scale(b.stream, 1, part(2), part(0)))
}

func foreign(b *bench, other accel.Device) {
	buf, err := other.Alloc(accel.Float32, 2)
	b.ok(err)
	far, near := accel.Tensor{Buf: buf, Shape: []int{2}}, b.alloc(2)
	b.fails(b.scale(b.stream, 1, near, far), "another device")
	b.fails(b.dev.CopyIn(b.stream, far, []float32{1}), "another device")
	b.fails(b.dev.Free(buf), "another device")
	s, err := other.NewStream()
	b.ok(err)
	b.fails(b.scale(s, 1, near, b.alloc(2)), "another device")
	b.ok(other.Free(buf))
	b.ok(other.Close())
}

func unknownKernel(b *bench) {
	_, err := b.dev.Kernel("no_such_kernel")
	b.fails(err, "no_such_kernel")
}

func badLaunch(b *bench) {
	x, y := b.upload([]float32{1, 2}), b.alloc(2)
	k := b.kernel("scale")
	b.fails(b.dev.Launch(b.stream, k, kernel.Add{}, []accel.Tensor{y}, []accel.Tensor{x}), "scale")
	b.fails(b.dev.Launch(b.stream, k, kernel.Scale{}, []accel.Tensor{y}, nil), "scale")
	b.fails(b.scale(b.stream, 1, accel.Tensor{Buf: y.Buf, Shape: []int{1}}, x), "scale")
	ids, err := b.dev.Alloc(accel.Int32, 2)
	b.ok(err)
	b.live = append(b.live, ids)
	b.fails(b.scale(b.stream, 1, y, accel.Tensor{Buf: ids, Shape: []int{2}}), "int32")
	b.ok(b.scale(b.stream, 3, y, x))
	b.wants(y, 3, 6)
}

// borrowed holds a device that lends host memory to its contract; another one has nothing to keep.
func borrowed(b *bench) {
	dev, ok := b.dev.(accel.Borrower)
	if !ok {
		return
	}
	host := []float32{0, 1, 2}
	buf, err := dev.Borrow(host[1:]) // aligned to nothing
	b.ok(err)
	b.live = append(b.live, buf)
	x, y := accel.Tensor{Buf: buf, Shape: []int{2}}, b.alloc(2)
	b.ok(b.scale(b.stream, 3, y, x))
	b.wants(y, 3, 6)
	b.fails(b.scale(b.stream, 3, x, y), "borrowed")
	b.fails(b.dev.CopyIn(b.stream, x, []float32{7}), "borrowed")
	b.wants(x, 1, 2)
	if m := b.dev.Mem(); m.Live != 8 {
		b.Errorf("borrowed memory is counted: %+v", m)
	}
}

func counts(b *bench) {
	b.alloc(100)
	b.alloc(50)
	if m := b.dev.Mem(); m.Buffers != 2 || m.Live != 600 || m.Peak < 600 {
		b.Errorf("two buffers of 600 bytes are counted as %+v", m)
	}
	b.ok(b.dev.Free(b.live[0]))
	b.live = b.live[1:]
	if m := b.dev.Mem(); m.Buffers != 1 || m.Live != 200 || m.Peak < 600 {
		b.Errorf("after freeing 400 of 600 bytes the counts are %+v", m)
	}
	if c := b.dev.Caps(); c.Kind == "" || c.Model == "" || c.Threads < 1 {
		b.Errorf("capabilities are not filled: %+v", c)
	}
}
