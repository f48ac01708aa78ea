package cpu

import (
	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/kernel"
)

// conv2dDx computes, for each remainder of padded positions by the stride, a correlation of dy with the weights that such positions
// met, turned by half a circle and with inputs and outputs exchanged. Sums run over outputs, then window rows and columns.
func conv2dDx(d *Device, a kernel.Conv2d, out, in []accel.Tensor) error {
	if err := arity(out, in, 1, 2); err != nil {
		return err
	}
	v, err := convOf(a, out[0], in[1], in[0])
	if err != nil {
		return err
	}
	dx, dy, w := f32(out[0]), f32(in[0]), f32(in[1])
	if v.kh < a.StrideH || v.kw < a.StrideW { // there are positions that no weight meets
		d.pool.run(len(dx), elementGrain, func(lo, hi int) { clear(dx[lo:hi]) })
	}
	turned := w
	if v.kh*v.kw > 1 {
		turned = d.borrow(len(w))
		defer d.giveBack(turned)
	}
	for ry := range a.StrideH {
		for rx := range a.StrideW {
			y := sweepOf(ry, a.StrideH, a.PadTop, v.h, v.kh)
			x := sweepOf(rx, a.StrideW, a.PadLeft, v.w, v.kw)
			if y.taps*x.taps == 0 {
				continue
			}
			if v.kh*v.kw > 1 {
				v.turn(d, turned, w, y, x)
			}
			r := correlation{
				field: field{channels: v.o, h: v.oh, w: v.ow, kh: y.taps, kw: x.taps, strideH: 1, strideW: 1,
					top: y.read, left: x.read, rows: y.count, cols: x.count},
				batch: v.batch, groups: a.Groups, src: dy, weights: turned, byTap: true, outputs: v.c,
				dst: dx, dh: v.h, dw: v.w, y0: y.first, x0: x.first, stepY: a.StrideH, stepX: a.StrideW,
			}
			r.run(d)
		}
	}
	return nil
}

// sweep is one axis of a correlation of conv2d.dx: count positions from first on with steps of the stride, whose padded position
// has the remainder phase. They meet taps weights: phase, phase + stride, ...; the first reads dy from read on.
type sweep struct {
	phase, stride      int
	first, count, taps int
	read               int
}

func sweepOf(phase, stride, pad, n, kernel int) sweep {
	x := sweep{phase: phase, stride: stride, first: ((phase-pad)%stride + stride) % stride}
	if x.first < n {
		x.count = (n - x.first + stride - 1) / stride
	}
	if phase < kernel {
		x.taps = (kernel - phase + stride - 1) / stride
	}
	x.read = (x.first+pad)/stride - (x.taps - 1)
	return x
}

// turn writes the weights that meet at y and x as [groups x O x taps, C], the last tap first.
func (v *conv) turn(d *Device, to, w []float32, y, x sweep) {
	n, window := y.taps*x.taps, v.kh*v.kw
	d.pool.run(v.Groups*v.o, grain(v.c*n), func(lo, hi int) {
		for o := lo; o < hi; o++ {
			from, rows := w[o*v.c*window:][:v.c*window], to[o*n*v.c:][:n*v.c]
			for t := range n {
				row := rows[(n-1-t)*v.c:][:v.c]
				column := from[(y.phase+t/x.taps*y.stride)*v.kw+x.phase+t%x.taps*x.stride:]
				for c := range row {
					row[c] = column[c*window]
				}
			}
		}
	})
}

// conv2dDw multiplies dy [O x positions] with the taps of each position, in order of images and positions. Threads share the weights,
// never the sum.
func conv2dDw(d *Device, a kernel.Conv2d, out, in []accel.Tensor) error {
	if err := arity(out, in, 1, 2); err != nil {
		return err
	}
	v, err := convOf(a, in[0], out[0], in[1])
	if err != nil {
		return err
	}
	dw, x, dy := f32(out[0]), f32(in[0]), f32(in[1])
	switch {
	case isDepthwise(v.c, v.o):
		v.depthwiseDw(d, dw, x, dy)
		return nil
	case v.kh*v.kw == 1:
		v.pointwiseDw(d, dw, x, dy)
		return nil
	}
	d.eachPart(a.Groups, v.o, v.taps(), v.batch*v.oh*v.ow, func(w *workspace, group, i0, i1, j0, j1 int) {
		v.partDw(d, w, dw, x, dy, group, i0, i1, j0, j1)
	})
	return nil
}

// partDw computes rows [i0, i1) and columns [j0, j1) of one group's dw [O x taps].
func (v *conv) partDw(d *Device, w *workspace, dw, x, dy []float32, group, i0, i1, j0, j1 int) {
	f, window := v.field(), v.kh*v.kw
	c0 := j0 / window
	chans := (j1-1)/window + 1 - c0
	full := f.chunk(chans, 1)
	l := byPosition{lay: lay{data: d.borrow(f.size(chans, full)), taps: f.offsets(chans, full), cols: v.ow}, first: c0 * window}
	defer d.giveBack(l.data)
	g := gemm{m: v.o, n: v.taps(), b: &l, c: dw[group*v.o*v.taps():], ldc: v.taps()}
	for b := range v.batch {
		image := b*v.Groups + group
		img := x[(image*v.c+c0)*v.h*v.w:]
		outputs := dy[image*v.o*v.oh*v.ow:][:v.o*v.oh*v.ow]
		for row := 0; row < v.oh; row += full {
			rows := min(full, v.oh-row)
			f.fill(w.u, &l.lay, img, 0, chans, row, rows, full)
			g.k, g.a = rows*v.ow, matrix{outputs[row*v.ow:], v.oh * v.ow, 1}
			g.block(w, i0, i1, j0, j1)
			g.add = true
		}
	}
}
