package cpu

import (
	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/internal/operand"
	"github.com/pipe-ml/pipe/accel/kernel"
)

// conv2dDw multiplies dy [O x positions] with the taps of each position, in order of images and positions. Threads share the weights,
// never the sum.
func conv2dDw(d *Device, a kernel.Conv2d, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 2); err != nil {
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

// eachPart divides products [m x n] of inner length k, one a group, among the threads: f computes rows [i0, i1) and columns [j0, j1).
func (d *Device) eachPart(groups, m, n, k int, f func(w *workspace, group, i0, i1, j0, j1 int)) {
	u := microKernels[d.level]
	tileRows, tileCols := (m+u.mr-1)/u.mr, (n+u.nr-1)/u.nr
	rows, cols := cut((d.pool.threads+groups-1)/groups, tileRows, tileCols, k)
	di, dj := (tileRows+rows-1)/rows*u.mr, (tileCols+cols-1)/cols*u.nr
	parts := rows * cols
	d.pool.run(groups*parts, 1, func(lo, hi int) {
		w := d.workspace()
		defer w.release()
		for i := lo; i < hi; i++ {
			group, i0, j0 := i/parts, i%parts/cols*di, i%parts%cols*dj
			if i0 < m && j0 < n {
				f(&w, group, i0, min(i0+di, m), j0, min(j0+dj, n))
			}
		}
	})
}

// pointwiseDw is conv2dDw for windows of one element: the product of dy and x as they lie, once the positions of x that no output
// reads are left out. The narrower of the two is the right factor, which is packed.
func (v *conv) pointwiseDw(d *Device, dw, x, dy []float32) {
	k, images := v.oh*v.ow, v.batch*v.Groups
	if f := v.field(); !f.pointwise() {
		thin := d.borrow(images * v.c * k)
		defer d.giveBack(thin)
		u := microKernels[d.level]
		d.pool.run(images*v.c, grain(v.h*v.w), func(lo, hi int) {
			for plane := lo; plane < hi; plane++ {
				f.fillPhase(u, thin[plane*k:][:k], x[plane*v.h*v.w:][:v.h*v.w], v.ow, f.top, f.left)
			}
		})
		x = thin
	}
	m, n, left, right, to := v.o, v.c, dy, x, dw
	if v.o < v.c {
		m, n, left, right, to = v.c, v.o, x, dy, d.borrow(len(dw))
		defer d.giveBack(to)
	}
	d.eachPart(v.Groups, m, n, v.batch*k, func(w *workspace, group, i0, i1, j0, j1 int) {
		g := gemm{m: m, n: n, k: k, c: to[group*m*n:], ldc: n}
		for image := group; image < images; image += v.Groups {
			g.a, g.b = matrix{left[image*m*k:], k, 1}, matrix{right[image*n*k:], 1, k}
			g.block(w, i0, i1, j0, j1)
			g.add = true
		}
	})
	if v.o < v.c {
		const rows = 64 // of a task
		blocks := (m + rows - 1) / rows
		d.pool.run(v.Groups*blocks, grain(rows*n), func(lo, hi int) {
			u := microKernels[d.level]
			t := transposer{u: u, rows: make([]int, u.lanes)}
			for block := lo; block < hi; block++ {
				group, first := block/blocks, block%blocks*rows
				t.transpose(dw[group*m*n+first:], m, to[(group*m+first)*n:], min(rows, m-first), n)
			}
		})
	}
}
