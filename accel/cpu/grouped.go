package cpu

//go:generate go run ./internal/gen grouped

// sweeper is a level's code for the correlation of rows outputs at a time: y[j*ldy+i] is bias[j] + the sum over p < k of w[rows*p+j]
// x[taps[p]+i], in order of p with FMA, for j < rows and i < span n.
type sweeper struct {
	rows, span int
	run        func(n, k int, w, x *float32, taps *int, y *float32, ldy int, bias *float32)
}

// sweepers are a level's, from few rows to many; an architecture's file fills them in init.
var sweepers [levelAVX512 + 1][]sweeper

// sweeper returns the code for groups of so few outputs that to pack what the windows meet would take as long as to multiply it, or one
// without a function.
func (r *correlation) sweeper(d *Device) (s sweeper) {
	if r.outputs > 2*maxMR || r.kh*r.kw == 1 {
		return s
	}
	for _, s = range sweepers[d.level] {
		if s.rows >= r.outputs {
			break
		}
	}
	return s
}

// sweep computes the correlation in one pass over the rows of a lay for some outputs at a time, gaps between the rows included.
func (r *correlation) sweep(d *Device, s sweeper) {
	full := r.chunk(r.channels, (2*d.pool.threads+r.batch*r.groups-1)/(r.batch*r.groups))
	chunks := (r.rows + full - 1) / full
	taps := r.offsets(r.channels, full)
	_, pitch := r.plane(full)
	u, tiles := microKernels[d.level], (r.outputs+s.rows-1)/s.rows
	ldy := (full*pitch + s.span - 1) / s.span * s.span
	weights, bias := d.borrow(r.groups*tiles*len(taps)*s.rows), d.borrow(r.groups*tiles*s.rows)
	defer d.giveBack(weights)
	defer d.giveBack(bias)
	r.packTaps(d, weights, bias, tiles, s.rows)
	const products = 1 << 18 // of a task that is worth its overhead
	d.pool.run(r.batch*r.groups*chunks, products/(r.outputs*full*r.cols*len(taps)), func(lo, hi int) {
		l := lay{data: d.borrow(r.size(r.channels, full) + s.span)}
		defer d.giveBack(l.data)
		y := d.borrow(s.rows * ldy)
		defer d.giveBack(y)
		for i := lo; i < hi; i++ {
			image, row := i/chunks, i%chunks*full
			rows := min(full, r.rows-row)
			r.fill(u, &l, r.src[image*r.channels*r.h*r.w:], 0, r.channels, row, rows, full)
			for tile := range tiles {
				packed := (image%r.groups*tiles + tile) * s.rows
				s.run((rows*pitch+s.span-1)/s.span, len(taps), ptr(weights[packed*len(taps):]), ptr(l.data), &taps[0], ptr(y), ldy, ptr(bias[packed:]))
				for o := tile * s.rows; o < min((tile+1)*s.rows, r.outputs); o++ {
					from, plane := y[o%s.rows*ldy:], r.dst[((image*r.outputs+o)*r.rows+row)*r.cols:]
					if r.cols >= 8 {
						u.copyBlock(rows, r.cols, from, pitch, plane, r.cols)
						continue
					}
					for k := range rows {
						copy(plane[k*r.cols:][:r.cols], from[k*pitch:])
					}
				}
			}
		}
	})
}

// packTaps packs the weights of all groups, in tiles of rows outputs: for each tap, the weights of a tile's outputs side by side, and the biases.
func (r *correlation) packTaps(d *Device, weights, bias []float32, tiles, rows int) {
	clear(weights)
	clear(bias)
	n := r.channels * r.kh * r.kw
	d.pool.run(r.groups, grain(r.outputs*n), func(lo, hi int) {
		taps := make([]float32, n)
		for i := lo * r.outputs; i < hi*r.outputs; i++ {
			group, o := i/r.outputs, i%r.outputs
			r.weights.unpack(taps, microKernels[d.level], group, o)
			tile := group*tiles + o/rows
			for p, w := range taps {
				weights[(tile*n+p)*rows+o%rows] = w
			}
			if r.bias != nil {
				bias[tile*rows+o%rows] = r.bias[i]
			}
		}
	})
}
