package cpu

// isDepthwise tells whether channels that each have their own weights make products too narrow for tiles.
func isDepthwise(channels, outputs int) bool { return channels == 1 && outputs < maxMR }

// depthwise computes a correlation whose groups have one channel: each output plane in one pass over the rows of a lay, gaps between
// the rows included.
func (r *correlation) depthwise(d *Device) {
	if code := r.windowCode(d.level); code.correlate != nil {
		r.windows(d, code)
		return
	}
	images := r.batch * r.groups
	full := r.chunk(1, (2*d.pool.threads+images-1)/images)
	chunks := (r.rows + full - 1) / full
	taps := r.offsets(1, full)
	_, pitch := r.plane(full)
	u := microKernels[d.level]
	const products = 1 << 18 // of a task that is worth its overhead
	d.pool.run(images*chunks, products/(r.outputs*full*r.cols*(1+len(taps))), func(lo, hi int) {
		l := lay{data: d.borrow(r.size(1, full))}
		defer d.giveBack(l.data)
		y := d.borrow((full*pitch + u.span - 1) / u.span * u.span)
		defer d.giveBack(y)
		weights := make([]float32, len(taps))
		for i := lo; i < hi; i++ {
			image, row := i/chunks, i%chunks*full
			rows := min(full, r.rows-row)
			r.fill(u, &l, r.src[image*r.h*r.w:], 0, 1, row, rows, full)
			for o := range r.outputs {
				var b float32
				if r.bias != nil {
					b = r.bias[image%r.groups*r.outputs+o]
				}
				r.weights.unpack(weights, u, image%r.groups, o)
				u.correlate((rows*pitch+u.span-1)/u.span, ptr(y), ptr(l.data), len(taps), ptr(weights), &taps[0], b)
				plane := r.dst[((image*r.outputs+o)*r.rows+row)*r.cols:]
				for k := range rows {
					copy(plane[k*r.cols:][:r.cols], y[k*pitch:])
				}
			}
		}
	})
}
