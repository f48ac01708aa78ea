package cpu

import (
	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/internal/operand"
	"github.com/pipe-ml/pipe/accel/kernel"
)

// conv2dDx computes, for each remainder of padded positions by the stride, a correlation of dy with the weights that such positions
// met, turned by half a circle and with inputs and outputs exchanged. Sums run over outputs, then window rows and columns.
func conv2dDx(d *Device, a kernel.Conv2d, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 2); err != nil {
		return err
	}
	v, err := convOf(a, out[0], in[1], in[0])
	if err != nil {
		return err
	}
	dx, dy := f32(out[0]), f32(in[0])
	if f := v.field(); v.c == 1 && v.o == 1 {
		if code := f.windowCode(d.level); code.spread != nil {
			v.spread(d, code, dx, dy, f32(in[1]))
			return nil
		}
	}
	phases := v.phases(microKernels[d.level])
	switch window := v.kh * v.kw; {
	case window == 1 && v.batch*v.oh*v.ow <= blockN: // each weight is read once, as it lies; there is one phase
		phases[0].weights = weights{matrix: matrix{f32(in[1]), 1, v.c}, size: v.o * v.c}
	default:
		for i := range phases {
			data := d.borrow(v.Groups * phases[i].weights.size)
			phases[i].weights.data = data
			defer d.giveBack(data)
		}
		if window == 1 {
			v.panels(d, phases[0].weights, f32(in[1]))
		} else {
			v.turn(d, phases, f32(in[1]))
		}
	}
	for ; len(phases) > 0; phases = phases[a.StrideW:] {
		if a.StrideH*a.StrideW == 1 {
			v.phaseDx(d, &phases[0], dx, dy)
			break
		}
		parts := make([]columns, a.StrideW) // by position: the dx of every StrideW-th column
		for i := range parts {
			p := &phases[i]
			part := columns{n: p.x.count}
			if len(p.taps) == 0 { // no weight meets these positions
				part.data = make([]float32, part.n)
			} else {
				part.data, part.pitch = d.borrow(v.batch*a.Groups*v.c*p.y.count*part.n), part.n
				v.phaseDx(d, p, part.data, dy)
			}
			parts[p.x.first] = part
		}
		v.join(d, dx, phases[0].y, parts)
		for _, p := range parts {
			if p.pitch > 0 {
				d.giveBack(p.data)
			}
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

// phase is one correlation of conv2d.dx.
type phase struct {
	y, x    sweep
	taps    []int // where the elements of a window lie, in order of the sum, in a matrix of vectors
	weights weights
}

// phases lists the correlations by row, then column.
func (v *conv) phases(u *microKernel) []phase {
	var all []phase
	for ry := range v.StrideH {
		for rx := range v.StrideW {
			p := phase{y: sweepOf(ry, v.StrideH, v.PadTop, v.h, v.kh), x: sweepOf(rx, v.StrideW, v.PadLeft, v.w, v.kw)}
			for ky := p.y.taps - 1; ky >= 0; ky-- {
				for kx := p.x.taps - 1; kx >= 0; kx-- {
					p.taps = append(p.taps, ((ry+ky*v.StrideH)*v.kw+rx+kx*v.StrideW)*u.lanes)
				}
			}
			p.weights.panel = v.o * len(p.taps) * u.mr
			p.weights.size = (v.c + u.mr - 1) / u.mr * p.weights.panel
			all = append(all, p)
		}
	}
	return all
}

// phaseDx computes dst [B, groups x C, y.count, x.count].
func (v *conv) phaseDx(d *Device, p *phase, dst, dy []float32) {
	r := correlation{
		field: field{channels: v.o, h: v.oh, w: v.ow, kh: p.y.taps, kw: p.x.taps, strideH: 1, strideW: 1,
			top: p.y.read, left: p.x.read, rows: p.y.count, cols: p.x.count},
		batch: v.batch, groups: v.Groups, src: dy, weights: p.weights, outputs: v.c, dst: dst,
	}
	r.run(d)
}

// join interleaves the columns of the rows that y sweeps.
func (v *conv) join(d *Device, dx []float32, y sweep, parts []columns) {
	u := microKernels[d.level]
	d.pool.run(v.batch*v.Groups*v.c, grain(y.count*v.w), func(lo, hi int) {
		plane := make([]columns, len(parts))
		for i := lo; i < hi && y.count > 0; i++ {
			for j, p := range parts {
				plane[j] = columns{p.data[i*y.count*p.pitch:], p.n, p.pitch}
			}
			u.interleave(y.count, dx[(i*v.h+y.first)*v.w:], v.StrideH*v.w, plane)
		}
	})
}

// panels packs the weights of windows of one element.
func (v *conv) panels(d *Device, to weights, w []float32) {
	u := microKernels[d.level]
	count := to.size / to.panel
	d.pool.run(v.Groups*count, grain(to.panel), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			group, c := i/count, i%count*u.mr
			from := matrix{w[group*v.o*v.c+c:], 1, v.c}
			from.packRows(u, to.data[i*to.panel:][:to.panel], u.mr, min(u.mr, v.c-c), v.o)
		}
	})
}

// turn packs the weights of all phases: panels of a tile's inputs with, for each output and tap, those of a panel side by side. As
// many inputs as a level has lanes are transposed at once, and cut into panels.
func (v *conv) turn(d *Device, phases []phase, w []float32) {
	u, window := microKernels[d.level], v.kh*v.kw
	step := u.lanes / u.mr * u.mr
	blocks := (v.c + step - 1) / step
	d.pool.run(v.Groups*blocks, grain(v.o*step*window), func(lo, hi int) {
		t := transposer{u: u, rows: make([]int, u.lanes)}
		byTap := d.borrow((window + maxLanes) * maxLanes)
		defer d.giveBack(byTap)
		for block := lo; block < hi; block++ {
			group, c := block/blocks, block%blocks*step
			for o := range v.o {
				from := w[(group*v.o+o)*v.c*window:][:v.c*window]
				t.columns(byTap, from, c, min(u.lanes, v.c-c), window)
				for k := c; k < min(c+step, v.c); k += u.mr {
					for i := range phases {
						p := &phases[i]
						to := p.weights.data[group*p.weights.size+k/u.mr*p.weights.panel+o*len(p.taps)*u.mr:]
						u.cutPanel(to, byTap[k-c:], p.taps)
					}
				}
			}
		}
	})
}

// cutPanel copies the first elements, as many as a tile has rows, of vectors.
func (u *microKernel) cutPanel(to, from []float32, vectors []int) {
	if u.mr == 8 {
		if len(vectors) > 0 {
			u.copyTaps(len(vectors), ptr(from), &vectors[0], ptr(to), u.mr, 1)
		}
		return
	}
	for j, at := range vectors {
		copy(to[j*u.mr:][:u.mr], from[at:])
	}
}
