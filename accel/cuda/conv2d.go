//go:build nvidia

package cuda

import (
	"errors"
	"slices"

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

// args are the arguments of a function with a CONV.
func (v conv) args() []any {
	return []any{v.batch, v.Groups, v.c, v.h, v.w, v.o, v.oh, v.ow, v.kh, v.kw, v.StrideH, v.StrideW, v.PadTop, v.PadLeft}
}

// taps is the number of weights that meet in one output.
func (v conv) taps() int { return v.c * v.kh * v.kw }

// pointwise says that each output position reads one position, so that every image is a matrix [C, H W].
func (v conv) pointwise() bool {
	return v.kh == 1 && v.kw == 1 && v.StrideH == 1 && v.StrideW == 1 && v.Groups == 1 && v.PadTop+v.PadBottom+v.PadLeft+v.PadRight == 0
}

// few says that groups are too small for tiles.
func (v conv) few() bool { return v.Groups > 1 && min(v.c, v.o) < 8 }

func conv2d(l *launch, a kernel.Conv2d, out, in []accel.Tensor) error {
	if len(out) != 1 || len(in) < 2 || len(in) > 3 {
		return errors.New("want 1 output and 2 or 3 inputs")
	}
	x, w, y := in[0], in[1], out[0]
	v, err := convOf(a, x, w, y)
	if err != nil {
		return err
	}
	bias := any(none{})
	if len(in) == 3 {
		if err := operand.VectorOf(v.o*v.Groups, in[2]); err != nil {
			return err
		}
		bias = in[2]
	}
	area := v.oh * v.ow
	switch {
	case v.pointwise():
		p := product{m: v.o, n: area, k: v.c, a: matrix{w, v.c, 1, 0}, b: matrix{x, area, 1, v.c * area}, c: matrix{y, area, 1, v.o * area},
			alpha: 1, count: v.batch}
		if len(in) == 3 {
			p.beta = 1
			spread := walk{n: []int{area, v.o, v.batch}, step: []int{0, 1, 0}}
			if err := l.run("walked", each(y.Len()), append([]any{y, bias, y.Len()}, spread.args()...)...); err != nil {
				return err
			}
		}
		return l.multiply(p)
	case v.few():
		return l.run("conv2d_few", each(y.Len()), append([]any{y, x, w, bias}, v.args()...)...)
	}
	return l.tiles("conv2d", v.batch*area, v.o, v.Groups, append([]any{y, x, w, bias}, v.args()...)...)
}

func conv2dDx(l *launch, a kernel.Conv2d, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 2); err != nil {
		return err
	}
	dy, w, dx := in[0], in[1], out[0]
	v, err := convOf(a, dx, w, dy)
	if err != nil {
		return err
	}
	switch {
	case v.pointwise():
		area := v.h * v.w
		return l.multiply(product{m: v.c, n: area, k: v.o, a: matrix{w, 1, v.c, 0}, b: matrix{dy, area, 1, v.o * area}, c: matrix{dx, area, 1, v.c * area},
			alpha: 1, count: v.batch})
	case v.few():
		return l.run("conv2d_dx_few", each(dx.Len()), append([]any{dx, dy, w}, v.args()...)...)
	}
	phase := divide(v.h, v.StrideH) * divide(v.w, v.StrideW) // positions of the largest
	return l.tiles("conv2d_dx", v.batch*phase, v.c, v.Groups*v.StrideH*v.StrideW, append([]any{dx, dy, w}, v.args()...)...)
}

// conv2dDw sums over images and positions in chunks, enough of them to fill a card, and then the chunks.
func conv2dDw(l *launch, a kernel.Conv2d, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 2); err != nil {
		return err
	}
	x, dy, dw := in[0], in[1], out[0]
	v, err := convOf(a, x, dw, dy)
	switch {
	case err != nil:
		return err
	case v.few():
		return l.run("conv2d_dw_few", eachRow(dw.Len(), v.oh*v.ow), append([]any{dw, x, dy}, v.args()...)...)
	case v.pointwise():
		return v.pointwiseDw(l, dw, x, dy)
	}
	const blocks, least = 512, 256
	sums := v.batch * v.oh * v.ow
	chunks := max(1, min(divide(blocks, divide(v.taps(), tile)*divide(v.o, tile)*v.Groups), sums/least))
	return chunkSums(l, dw, chunks, func(part accel.Tensor) error {
		args := slices.Concat([]any{part, x, dy}, v.args(), []any{chunks, divide(sums, chunks)})
		return l.tiles("conv2d_dw", v.taps(), v.o, v.Groups*chunks, args...)
	})
}

// mostParts is how many numbers of scratch pointwiseDw takes at most: 16 MiB, for the stream keeps them.
const mostParts = 1 << 22

// pointwiseDw multiplies as many images at a time as mostParts holds products of, adds to these those of the next images, and sums them.
func (v conv) pointwiseDw(l *launch, dw, x, dy accel.Tensor) error {
	area := v.oh * v.ow
	chunks := min(v.batch, max(1, mostParts/max(1, dw.Len())))
	return chunkSums(l, dw, chunks, func(part accel.Tensor) error {
		for image := 0; image < v.batch; image += chunks {
			p := product{m: v.o, n: v.c, k: area, a: matrix{dy, area, 1, v.o * area}, b: matrix{x, 1, area, v.c * area}, c: matrix{part, v.c, 1, v.o * v.c},
				alpha: 1, count: min(chunks, v.batch-image)}
			p.a.t.Off += image * p.a.batch
			p.b.t.Off += image * p.b.batch
			if image > 0 {
				p.beta = 1
			}
			if err := l.multiply(p); err != nil {
				return err
			}
		}
		return nil
	})
}

// chunkSums sums the chunks that fill makes of part [chunks, dw]; one chunk is dw itself.
func chunkSums(l *launch, dw accel.Tensor, chunks int, fill func(part accel.Tensor) error) error {
	if chunks == 1 {
		return fill(dw)
	}
	part, err := l.scratch(chunks, dw.Len())
	if err != nil {
		return err
	}
	if err := fill(part); err != nil {
		return err
	}
	return columnSums(l, dw, part, chunks, dw.Len())
}

// conv2dDb sums dy over images and positions.
func conv2dDb(l *launch, _ kernel.Conv2d, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 1); err != nil {
		return err
	}
	dy := in[0]
	if len(dy.Shape) != 4 {
		return errors.New("dy must be [B, O, OH, OW]")
	}
	batch, o, area := dy.Shape[0], dy.Shape[1], dy.Shape[2]*dy.Shape[3]
	if err := operand.VectorOf(o, out[0]); err != nil {
		return err
	}
	kept, sum := walk{n: []int{o}, step: []int{area}}, walk{n: []int{area, batch}, step: []int{1, o * area}}
	return l.run("reduce_walked", eachRow(o, batch*area), slices.Concat([]any{out[0], dy, batch * area}, kept.args(), sum.args())...)
}
