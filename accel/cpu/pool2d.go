package cpu

import (
	"math"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/kernel"
)

func init() {
	register("max_pool2d", func(d *Device, a kernel.Pool2d, out, in []accel.Tensor) error {
		y, x := f32(out[0]), f32(in[0])
		windows(d, a, in[0].Shape, out[0].Shape, func(yi int, taps []int) {
			best := float32(math.Inf(-1))
			for _, i := range taps {
				best = max(best, x[i])
			}
			y[yi] = best
		})
		return nil
	})
	register("max_pool2d.dx", func(d *Device, a kernel.Pool2d, out, in []accel.Tensor) error {
		dx, x, dy := f32(out[0]), f32(in[0]), f32(in[1])
		clear(dx)
		windows(d, a, in[0].Shape, in[1].Shape, func(yi int, taps []int) {
			best := taps[0]
			for _, i := range taps {
				if x[i] > x[best] {
					best = i
				}
			}
			dx[best] += dy[yi]
		})
		return nil
	})
	register("avg_pool2d", func(d *Device, a kernel.Pool2d, out, in []accel.Tensor) error {
		y, x := f32(out[0]), f32(in[0])
		windows(d, a, in[0].Shape, out[0].Shape, func(yi int, taps []int) {
			var s float32
			for _, i := range taps {
				s += x[i]
			}
			y[yi] = s / float32(a.Kernel*a.Kernel)
		})
		return nil
	})
	register("avg_pool2d.dx", func(d *Device, a kernel.Pool2d, out, in []accel.Tensor) error {
		dx, dy := f32(out[0]), f32(in[0])
		clear(dx)
		windows(d, a, out[0].Shape, in[0].Shape, func(yi int, taps []int) {
			for _, i := range taps {
				dx[i] += dy[yi] / float32(a.Kernel*a.Kernel)
			}
		})
		return nil
	})
	register("global_avg_pool2d", func(d *Device, _ kernel.GlobalAvgPool2d, out, in []accel.Tensor) error {
		y, x := f32(out[0]), f32(in[0])
		n := len(x) / len(y)
		d.pool.run(len(y), 1+elementGrain/n, func(lo, hi int) {
			for i := lo; i < hi; i++ {
				y[i] = sum16(n, func(j int) float32 { return x[i*n+j] }) / float32(n)
			}
		})
		return nil
	})
	register("global_avg_pool2d.dx", func(d *Device, _ kernel.GlobalAvgPool2d, out, in []accel.Tensor) error {
		dx, dy := f32(out[0]), f32(in[0])
		n := len(dx) / len(dy)
		d.pool.run(len(dx), elementGrain, func(lo, hi int) {
			for i := lo; i < hi; i++ {
				dx[i] = dy[i/n] / float32(n)
			}
		})
		return nil
	})
	register("upsample_nearest2d", func(d *Device, a kernel.UpsampleNearest2d, out, in []accel.Tensor) error {
		y, x := f32(out[0]), f32(in[0])
		h, w := out[0].Shape[2], out[0].Shape[3]
		d.pool.run(len(y)/w, 64, func(lo, hi int) {
			for row := lo; row < hi; row++ {
				from := (row/h*(h/a.Scale) + row%h/a.Scale) * (w / a.Scale)
				for i := range w {
					y[row*w+i] = x[from+i/a.Scale]
				}
			}
		})
		return nil
	})
	register("upsample_nearest2d.dx", func(d *Device, a kernel.UpsampleNearest2d, out, in []accel.Tensor) error {
		dx, dy := f32(out[0]), f32(in[0])
		w := out[0].Shape[3]
		d.pool.run(len(dx)/w, 64, func(lo, hi int) {
			for row := lo; row < hi; row++ {
				for i := range w {
					var s float32
					for k := range a.Scale {
						for j := range a.Scale {
							s += dy[(row*a.Scale+k)*w*a.Scale+i*a.Scale+j]
						}
					}
					dx[row*w+i] = s
				}
			}
		})
		return nil
	})
}

// windows calls f for every output with the inputs of its window, in row-major order. Planes run in parallel.
func windows(d *Device, a kernel.Pool2d, xs, ys []int, f func(yi int, taps []int)) {
	d.pool.run(ys[0]*ys[1], 1, func(lo, hi int) {
		var taps []int
		for plane := lo; plane < hi; plane++ {
			for o := range ys[2] * ys[3] {
				taps = taps[:0]
				for k := range a.Kernel * a.Kernel {
					iy, ix := o/ys[3]*a.Stride+k/a.Kernel-a.Pad, o%ys[3]*a.Stride+k%a.Kernel-a.Pad
					if iy >= 0 && iy < xs[2] && ix >= 0 && ix < xs[3] {
						taps = append(taps, (plane*xs[2]+iy)*xs[3]+ix)
					}
				}
				f(plane*ys[2]*ys[3]+o, taps)
			}
		}
	})
}
