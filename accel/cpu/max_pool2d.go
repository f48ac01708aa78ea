package cpu

import (
	"math"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/internal/operand"
	"github.com/pipe-ml/pipe/accel/kernel"
)

func init() {
	register("max_pool2d", maxPool2d)
	register("max_pool2d.dx", maxPool2dDx)
}

// pooling is the geometry of windows that slide over planes.
type pooling struct {
	kernel.Pool2d
	planes, h, w, oh, ow int
}

// poolingOf checks the shapes x [B, C, H, W] and y [B, C, OH, OW].
func poolingOf(a kernel.Pool2d, x, y accel.Tensor) (pooling, error) {
	if err := operand.Pool2d(a, x, y); err != nil {
		return pooling{}, err
	}
	p := pooling{a, x.Shape[0] * x.Shape[1], x.Shape[2], x.Shape[3], y.Shape[2], y.Shape[3]}
	return p, nil
}

// inside is the range of outputs, of out in all, whose element k of the window lies in [0, n).
func (p *pooling) inside(k, n, out int) (lo, hi int) {
	lo = max(0, (p.Pad-k+p.Stride-1)/p.Stride)
	if last := n - 1 + p.Pad - k; last >= 0 {
		hi = min(out, last/p.Stride+1)
	}
	return lo, max(lo, hi)
}

// each calls f for every window element and output row, window elements in row-major order: n outputs from yi on meet the
// inputs from xi on with steps of the stride. Planes run in parallel.
func (p *pooling) each(d *Device, f func(xi, yi, n int)) {
	d.pool.run(p.planes, grain(p.oh*p.ow*p.Kernel*p.Kernel), func(first, end int) {
		for plane := first; plane < end; plane++ {
			for k := range p.Kernel * p.Kernel {
				ky, kx := k/p.Kernel, k%p.Kernel
				top, bottom := p.inside(ky, p.h, p.oh)
				lo, hi := p.inside(kx, p.w, p.ow)
				for oy := top; oy < bottom && lo < hi; oy++ {
					iy, ix := oy*p.Stride+ky-p.Pad, lo*p.Stride+kx-p.Pad
					f((plane*p.h+iy)*p.w+ix, (plane*p.oh+oy)*p.ow+lo, hi-lo)
				}
			}
		}
	})
}

// splitRows returns what gives, of a plane x, every stride-th element of row iy from column ix on: rows split by the remainder of
// the column into space.
func (p *pooling) splitRows(u *microKernel, x, space []float32) func(iy, ix int) []float32 {
	if p.Stride == 1 {
		return func(iy, ix int) []float32 { return x[iy*p.w+ix:] }
	}
	n := (p.w + p.Stride - 1) / p.Stride
	for r := range min(p.Stride, p.w) {
		u.every(p.h, (p.w-r+p.Stride-1)/p.Stride, space[r*n:], p.Stride*n, x[r:], p.w, p.Stride)
	}
	return func(iy, ix int) []float32 { return space[(iy*p.Stride+ix%p.Stride)*n+ix/p.Stride:] }
}

// eachWindow calls window for every window element that output row oy of a plane meets, in row-major order: outputs [lo, hi) meet from.
func (p *pooling) eachWindow(oy int, rows func(iy, ix int) []float32, window func(k, lo, hi int, from []float32)) {
	for k := range p.Kernel * p.Kernel {
		iy, kx := oy*p.Stride+k/p.Kernel-p.Pad, k%p.Kernel
		if lo, hi := p.inside(kx, p.w, p.ow); iy >= 0 && iy < p.h && lo < hi {
			window(k, lo, hi, rows(iy, lo*p.Stride+kx-p.Pad)[:hi-lo])
		}
	}
}

// maxPool2d takes the maximum of each window; a NaN in it is the result.
func maxPool2d(d *Device, a kernel.Pool2d, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 1); err != nil {
		return err
	}
	p, err := poolingOf(a, in[0], out[0])
	if err != nil {
		return err
	}
	y, x := f32(out[0]), f32(in[0])
	p.eachPlane(d, func(plane int, space []float32) {
		rows := p.splitRows(microKernels[d.level], x[plane*p.h*p.w:][:p.h*p.w], space)
		for oy := range p.oh {
			to := y[(plane*p.oh+oy)*p.ow:][:p.ow]
			fill(to, float32(math.Inf(-1)))
			p.eachWindow(oy, rows, func(_, lo, hi int, from []float32) { d.level.larger(to[lo:hi], from) })
		}
	})
	return nil
}

