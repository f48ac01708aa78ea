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
	dx, dy := f32(out[0]), f32(in[0])
	if f := v.field(); v.c == 1 && v.o == 1 {
		if code := f.windowCode(d.level); code.spread != nil {
			v.spread(d, code, dx, dy, f32(in[1]))
			return nil
		}
	}
	phases := v.phases(microKernels[d.level])
	if v.kh*v.kw == 1 { // the phase of remainder 0 takes the weights as they lie, there are no others
		phases[0].weights = weights{matrix: matrix{f32(in[1]), 1, v.c}, size: v.o * v.c}
	} else {
		for i := range phases {
			data := d.borrow(v.Groups * phases[i].weights.size)
			phases[i].weights.data = data
			defer d.giveBack(data)
		}
		v.turn(d, phases, f32(in[1]))
	}
	for ; len(phases) > 0; phases = phases[a.StrideW:] {
		if a.StrideH*a.StrideW == 1 {
			v.phaseDx(d, &phases[0], dx, dy)
			break
		}
		columns := make([][]float32, a.StrideW) // by position: the dx of every StrideW-th column
		for i := range columns {
			p := &phases[i]
			dst := d.borrow(v.batch * a.Groups * v.c * p.y.count * p.x.count)
			v.phaseDx(d, p, dst, dy)
			columns[p.x.first] = dst
		}
		v.join(d, dx, phases[0].y, columns)
		for _, c := range columns {
			d.giveBack(c)
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
	taps    []int // elements of a window, in order of the sum
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
					p.taps = append(p.taps, (ry+ky*v.StrideH)*v.kw+rx+kx*v.StrideW)
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
	if len(p.taps) == 0 {
		clear(dst) // no weight meets these positions
		return
	}
	r := correlation{
		field: field{channels: v.o, h: v.oh, w: v.ow, kh: p.y.taps, kw: p.x.taps, strideH: 1, strideW: 1,
			top: p.y.read, left: p.x.read, rows: p.y.count, cols: p.x.count},
		batch: v.batch, groups: v.Groups, src: dy, weights: p.weights, outputs: v.c, dst: dst,
	}
	r.run(d)
}

// join interleaves the columns of the rows that y sweeps.
func (v *conv) join(d *Device, dx []float32, y sweep, columns [][]float32) {
	u := microKernels[d.level]
	d.pool.run(v.batch*v.Groups*v.c*y.count, grain(v.w), func(lo, hi int) {
		rows := make([][]float32, len(columns))
		for i := lo; i < hi; i++ {
			for first, c := range columns {
				n := max(0, v.w-first+v.StrideW-1) / v.StrideW
				rows[first] = c[i*n:][:n]
			}
			u.interleave(dx[(i/y.count*v.h+y.first+i%y.count*v.StrideH)*v.w:][:v.w], rows)
		}
	})
}

// turn packs the weights of all phases: panels of a tile's inputs with, for each output and tap, those of a panel side by side. As
// many inputs as a level has lanes are transposed at once, and cut into panels.
func (v *conv) turn(d *Device, phases []phase, w []float32) {
	u, window := microKernels[d.level], v.kh*v.kw
	step := u.lanes / u.mr * u.mr
	d.pool.run(v.Groups*v.o, grain(v.c*window), func(lo, hi int) {
		t := transposer{u: u, rows: make([]int, u.lanes)}
		byTap := d.borrow((window + maxLanes) * maxLanes)
		defer d.giveBack(byTap)
		for row := lo; row < hi; row++ {
			group, o := row/v.o, row%v.o
			from := w[row*v.c*window:][:v.c*window]
			for c := 0; c < v.c; c += step {
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

// cutPanel copies the first elements, as many as a tile has rows, of the given rows of lanes.
func (u *microKernel) cutPanel(to, from []float32, rows []int) {
	if u.mr == 8 {
		for j, row := range rows {
			*(*[8]float32)(to[8*j:]) = [8]float32(from[row*u.lanes:])
		}
		return
	}
	for j, row := range rows {
		copy(to[j*u.mr:][:u.mr], from[row*u.lanes:])
	}
}
