package cpu

// depthwiseDw sums, for each weight, the products of dy with what the weight met: in 16 lanes, that of a position being its column mod 16, and in
// a lane in order of images, strips of 16 columns and rows, with FMA.
func (v *conv) depthwiseDw(d *Device, dw, x, dy []float32) {
	f, window := v.field(), v.kh*v.kw
	code := f.windowCode(d.level)
	masks, taps := f.masks(), f.offsets(1, v.oh)
	for microKernels[d.level].dotTaps != nil && len(taps)%4 > 0 { // surplus sums are faster than single ones
		taps = append(taps, 0)
	}
	images, outputs := v.Groups*v.h*v.w, v.Groups*v.o*v.oh*v.ow // elements of an image
	d.pool.run(v.Groups*v.o, grain(window*v.batch*v.oh*v.ow), func(lo, hi int) {
		sums := make([]lanes, len(taps))
		for out := lo; out < hi; out++ {
			clear(sums)
			from, of := x[out/v.o*v.h*v.w:], dy[out*v.oh*v.ow:]
			if code.dw != nil {
				code.dw(v.batch, &sums[0][0], ptr(from), images, ptr(of), outputs, f.strips(), &masks[0],
					v.oh, v.ow, f.top*v.w+f.left, v.w, f.top, v.h)
			} else {
				v.dots(d, sums, taps, from, of)
			}
			for t := range window {
				dw[out*window+t] = sums[t].total()
			}
		}
	})
}

// dots is windowCode.dw for the planes of all images by way of a lay. Rows of dy are copied to whole strips, for zeros change no sum.
func (v *conv) dots(d *Device, sums []lanes, taps []int, x, dy []float32) {
	f, u := v.field(), microKernels[d.level]
	l := lay{data: d.borrow(f.size(1, v.oh))}
	defer d.giveBack(l.data)
	_, ldx := f.plane(v.oh)
	ldy := f.strips() * width
	rows := d.borrow(v.oh * ldy)
	defer d.giveBack(rows)
	clear(rows)
	for b := range v.batch {
		f.fill(u, &l, x[b*v.Groups*v.h*v.w:], 0, 1, 0, v.oh, v.oh)
		from := dy[b*v.Groups*v.o*v.oh*v.ow:]
		if v.ow >= 8 {
			u.copyBlock(v.oh, v.ow, from, v.ow, rows, ldy)
		} else {
			for y := range v.oh {
				copy(rows[y*ldy:], from[y*v.ow:][:v.ow])
			}
		}
		for first := 0; first < v.ow; first += width {
			at, of := ptr(l.data[first:]), ptr(rows[first:])
			if u.dotTaps == nil {
				dotTapsGo(v.oh, sums, at, ldx, taps, of, ldy)
				continue
			}
			for t := 0; t < len(taps); t += 4 {
				u.dotTaps(v.oh, &sums[t][0], at, ldx, &taps[t], of, ldy)
			}
		}
	}
}

// dotTapsGo is microKernel.dotTaps for any number of sums.
func dotTapsGo(n int, sums []lanes, x *float32, ldx int, taps []int, dy *float32, ldy int) {
	for t, tap := range taps {
		for r := range n {
			for i := range width {
				sums[t][i] = fma32(*offset(x, tap+r*ldx+i), *offset(dy, r*ldy+i), sums[t][i])
			}
		}
	}
}
