package cpu

import (
	"errors"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/internal/operand"
	"github.com/pipe-ml/pipe/accel/kernel"
)

func init() {
	register("upsample_nearest2d", upsampleNearest2d)
	register("upsample_nearest2d.dx", upsampleNearest2dDx)
}

// upsampled checks the shapes x [B, C, H, W] and y [B, C, H*Scale, W*Scale], and returns the number and length of x's rows.
func upsampled(a kernel.UpsampleNearest2d, x, y accel.Tensor) (n, w int, err error) {
	if len(x.Shape) != 4 || len(y.Shape) != 4 || a.Scale < 1 || y.Shape[0] != x.Shape[0] || y.Shape[1] != x.Shape[1] ||
		y.Shape[2] != x.Shape[2]*a.Scale || y.Shape[3] != x.Shape[3]*a.Scale {
		return 0, 0, errors.New("the shapes must be x [B, C, H, W] and y [B, C, H*scale, W*scale]")
	}
	n, w = operand.Rows(x)
	return n, w, nil
}

// upsampleNearest2d repeats each element along its row, then the row.
func upsampleNearest2d(d *Device, a kernel.UpsampleNearest2d, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 1); err != nil {
		return err
	}
	n, w, err := upsampled(a, in[0], out[0])
	if err != nil {
		return err
	}
	y, x := f32(out[0]), f32(in[0])
	wide := w * a.Scale
	d.pool.run(n, grain(wide*a.Scale), func(lo, hi int) {
		for row := lo; row < hi; row++ {
			to := y[row*a.Scale*wide:][:a.Scale*wide]
			for i, v := range x[row*w:][:w] {
				for j := range a.Scale {
					to[i*a.Scale+j] = v
				}
			}
			for k := 1; k < a.Scale; k++ {
				copy(to[k*wide:], to[:wide])
			}
		}
	})
	return nil
}

// upsampleNearest2dDx adds each block of dy in row-major order.
func upsampleNearest2dDx(d *Device, a kernel.UpsampleNearest2d, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 1); err != nil {
		return err
	}
	n, w, err := upsampled(a, out[0], in[0])
	if err != nil {
		return err
	}
	dx, dy := f32(out[0]), f32(in[0])
	wide := w * a.Scale
	d.pool.run(n, grain(wide*a.Scale), func(lo, hi int) {
		for row := lo; row < hi; row++ {
			to := dx[row*w:][:w]
			clear(to)
			for k := range a.Scale {
				from := dy[(row*a.Scale+k)*wide:][:wide]
				for i := range to {
					for _, g := range from[i*a.Scale:][:a.Scale] {
						to[i] += g
					}
				}
			}
		}
	})
	return nil
}
