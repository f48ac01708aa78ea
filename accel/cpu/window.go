package cpu

// windowFunc is a kernel of microKernel.windows.
type windowFunc = func(n int, y *float32, ldy int, x *float32, at, ldx, first, h int, w *float32, masks *uint16, bias float32)

// strip is up to 16 columns of outputs from first on, with the masks of microKernel.windows.
type strip struct {
	first int
	masks [5]uint16
}

// strips cuts rows of outputs.
func (f *field) strips() []strip {
	var all []strip
	for first := 0; first < f.cols; first += width {
		s := strip{first: first}
		x := f.left + first*f.strideW
		starts := []int{x, x + 1, x + 2}
		if f.strideW == 2 {
			starts = []int{x, x + width, x + 2, x + 2 + width}
		}
		for i, start := range starts {
			s.masks[i] = laneMask(-start, f.w-start)
		}
		s.masks[len(starts)] = laneMask(0, f.cols-first)
		all = append(all, s)
	}
	return all
}

// laneMask is the mask of lanes [lo, hi) of 16.
func laneMask(lo, hi int) uint16 {
	below := func(n int) uint16 { return uint16(1<<min(max(n, 0), width) - 1) }
	return below(hi) &^ below(lo)
}

// window returns the level's code for the field's windows, or nil.
func (f *field) window(u *microKernel) windowFunc {
	if f.kh != 3 || f.kw != 3 || f.strideH != f.strideW || f.strideW > len(u.windows) {
		return nil
	}
	return u.windows[f.strideW-1]
}

// windows is depthwise for the windows of window: planes are read and written as they lie.
func (r *correlation) windows(d *Device, window windowFunc) {
	const products = 1 << 18 // of a task that is worth its overhead
	strips, u := r.strips(), microKernels[d.level]
	d.pool.run(r.batch*r.groups*r.outputs, products/(r.rows*len(strips)*width*9), func(lo, hi int) {
		weights := make([]float32, 9)
		for i := lo; i < hi; i++ {
			image, o := i/r.outputs, i%r.outputs
			r.weights.unpack(weights, u, image%r.groups, o)
			var b float32
			if r.bias != nil {
				b = r.bias[i%(r.groups*r.outputs)]
			}
			src, dst := ptr(r.src[image*r.h*r.w:]), r.dst[i*r.rows*r.cols:]
			for k := range strips {
				s := &strips[k]
				at := r.top*r.w + r.left + s.first*r.strideW
				window(r.rows, ptr(dst[s.first:]), r.cols, src, at, r.w, r.top, r.h, ptr(weights), &s.masks[0], b)
			}
		}
	})
}
