package cpu

import (
	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/kernel"
)

func init() {
	register("linear", func(d *Device, _ kernel.Linear, out, in []accel.Tensor) error {
		y, x, w := f32(out[0]), f32(in[0]), f32(in[1])
		m, k := in[1].Shape[0], in[1].Shape[1]
		var bias []float32
		if len(in) == 3 {
			bias = f32(in[2])
		}
		d.pool.run(len(x)/k, 8, func(lo, hi int) {
			for i := lo; i < hi; i++ {
				for j := range m {
					var s float32
					if bias != nil {
						s = bias[j]
					}
					wr := w[j*k : (j+1)*k]
					for p, v := range x[i*k : (i+1)*k] {
						s += v * wr[p]
					}
					y[i*m+j] = s
				}
			}
		})
		return nil
	})
	register("linear.dx", func(d *Device, _ kernel.Linear, out, in []accel.Tensor) error {
		dx, dy, w := f32(out[0]), f32(in[0]), f32(in[1])
		m, k := in[1].Shape[0], in[1].Shape[1]
		d.pool.run(len(dx)/k, 8, func(lo, hi int) {
			for i := lo; i < hi; i++ {
				to := dx[i*k : (i+1)*k]
				clear(to)
				for j, g := range dy[i*m : (i+1)*m] {
					for p, v := range w[j*k : (j+1)*k] {
						to[p] += g * v
					}
				}
			}
		})
		return nil
	})
	register("linear.dw", func(d *Device, _ kernel.Linear, out, in []accel.Tensor) error {
		dw, x, dy := f32(out[0]), f32(in[0]), f32(in[1])
		m, k := out[0].Shape[0], out[0].Shape[1]
		rows := len(x) / k
		d.pool.run(m, 4, func(lo, hi int) {
			for j := lo; j < hi; j++ {
				to := dw[j*k : (j+1)*k]
				clear(to)
				for i := range rows {
					g := dy[i*m+j]
					for p, v := range x[i*k : (i+1)*k] {
						to[p] += g * v
					}
				}
			}
		})
		return nil
	})
	register("linear.db", func(_ *Device, _ kernel.Linear, out, in []accel.Tensor) error {
		db, dy := f32(out[0]), f32(in[0])
		clear(db)
		for i, v := range dy {
			db[i%len(db)] += v
		}
		return nil
	})
}
