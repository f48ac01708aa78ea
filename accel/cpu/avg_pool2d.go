package cpu

import (
	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/internal/operand"
	"github.com/pipe-ml/pipe/accel/kernel"
)

func init() {
	register("avg_pool2d", avgPool2d)
	register("avg_pool2d.dx", avgPool2dDx)
	register("global_avg_pool2d", globalAvgPool2d)
	register("global_avg_pool2d.dx", globalAvgPool2dDx)
}

// avgPool2d adds each window in row-major order.
func avgPool2d(d *Device, a kernel.Pool2d, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 1); err != nil {
		return err
	}
	p, err := poolingOf(a, in[0], out[0])
	if err != nil {
		return err
	}
	y, x := f32(out[0]), f32(in[0])
	clear(y)
	p.each(d, func(xi, yi, n int) {
		to, from := y[yi:yi+n], x[xi:]
		for i := range to {
			to[i] += from[i*a.Stride]
		}
	})
	if !a.ExcludePad {
		d.level.scale(y, y, 1/float32(a.Kernel*a.Kernel))
		return nil
	}
	share := p.shares()
	d.pool.run(p.planes, grain(len(share)), func(lo, hi int) {
		for plane := lo; plane < hi; plane++ {
			y := y[plane*len(share):][:len(share)]
			d.level.mul(y, y, share)
		}
	})
	return nil
}

// shares are what the elements of each window [OH, OW] count: one by the number of those that lie inside.
func (p *pooling) shares() []float32 {
	out := make([]float32, p.oh*p.ow)
	for ky := range p.Kernel {
		top, bottom := p.inside(ky, p.h, p.oh)
		for kx := range p.Kernel {
			lo, hi := p.inside(kx, p.w, p.ow)
			for oy := top; oy < bottom; oy++ {
				for ox := lo; ox < hi; ox++ {
					out[oy*p.ow+ox]++
				}
			}
		}
	}
	for i, n := range out {
		out[i] = 1 / n
	}
	return out
}

// avgPool2dDx adds to each element of dx its windows' dy, in order of its place in them, from the first place to the last.
func avgPool2dDx(d *Device, a kernel.Pool2d, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 1); err != nil {
		return err
	}
	p, err := poolingOf(a, out[0], in[0])
	if err != nil {
		return err
	}
	dx, dy := f32(out[0]), f32(in[0])
	clear(dx)
	if a.ExcludePad {
		share := p.shares()
		p.each(d, func(xi, yi, n int) {
			to, share := dx[xi:], share[yi%len(share):]
			for i, g := range dy[yi : yi+n] {
				to[i*a.Stride] += float32(g * share[i])
			}
		})
		return nil
	}
	p.each(d, func(xi, yi, n int) {
		to := dx[xi:]
		for i, g := range dy[yi : yi+n] {
			to[i*a.Stride] += g
		}
	})
	d.level.scale(dx, dx, 1/float32(a.Kernel*a.Kernel))
	return nil
}

// globalAvgPool2d adds the positions of each channel in 16 lanes.
func globalAvgPool2d(d *Device, _ kernel.GlobalAvgPool2d, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 1); err != nil {
		return err
	}
	batch, chans, n, err := channels(in[0])
	if err != nil {
		return err
	}
	if err := operand.VectorOf(batch*chans, out[0]); err != nil {
		return err
	}
	y, x := f32(out[0]), f32(in[0])
	d.pool.run(len(y), grain(n), func(lo, hi int) {
		var s lanes
		for i := lo; i < hi; i++ {
			s = lanes{}
			d.level.sum(&s, x[i*n:(i+1)*n])
			y[i] = s.total() / float32(n)
		}
	})
	return nil
}

func globalAvgPool2dDx(d *Device, _ kernel.GlobalAvgPool2d, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 1); err != nil {
		return err
	}
	batch, chans, n, err := channels(out[0])
	if err != nil {
		return err
	}
	if err := operand.VectorOf(batch*chans, in[0]); err != nil {
		return err
	}
	dx, dy := f32(out[0]), f32(in[0])
	d.pool.run(len(dy), grain(n), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			g := dy[i] / float32(n)
			for j := range dx[i*n : (i+1)*n] {
				dx[i*n+j] = g
			}
		}
	})
	return nil
}
