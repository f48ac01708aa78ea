package cpu

// correlation sweeps windows over images: output (y, x) of a field is, for each of outputs rows of weights, the product of the row and
// the window's taps, in order of taps with FMA, started from the bias. A convolution is one; the gradient of its input is
// one for each remainder of positions by the stride.
type correlation struct {
	field
	batch, groups int
	src           []float32 // [batch, groups x channels, h, w]
	weights       []float32 // [groups x outputs, taps], or by tap
	byTap         bool      // weights are [groups x taps, outputs]
	outputs       int
	bias          []float32 // [groups x outputs], or nil
	dst           []float32 // [batch, groups x outputs, dh, dw]; output (y, x) goes to (y0 + y stepY, x0 + x stepX)
	dh, dw        int
	y0, x0        int
	stepY, stepX  int
}

// run computes the correlation on all threads.
func (r *correlation) run(d *Device) {
	if r.rows < 1 || r.cols < 1 {
		return
	}
	if isDepthwise(r.channels, r.outputs) {
		r.depthwise(d)
		return
	}
	c := r.cut(d.pool.threads, microKernels[d.level])
	taps := r.offsets(r.channels, c.rows)
	const products = 1 << 18 // of a task that is worth its overhead
	tasks := c.parts * r.groups * c.runs * c.chunks
	d.pool.run(tasks, products/(c.outputs*c.rows*r.cols*(1+len(taps))), func(lo, hi int) {
		w := d.workspace()
		defer w.release()
		l := lay{taps: taps, cols: r.cols}
		if !r.pointwise() {
			l.data = d.borrow(r.size(r.channels, c.rows))
			defer d.giveBack(l.data)
		}
		for i := lo; i < hi; i++ {
			part, group, run, chunk := i/c.chunks/c.runs/r.groups, i/c.chunks/c.runs%r.groups, i/c.chunks%c.runs, i%c.chunks
			first := chunk * c.rows
			rows := min(c.rows, c.run-first)
			r.product(&w, &l, &c, group, run*c.run+first, rows, part*c.outputs)
		}
	})
}

// dense tells whether the outputs of an image fill its planes, row after row.
func (r *correlation) dense() bool { return r.stepY == 1 && r.stepX == 1 && r.cols == r.dw }

// product computes rows output rows from first on, counted over all images, of outputs [o, o + c.outputs) of a group.
func (r *correlation) product(w *workspace, l *lay, c *cutting, group, first, rows, o int) {
	k, n := len(l.taps), rows*r.cols
	image := r.channels * r.h * r.w
	src := r.src[group*image:]
	g := gemm{m: min(c.outputs, r.outputs-o), n: n, k: k, a: r.weightsFrom(group, o)}
	if g.m < 1 {
		return
	}
	if r.bias != nil {
		g.rowBias = r.bias[group*r.outputs+o:]
	}
	if r.pointwise() {
		g.b = &points{data: src, stride: r.groups * image, plane: r.h * r.w, first: first * r.cols}
	} else {
		r.fill(w.u, l, src, r.groups*image, r.channels, first, rows, c.rows)
		g.b = l
	}
	planes := r.dst[(group*r.outputs+o)*r.dh*r.dw:]
	stride := r.groups * r.outputs * r.dh * r.dw
	if c.runs == r.batch && r.dense() {
		g.c, g.ldc = planes[first/r.rows*stride+(r.y0+first%r.rows)*r.dw:], r.dh*r.dw
		w.whole(g)
		return
	}
	g.c, g.ldc = w.dev.borrow(g.m*n), n
	defer w.dev.giveBack(g.c)
	w.whole(g)
	for row := 0; row < rows; {
		y := (first + row) % r.rows
		run := min(rows-row, r.rows-y)
		for i := range g.m {
			r.scatter(w.u, planes[(first+row)/r.rows*stride+i*r.dh*r.dw:], g.c[i*n+row*r.cols:], y, run, r.cols)
		}
		row += run
	}
}

// weightsFrom is the left factor of a group's outputs from o on.
func (r *correlation) weightsFrom(group, o int) matrix {
	taps := r.channels * r.kh * r.kw
	weights := r.weights[group*r.outputs*taps:][:r.outputs*taps]
	if r.byTap {
		return matrix{weights[o:], 1, r.outputs}
	}
	return matrix{weights[o*taps:], taps, 1}
}

// scatter puts rows output rows, pitch apart in src, in their places of one plane, from output row on.
func (r *correlation) scatter(u *microKernel, plane, src []float32, row, rows, pitch int) {
	if r.dense() && pitch == r.cols {
		copy(plane[(r.y0+row)*r.dw:], src[:rows*pitch])
		return
	}
	for y := range rows {
		at := (r.y0 + (row+y)*r.stepY) * r.dw
		u.place(plane[at+r.x0:at+r.dw], src[y*pitch:][:r.cols], r.stepX)
	}
}
