package cpu

import (
	"errors"
	"math"

	"github.com/pipe-ml/pipe/accel"
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
	if len(x.Shape) != 4 || len(y.Shape) != 4 || a.Kernel < 1 || a.Stride < 1 || a.Pad < 0 {
		return pooling{}, errors.New("operands must have rank 4, the kernel and the stride be at least 1")
	}
	p := pooling{a, x.Shape[0] * x.Shape[1], x.Shape[2], x.Shape[3], y.Shape[2], y.Shape[3]}
	if y.Shape[0] != x.Shape[0] || y.Shape[1] != x.Shape[1] ||
		p.oh != (p.h+2*a.Pad-a.Kernel)/a.Stride+1 || p.ow != (p.w+2*a.Pad-a.Kernel)/a.Stride+1 {
		return pooling{}, errors.New("the shapes must be x [B, C, H, W] and y [B, C, OH, OW]")
	}
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

// maxPool2d takes the maximum of each window; a NaN in it is the result.
func maxPool2d(d *Device, a kernel.Pool2d, out, in []accel.Tensor) error {
	if err := arity(out, in, 1, 1); err != nil {
		return err
	}
	p, err := poolingOf(a, in[0], out[0])
	if err != nil {
		return err
	}
	y, x := f32(out[0]), f32(in[0])
	for i := range y {
		y[i] = float32(math.Inf(-1))
	}
	p.each(d, func(xi, yi, n int) {
		to, from := y[yi:yi+n], x[xi:]
		for i := range to {
			to[i] = max(to[i], from[i*a.Stride])
		}
	})
	return nil
}

// maxPool2dDx adds each element of dy to the first maximum of its window, in order of outputs.
func maxPool2dDx(d *Device, a kernel.Pool2d, out, in []accel.Tensor) error {
	if err := arity(out, in, 1, 2); err != nil {
		return err
	}
	p, err := poolingOf(a, in[0], in[1])
	if err != nil {
		return err
	}
	if err := vectorOf(in[0].Len(), out[0]); err != nil {
		return err
	}
	dx, x, dy := f32(out[0]), f32(in[0]), f32(in[1])
	d.pool.run(p.planes, grain(p.oh*p.ow*p.Kernel*p.Kernel), func(lo, hi int) {
		for plane := lo; plane < hi; plane++ {
			at, n := plane*p.h*p.w, p.h*p.w
			dx, x := dx[at:at+n], x[at:at+n]
			clear(dx)
			for i, g := range dy[plane*p.oh*p.ow:][:p.oh*p.ow] {
				if best := p.first(x, i/p.ow, i%p.ow); best >= 0 {
					dx[best] += g
				}
			}
		}
	})
	return nil
}

// first is the index of the first maximum in the window of output (oy, ox) of the plane x, or -1 if the window lies in the padding.
func (p *pooling) first(x []float32, oy, ox int) int {
	best := -1
	for iy := max(0, oy*p.Stride-p.Pad); iy < min(p.h, oy*p.Stride-p.Pad+p.Kernel); iy++ {
		for ix := max(0, ox*p.Stride-p.Pad); ix < min(p.w, ox*p.Stride-p.Pad+p.Kernel); ix++ {
			if i := iy*p.w + ix; best < 0 || x[i] > x[best] {
				best = i
			}
		}
	}
	return best
}
