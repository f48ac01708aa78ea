package cpu

import (
	"errors"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/internal/operand"
	"github.com/pipe-ml/pipe/accel/kernel"
)

func init() {
	register("upsample_bilinear2d", upsampleBilinear2d)
	register("upsample_bilinear2d.dx", upsampleBilinear2dDx)
}

// tap is where an output lies between two elements of a row or column of the input.
type tap struct {
	first, second  int
	weight, beyond float32 // of the first and of the second
}

// taps are those of m outputs on n elements. The position is one division of integers, rounded once, so that it is the same everywhere.
func taps(n, m int) []tap {
	out := make([]tap, m)
	for i := range out {
		// ((i + 1/2) n / m - 1/2) is twice this over 2m.
		whole := max(0, (2*i+1)*n-m)
		first := min(whole/(2*m), n-1)
		beyond := float32(float64(whole-2*m*first) / float64(2*m))
		out[i] = tap{first, min(first+1, n-1), 1 - beyond, beyond}
	}
	return out
}

// bilinear is the geometry of an interpolation of planes.
type bilinear struct {
	planes      int
	w, size     int // row and plane of the small images
	wide, large int // and of the large ones
	rows, cols  []tap
}

func bilinearOf(x, y accel.Tensor) (bilinear, error) {
	if len(x.Shape) != 4 || len(y.Shape) != 4 || x.Shape[0] != y.Shape[0] || x.Shape[1] != y.Shape[1] {
		return bilinear{}, errors.New("the shapes must be x [B, C, H, W] and y [B, C, OH, OW]")
	}
	h, w, oh, ow := x.Shape[2], x.Shape[3], y.Shape[2], y.Shape[3]
	return bilinear{
		planes: x.Shape[0] * x.Shape[1], w: w, size: h * w, wide: ow, large: oh * ow, rows: taps(h, oh), cols: taps(w, ow),
	}, nil
}

// upsampleBilinear2d interpolates along the rows, then between them.
func upsampleBilinear2d(d *Device, _ kernel.UpsampleBilinear2d, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 1); err != nil {
		return err
	}
	b, err := bilinearOf(in[0], out[0])
	if err != nil {
		return err
	}
	x, y := f32(in[0]), f32(out[0])
	d.pool.run(b.planes, grain(b.large), func(lo, hi int) {
		for p := lo; p < hi; p++ {
			from, to := x[p*b.size:][:b.size], y[p*b.large:][:b.large]
			for i, r := range b.rows {
				above, below := from[r.first*b.w:][:b.w], from[r.second*b.w:][:b.w]
				for j, c := range b.cols {
					top := float32(c.weight*above[c.first]) + float32(c.beyond*above[c.second])
					bottom := float32(c.weight*below[c.first]) + float32(c.beyond*below[c.second])
					to[i*b.wide+j] = float32(r.weight*top) + float32(r.beyond*bottom)
				}
			}
		}
	})
	return nil
}

// upsampleBilinear2dDx adds each output's gradient to its four elements, in row-major order of the outputs.
func upsampleBilinear2dDx(d *Device, _ kernel.UpsampleBilinear2d, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 1); err != nil {
		return err
	}
	b, err := bilinearOf(out[0], in[0])
	if err != nil {
		return err
	}
	dx, dy := f32(out[0]), f32(in[0])
	d.pool.run(b.planes, grain(b.large), func(lo, hi int) {
		for p := lo; p < hi; p++ {
			from, to := dy[p*b.large:][:b.large], dx[p*b.size:][:b.size]
			clear(to)
			for i, r := range b.rows {
				above, below := to[r.first*b.w:][:b.w], to[r.second*b.w:][:b.w]
				for j, c := range b.cols {
					g := from[i*b.wide+j]
					top, bottom := float32(r.weight*g), float32(r.beyond*g)
					above[c.first] += float32(c.weight * top)
					above[c.second] += float32(c.beyond * top)
					below[c.first] += float32(c.weight * bottom)
					below[c.second] += float32(c.beyond * bottom)
				}
			}
		}
	})
	return nil
}
