package cpu

// windowCode is what a level has for depthwise convolutions by a square window with steps of 1 or 2, which it applies to planes as they lie. A
// nil function means that it goes by a lay.
type windowCode struct {
	// correlate sets n rows of 16 outputs at y to the bias + the sum of w times what the window meets, in order with FMA. The first window's
	// corner is at x[at], in row first of h; rows outside are zeros. masks are those of a strip, see field.masks. What lies ahead in x
	// is fetched for the next call.
	correlate func(n int, y *float32, ldy int, x *float32, at, ldx, first, h, ahead int, w *float32, masks *uint16, bias float32)

	// dw adds to each sum of lanes at acc the products of dy, of n rows, with what the window's element met: in order of images, strips
	// and rows, with FMA.
	dw func(images int, acc, x *float32, imageX int, dy *float32, imageDy, strips int, masks *uint16, n, ldy, at, ldx, first, h int)

	// spread sets n pairs of rows of 32 elements of dx to the sum of dy times the weights that met them by steps of 2, in order of dy's
	// positions with FMA. The first element is dx[at], in row first of h; rows outside are left out. dy has rows rows. masks are those
	// of spreadMasks.
	spread func(n int, dx *float32, at, ldx, first, h int, dy *float32, ldy, rows int, w *float32, masks *uint16)
}

// windowCodes holds the code of each level by the window's side and step; an architecture's file fills it in init.
var windowCodes [levelAVX512 + 1]map[[2]int]windowCode

// windowCode finds the level's code for the field's windows.
func (f *field) windowCode(l level) windowCode {
	if f.kh != f.kw || f.strideH != f.strideW {
		return windowCode{}
	}
	return windowCodes[l][[2]int{f.kh, f.strideH}]
}

// strips is the number of strips of 16 columns of the outputs.
func (f *field) strips() int { return (f.cols + width - 1) / width }

// masks are, for each strip, those of what its windows read from a row and that of its columns. Windows by steps of 1 read 16 columns from each
// of their own on, by steps of 2 they read 32 from every other of their own on.
func (f *field) masks() []uint16 {
	var all []uint16
	for s := range f.strips() {
		for i := 0; i < f.kw; i += f.strideW {
			for half := range f.strideW {
				start := f.left + s*width*f.strideW + i + half*width
				all = append(all, laneMask(-start, f.w-start))
			}
		}
		all = append(all, laneMask(0, f.cols-s*width))
	}
	return all
}

// laneMask is the mask of lanes [lo, hi) of 16.
func laneMask(lo, hi int) uint16 {
	below := func(n int) uint16 { return uint16(1<<min(max(n, 0), width) - 1) }
	return below(hi) &^ below(lo)
}

// windows is depthwise by the level's code.
func (r *correlation) windows(d *Device, code windowCode) {
	const products = 1 << 18 // of a task that is worth its overhead
	masks, strips, window, u := r.masks(), r.strips(), r.kh*r.kw, microKernels[d.level]
	d.pool.run(r.batch*r.groups*r.outputs, products/(r.rows*strips*width*window), func(lo, hi int) {
		weights := make([]float32, window)
		for i := lo; i < hi; i++ {
			image, o := i/r.outputs, i%r.outputs
			r.weights.unpack(weights, u, image%r.groups, o)
			var b float32
			if r.bias != nil {
				b = r.bias[i%(r.groups*r.outputs)]
			}
			src, dst := ptr(r.src[image*r.h*r.w:]), r.dst[i*r.rows*r.cols:]
			for s := range strips {
				at := r.top*r.w + r.left + s*width*r.strideW
				code.correlate(r.rows, ptr(dst[s*width:]), r.cols, src, at, r.w, r.top, r.h, r.h*r.w, ptr(weights), &masks[s*len(masks)/strips], b)
			}
		}
	})
}

// spread is conv2d.dx of a depthwise convolution by the level's code: strips of 32 columns, each with what met it.
func (v *conv) spread(d *Device, code windowCode, dx, dy, w []float32) {
	const products = 1 << 18 // of a task that is worth its overhead
	strips, window := (v.PadLeft+v.w+2*width-1)/(2*width), v.kh*v.kw
	var masks []uint16
	for s := range strips {
		for back := (v.kw - 1) / 2; back >= 0; back-- {
			start := s*width - back
			masks = append(masks, laneMask(-start, v.ow-start))
		}
		for half := range 2 {
			start := (2*s+half)*width - v.PadLeft
			masks = append(masks, laneMask(-start, v.w-start))
		}
	}
	d.pool.run(v.batch*v.Groups, products/(v.h*v.w*window), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			to, from, weights := ptr(dx[i*v.h*v.w:]), dy[i*v.oh*v.ow:], ptr(w[i%v.Groups*window:])
			for s := range strips {
				at := s*2*width - v.PadTop*v.w - v.PadLeft
				code.spread((v.h+v.PadTop+1)/2, to, at, v.w, -v.PadTop, v.h, offset(ptr(from), s*width), v.ow, v.oh, weights, &masks[s*len(masks)/strips])
			}
		}
	})
}