// eachPlane calls f for every plane, with space for its split rows and two rows of outputs.
func (p *pooling) eachPlane(d *Device, f func(plane int, space []float32)) {
	d.pool.run(p.planes, grain(p.oh*p.ow*p.Kernel*p.Kernel), func(first, end int) {
		space := d.borrow(p.h*(p.w+p.Stride) + 2*p.ow)
		defer d.giveBack(space)
		for plane := first; plane < end; plane++ {
			f(plane, space)
		}
	})
}

// maxPool2dDx adds each element of dy to the first maximum of its window, in order of outputs.
func maxPool2dDx(d *Device, a kernel.Pool2d, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 2); err != nil {
		return err
	}
	p, err := poolingOf(a, in[0], in[1])
	if err != nil {
		return err
	}
	if err := operand.VectorOf(in[0].Len(), out[0]); err != nil {
		return err
	}
	dx, x, dy := f32(out[0]), f32(in[0]), f32(in[1])
	p.eachPlane(d, func(plane int, space []float32) {
		at, n := plane*p.h*p.w, p.h*p.w
		dx, x := dx[at:at+n], x[at:at+n]
		clear(dx)
		best, place := space[:p.ow], space[p.ow:2*p.ow]
		rows := p.splitRows(microKernels[d.level], x, space[2*p.ow:])
		for oy := range p.oh {
			fill(best, float32(math.Inf(-1)))
			fill(place, -1)
			p.eachWindow(oy, rows, func(k, lo, hi int, from []float32) {
				d.level.firstLarger(best[lo:hi], place[lo:hi], from, float32(k))
			})
			for ox, g := range dy[(plane*p.oh+oy)*p.ow:][:p.ow] {
				k := int(place[ox])
				if k < 0 {
					if k = p.first(oy, ox); k < 0 {
						continue
					}
				}
				dx[(oy*p.Stride+k/p.Kernel-p.Pad)*p.w+ox*p.Stride+k%p.Kernel-p.Pad] += g
			}
		}
	})
	return nil
}

// first is the first element in the window of output (oy, ox), which is all -Inf or NaN, or -1 if the window lies in the padding.
func (p *pooling) first(oy, ox int) int {
	ky, kx := max(0, p.Pad-oy*p.Stride), max(0, p.Pad-ox*p.Stride)
	if oy*p.Stride+ky-p.Pad >= p.h || ox*p.Stride+kx-p.Pad >= p.w || ky >= p.Kernel || kx >= p.Kernel {
		return -1
	}
	return ky*p.Kernel + kx
}

// larger: y = max(y, x), NaN if one of them is. A second time changes nothing, so that the last block may overlap the one before.
func (l level) larger(y, x []float32) {
	n, x := len(y), x[:len(y)]
	if f := assembly[l].larger; f != nil && n >= width {
		f(whole(n), ptr(y), ptr(x))
		f(width, ptr(y[n-width:]), ptr(x[n-width:]))
		return
	}
	for i := range y {
		if x[i] > y[i] || x[i] != x[i] {
			y[i] = x[i]
		}
	}
}

// firstLarger: best = x and place = p where x > best, in blocks as larger.
func (l level) firstLarger(best, place, x []float32, p float32) {
	n, place, x := len(best), place[:len(best)], x[:len(best)]
	if f := assembly[l].firstLarger; f != nil && n >= width {
		f(whole(n), ptr(best), ptr(place), ptr(x), p)
		f(width, ptr(best[n-width:]), ptr(place[n-width:]), ptr(x[n-width:]), p)
		return
	}
	for i := range best {
		if x[i] > best[i] {
			best[i], place[i] = x[i], p
		}
	}
}

func fill(x []float32, c float32) {
	for i := range x {
		x[i] = c
	}
}
