package cpu

import (
	"errors"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/internal/operand"
	"github.com/pipe-ml/pipe/accel/kernel"
)

func init() {
	register("conv2d", conv2d)
	register("conv2d.dx", conv2dDx)
	register("conv2d.dw", conv2dDw)
	register("conv2d.db", conv2dDb)
}

// conv is the geometry of a convolution. Channels and outputs are those of one group.
type conv struct {
	kernel.Conv2d
	batch     int
	c, h, w   int
	o, oh, ow int
	kh, kw    int
}

// convOf checks the shapes x [B, C, H, W], w [O, C/Groups, KH, KW], y [B, O, OH, OW].
func convOf(a kernel.Conv2d, x, w, y accel.Tensor) (conv, error) {
	if err := operand.Conv2d(a, x, w, y); err != nil {
		return conv{}, err
	}
	v := conv{Conv2d: a, batch: x.Shape[0], c: w.Shape[1], h: x.Shape[2], w: x.Shape[3],
		o: w.Shape[0] / a.Groups, oh: y.Shape[2], ow: y.Shape[3], kh: w.Shape[2], kw: w.Shape[3]}
	return v, nil
}

// taps is the number of weights that meet in one output.
func (v *conv) taps() int { return v.c * v.kh * v.kw }

// field is what the outputs read.
func (v *conv) field() field {
	return field{channels: v.c, h: v.h, w: v.w, kh: v.kh, kw: v.kw, strideH: v.StrideH, strideW: v.StrideW,
		top: -v.PadTop, left: -v.PadLeft, rows: v.oh, cols: v.ow}
}

// conv2d is a correlation with the weights [O x taps].
func conv2d(d *Device, a kernel.Conv2d, out, in []accel.Tensor) error {
	if len(out) != 1 || len(in) < 2 || len(in) > 3 {
		return errors.New("want 1 output and 2 or 3 inputs")
	}
	v, err := convOf(a, in[0], in[1], out[0])
	if err != nil {
		return err
	}
	r := correlation{field: v.field(), batch: v.batch, groups: a.Groups, src: f32(in[0]), weights: weights{matrix: matrix{f32(in[1]), v.taps(), 1}, size: v.o * v.taps()}, outputs: v.o,
		dst: f32(out[0])}
	if len(in) == 3 {
		if err := operand.VectorOf(v.o*a.Groups, in[2]); err != nil {
			return err
		}
		r.bias = f32(in[2])
	}
	r.run(d)
	return nil
}

// conv2dDb sums dy over images and positions, each row of positions in 16 lanes.
func conv2dDb(d *Device, _ kernel.Conv2d, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 1); err != nil {
		return err
	}
	batch, chans, positions, err := channels(in[0])
	if err != nil {
		return err
	}
	if err := operand.VectorOf(chans, out[0]); err != nil {
		return err
	}
	db, dy := f32(out[0]), f32(in[0])
	d.pool.run(chans, grain(batch*positions), func(lo, hi int) {
		for c := lo; c < hi; c++ {
			var s lanes
			for b := range batch {
				d.level.sum(&s, dy[(b*chans+c)*positions:][:positions])
			}
			db[c] = s.total()
		}
	})
	return nil
}
