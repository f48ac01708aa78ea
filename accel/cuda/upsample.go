//go:build nvidia

package cuda

import (
	"errors"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/internal/operand"
	"github.com/pipe-ml/pipe/accel/kernel"
)

func init() {
	register("upsample_nearest2d", func(l *launch, a kernel.UpsampleNearest2d, out, in []accel.Tensor) error {
		return nearest(l, a, "upsample_nearest2d", out, in, func(y, x accel.Tensor) (large, small accel.Tensor) { return y, x })
	})
	register("upsample_nearest2d.dx", func(l *launch, a kernel.UpsampleNearest2d, out, in []accel.Tensor) error {
		return nearest(l, a, "upsample_nearest2d_dx", out, in, func(dx, dy accel.Tensor) (large, small accel.Tensor) { return dy, dx })
	})
	register("upsample_bilinear2d", func(l *launch, _ kernel.UpsampleBilinear2d, out, in []accel.Tensor) error {
		return bilinear(l, "upsample_bilinear2d", out, in, func(y, x accel.Tensor) (large, small accel.Tensor) { return y, x })
	})
	register("upsample_bilinear2d.dx", func(l *launch, _ kernel.UpsampleBilinear2d, out, in []accel.Tensor) error {
		return bilinear(l, "upsample_bilinear2d_dx", out, in, func(dx, dy accel.Tensor) (large, small accel.Tensor) { return dy, dx })
	})
}

// nearest queues a function whose output and input are the large and the small images, as sides tells.
func nearest(l *launch, a kernel.UpsampleNearest2d, function string, out, in []accel.Tensor, sides func(out, in accel.Tensor) (large, small accel.Tensor)) error {
	if err := operand.Arity(out, in, 1, 1); err != nil {
		return err
	}
	large, small := sides(out[0], in[0])
	if err := images(large, small); err != nil {
		return err
	}
	h, w := small.Shape[2], small.Shape[3]
	if a.Scale < 1 || large.Shape[2] != h*a.Scale || large.Shape[3] != w*a.Scale {
		return errors.New("the large images must be the small ones times the scale")
	}
	n := out[0].Len()
	return l.run(function, each(n), out[0], in[0], n, h, w, a.Scale)
}

func bilinear(l *launch, function string, out, in []accel.Tensor, sides func(out, in accel.Tensor) (large, small accel.Tensor)) error {
	if err := operand.Arity(out, in, 1, 1); err != nil {
		return err
	}
	large, small := sides(out[0], in[0])
	if err := images(large, small); err != nil {
		return err
	}
	n := out[0].Len()
	return l.run(function, each(n), out[0], in[0], n, small.Shape[2], small.Shape[3], large.Shape[2], large.Shape[3])
}

// images wants both to be [B, C, H, W] of the same B and C.
func images(a, b accel.Tensor) error {
	if len(a.Shape) != 4 || len(b.Shape) != 4 || a.Shape[0] != b.Shape[0] || a.Shape[1] != b.Shape[1] {
		return errors.New("the shapes must be x [B, C, H, W] and y [B, C, OH, OW]")
	}
	return nil
}
