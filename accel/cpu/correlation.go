package cpu

// correlation sweeps windows over images: output (y, x) of a field is, for each of outputs rows of weights, the product of the row and
// the window's taps, in order of taps with FMA, started from the bias. A convolution is one; the gradient of its input is
// one for each remainder of positions by the stride.
type correlation struct {
	field
	batch, groups int
	src           []float32 // [batch, groups x channels, h, w]
	weights       weights
	outputs       int
	bias          []float32 // [groups x outputs], or nil
	dst           []float32 // [batch, groups x outputs, rows, cols]
}

// weights are the left factors [outputs x taps] of the groups, size elements apart.
type weights struct {
	matrix
	size  int
	panel int // if not 0, they are packed, see gemm
}

// from is the left factor of a group's outputs from o on; o begins a tile.
func (x *weights) from(u *microKernel, group, o int) matrix {
	at := group*x.size + o*x.rs
	if x.panel > 0 {
		at = group*x.size + o/u.mr*x.panel
	}
	return matrix{x.data[at:], x.rs, x.cs}
}

// unpack copies the weights of one output.
func (x *weights) unpack(to []float32, u *microKernel, group, o int) {
	from, step := x.data[group*x.size:], x.cs
	if x.panel > 0 {
		from, step = from[o/u.mr*x.panel+o%u.mr:], u.mr
	} else {
		from = from[o*x.rs:]
	}
	for p := range to {
		to[p] = from[p*step]
	}
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
	if s := r.sweeper(d); s.run != nil {
		r.sweep(d, s)
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

// product computes rows output rows from first on, counted over all images, of outputs [o, o + c.outputs) of a group.
func (r *correlation) product(w *workspace, l *lay, c *cutting, group, first, rows, o int) {
	k, n := len(l.taps), rows*r.cols
	image := r.channels * r.h * r.w
	src := r.src[group*image:]
	g := gemm{m: min(c.outputs, r.outputs-o), n: n, k: k, panel: r.weights.panel, a: r.weights.from(w.u, group, o)}
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
	size := r.rows * r.cols
	planes := r.dst[(group*r.outputs+o)*size:]
	stride := r.groups * r.outputs * size
	if c.runs == r.batch {
		g.c, g.ldc = planes[first/r.rows*stride+first%r.rows*r.cols:], size
		w.whole(g)
		return
	}
	g.c, g.ldc = w.dev.borrow(g.m*n), n
	defer w.dev.giveBack(g.c)
	w.whole(g)
	for j := 0; j < n; {
		image, at := (first*r.cols+j)/size, (first*r.cols+j)%size
		run := min(n-j, size-at)
		for i := range g.m {
			copy(planes[image*stride+i*size+at:], g.c[i*n+j:][:run])
		}
		j += run
	}
}
