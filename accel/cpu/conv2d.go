package cpu

import (
	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/kernel"
)

func init() {
	register("conv2d", func(d *Device, a kernel.Conv2d, out, in []accel.Tensor) error {
		y, x, w := f32(out[0]), f32(in[0]), f32(in[1])
		xs, ws, ys := in[0].Shape, in[1].Shape, out[0].Shape
		var bias []float32
		if len(in) == 3 {
			bias = f32(in[2])
		}
		d.pool.run(ys[0]*ys[1], 1, func(lo, hi int) {
			for plane := lo; plane < hi; plane++ {
				to := y[plane*ys[2]*ys[3] : (plane+1)*ys[2]*ys[3]]
				for i := range to {
					to[i] = 0
					if bias != nil {
						to[i] = bias[plane%ys[1]]
					}
				}
				convTaps(a, xs, ws, ys, plane, func(xi, wi, yi, n int) {
					f := w[wi]
					for i := range n {
						y[yi+i] += f * x[xi+i*a.StrideW]
					}
				})
			}
		})
		return nil
	})
	register("conv2d.dx", func(d *Device, a kernel.Conv2d, out, in []accel.Tensor) error {
		dx, dy, w := f32(out[0]), f32(in[0]), f32(in[1])
		xs, ws, ys := out[0].Shape, in[1].Shape, in[0].Shape
		clear(dx)
		d.pool.run(xs[0], 1, func(lo, hi int) {
			for plane := lo * ys[1]; plane < hi*ys[1]; plane++ {
				convTaps(a, xs, ws, ys, plane, func(xi, wi, yi, n int) {
					f := w[wi]
					for i := range n {
						dx[xi+i*a.StrideW] += f * dy[yi+i]
					}
				})
			}
		})
		return nil
	})
	register("conv2d.dw", func(d *Device, a kernel.Conv2d, out, in []accel.Tensor) error {
		dw, x, dy := f32(out[0]), f32(in[0]), f32(in[1])
		xs, ws, ys := in[0].Shape, out[0].Shape, in[1].Shape
		clear(dw)
		d.pool.run(ys[1], 1, func(lo, hi int) {
			for b := range ys[0] {
				for o := lo; o < hi; o++ {
					convTaps(a, xs, ws, ys, b*ys[1]+o, func(xi, wi, yi, n int) {
						var s float32
						for i := range n {
							s += x[xi+i*a.StrideW] * dy[yi+i]
						}
						dw[wi] += s
					})
				}
			}
		})
		return nil
	})
	register("conv2d.db", func(_ *Device, _ kernel.Conv2d, out, in []accel.Tensor) error {
		db, dy := f32(out[0]), f32(in[0])
		clear(db)
		positions := in[0].Shape[2] * in[0].Shape[3]
		for i, v := range dy {
			db[i/positions%len(db)] += v
		}
		return nil
	})
}

// convTaps calls f for each weight and output row of an output plane: n products of x from xi on with steps of the
// stride and y from yi on.
func convTaps(a kernel.Conv2d, xs, ws, ys []int, plane int, f func(xi, wi, yi, n int)) {
	b, o := plane/ys[1], plane%ys[1]
	first := o / (ys[1] / a.Groups) * ws[1]
	for c := range ws[1] {
		for ky := range ws[2] {
			for kx := range ws[3] {
				lo := max(0, (a.PadLeft-kx+a.StrideW-1)/a.StrideW)
				hi := min(ys[3], (xs[3]-1+a.PadLeft-kx)/a.StrideW+1)
				if xs[3]-1+a.PadLeft-kx < 0 || hi <= lo {
					continue
				}
				for oy := range ys[2] {
					iy := oy*a.StrideH + ky - a.PadTop
					if iy < 0 || iy >= xs[2] {
						continue
					}
					f(((b*xs[1]+first+c)*xs[2]+iy)*xs[3]+lo*a.StrideW+kx-a.PadLeft,
						((o*ws[1]+c)*ws[2]+ky)*ws[3]+kx, (plane*ys[2]+oy)*ys[3]+lo, hi-lo)
				}
			}
		}
	}
}
