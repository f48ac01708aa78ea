package cpu

// correlation sweeps windows over images: output (y, x) of a field is, for each of outputs rows of weights, the product of the row and
// the window's taps, in order of taps with FMA, started from the bias. A convolution is one; the gradient of its input is
// one for each remainder of positions by the stride.
type correlation struct {
	field
	batch, groups int
	src           []float32 // [batch, groups x channels, h, w]
	weights       []float32 // [groups x outputs, taps]
	outputs       int
	bias          []float32 // [groups x outputs], or nil
	dst           []float32 // [batch, groups x outputs, dh, dw]; output (y, x) goes to (y0 + y stepY, x0 + x stepX)
	dh, dw        int
	y0, x0        int
	stepY, stepX  int
}

// run computes chunks of output rows on all threads.
func (r *correlation) run(d *Device) {
	if r.rows < 1 || r.cols < 1 {
		return
	}
	images := r.batch * r.groups
	full := r.chunk(r.channels, (2*d.pool.threads+images-1)/images)
	chunks := (r.rows + full - 1) / full
	taps := r.offsets(r.channels, full)
	const products = 1 << 18 // of a task that is worth its overhead
	d.pool.run(images*chunks, products/(r.outputs*full*r.cols*(1+len(taps))), func(lo, hi int) {
		w := d.workspace()
		defer w.release()
		l := lay{data: d.borrow(r.size(r.channels, full)), taps: taps, cols: r.cols}
		defer d.giveBack(l.data)
		_, l.pitch = r.plane(full)
		for i := lo; i < hi; i++ {
			image, row := i/chunks, i%chunks*full
			rows := min(full, r.rows-row)
			img := r.src[image*r.channels*r.h*r.w:][:r.channels*r.h*r.w]
			if isDepthwise(r.channels, r.outputs) || !r.pointwise() {
				r.fill(w.u, l.data, img, r.channels, row, rows, full)
			}
			r.chunkOf(d, &w, &l, img, image, row, rows)
		}
	})
}

// pointwise tells whether an output reads its own position only, so that the image itself is the right factor.
func (r *correlation) pointwise() bool {
	return r.kh == 1 && r.kw == 1 && r.strideH == 1 && r.strideW == 1 &&
		r.top == 0 && r.left == 0 && r.rows == r.h && r.cols == r.w
}

// isDepthwise tells whether channels that each have their own weights make products too narrow for tiles.
func isDepthwise(channels, outputs int) bool { return channels == 1 && outputs < maxMR }

// chunkOf computes rows outputs rows from row on of one image and group, from l, or from img if the windows are points.
func (r *correlation) chunkOf(d *Device, w *workspace, l *lay, img []float32, image, row, rows int) {
	group, n, k := image%r.groups, rows*r.cols, len(l.taps)
	planes := r.dst[image*r.outputs*r.dh*r.dw:][:r.outputs*r.dh*r.dw]
	var bias []float32
	if r.bias != nil {
		bias = r.bias[group*r.outputs:][:r.outputs]
	}
	weights := r.weights[group*r.outputs*k:][:r.outputs*k]
	if isDepthwise(r.channels, r.outputs) {
		r.depthwise(d, w, l, weights, bias, planes, row, rows)
		return
	}
	g := gemm{m: r.outputs, n: n, k: k, a: matrix{weights, k, 1}, b: l, rowBias: bias}
	if r.pointwise() {
		g.b = matrix{img[row*r.cols:], r.h * r.w, 1}
	}
	if r.stepY == 1 && r.stepX == 1 && r.cols == r.dw {
		g.c, g.ldc = planes[(r.y0+row)*r.dw:], r.dh*r.dw
		g.block(w, 0, g.m, 0, n)
		return
	}
	g.c, g.ldc = d.borrow(g.m*n), n
	defer d.giveBack(g.c)
	g.block(w, 0, g.m, 0, n)
	for o := range r.outputs {
		r.scatter(planes[o*r.dh*r.dw:], g.c[o*n:], row, rows, r.cols)
	}
}

// scatter puts rows output rows, pitch apart in src, in their places of one plane.
func (r *correlation) scatter(plane, src []float32, row, rows, pitch int) {
	for y := range rows {
		to := plane[(r.y0+(row+y)*r.stepY)*r.dw+r.x0:]
		from := src[y*pitch:][:r.cols]
		if r.stepX == 1 {
			copy(to, from)
			continue
		}
		for x, v := range from {
			to[x*r.stepX] = v
		}
	}
}

// depthwise computes outputs planes from one channel, each in one pass over the rows of the lay, gaps between the rows included.
func (r *correlation) depthwise(d *Device, w *workspace, l *lay, weights, bias, planes []float32, row, rows int) {
	u, k := w.u, len(l.taps)
	spans := (rows*l.pitch + u.span - 1) / u.span
	y := d.borrow(spans * u.span)
	defer d.giveBack(y)
	for o := range r.outputs {
		var b float32
		if bias != nil {
			b = bias[o]
		}
		if k == 0 {
			clear(y)
		} else {
			u.correlate(spans, ptr(y), ptr(l.data), k, ptr(weights[o*k:]), &l.taps[0], b)
		}
		r.scatter(planes[o*r.dh*r.dw:], y, row, rows, l.pitch)
	}
}
