package cpu

// field says what a convolution reads: output (y, x), y < rows and x < cols, reads from each channel of an image the kh x kw
// window whose corner is at (top + y strideH, left + x strideW). Positions outside of the image are zero.
type field struct {
	channels, h, w           int
	kh, kw, strideH, strideW int
	top, left                int
	rows, cols               int
}

// pointwise tells whether an output reads its own position only, so that the images themselves are the right factor.
func (f *field) pointwise() bool {
	return f.kh == 1 && f.kw == 1 && f.strideH == 1 && f.strideW == 1 &&
		f.top == 0 && f.left == 0 && f.rows == f.h && f.cols == f.w
}

// lay is a copy of the rows of images that some output rows read, laid out so that tap p of output (y, x) is
// data[taps[p]+rows[y]+x]: zero-padded, and for strides above 1 split by the remainder of the position.
type lay struct {
	data []float32
	taps []int // by channel, then window row, then window column
	rows []int // of output rows, which may be those of several images
	cols int
}

// slack is how far vector code may read past the last plane of a lay: a span begun at its end, and the taps of it.
func (f *field) slack() int { return maxSpan + f.kw }

// phases is the number of remainders of positions that are read at all.
func (f *field) phases() (h, w int) {
	return max(1, min(f.strideH, f.kh)), max(1, min(f.strideW, f.kw))
}

// halo is the number of rows and columns by which a plane of a lay exceeds its output rows and columns.
func (f *field) halo() (h, w int) { return max(0, f.kh-1) / f.strideH, max(0, f.kw-1) / f.strideW }

// plane is the size of one channel and phase in a lay of a run of output rows, in which every image has a halo of its own.
func (f *field) plane(rows int) (height, pitch int) {
	h, w := f.halo()
	images := (rows+f.rows-2)/f.rows + 1
	return rows + images*h, f.cols + w
}

// size is the number of floats of a lay of the given channels and output rows.
func (f *field) size(channels, rows int) int {
	ph, pw := f.phases()
	height, pitch := f.plane(rows)
	return channels*ph*pw*height*pitch + f.slack()
}

// chunk is the number of an image's output rows whose lay of the given channels is small enough for a level-2 cache, unless
// they make few columns, and so that at least parts chunks come out of all rows if they can.
func (f *field) chunk(channels, parts int) int {
	const floats, columns = 64 << 10, 128
	rows := max(1, (f.rows+parts-1)/parts)
	for rows > 1 && rows*f.cols > columns && f.size(channels, rows) > floats {
		rows--
	}
	return rows
}

// offsets returns lay.taps of the given channels and output rows.
func (f *field) offsets(channels, rows int) []int {
	ph, pw := f.phases()
	height, pitch := f.plane(rows)
	taps := make([]int, 0, channels*f.kh*f.kw)
	for c := range channels {
		for ky := range f.kh {
			for kx := range f.kw {
				phase := (c*ph+ky%f.strideH)*pw + kx%f.strideW
				taps = append(taps, (phase*height+ky/f.strideH)*pitch+kx/f.strideW)
			}
		}
	}
	return taps
}

// fill lays out channels planes of images, which are stride apart in src, for rows output rows from first on, counted
// over all images, in planes as large as for the given full rows.
func (f *field) fill(u *microKernel, l *lay, src []float32, stride, channels, first, rows, full int) {
	ph, pw := f.phases()
	height, pitch := f.plane(full)
	halo, _ := f.halo()
	l.rows = l.rows[:0]
	for at := 0; rows > 0; {
		y := first % f.rows
		n := min(rows, f.rows-y)
		img := src[first/f.rows*stride:]
		for c := range channels {
			plane := img[c*f.h*f.w:][:f.h*f.w]
			for phase := range ph * pw {
				to := l.data[((c*ph*pw+phase)*height+at)*pitch:][:(n+halo)*pitch]
				f.fillPhase(u, to, plane, pitch, f.top+y*f.strideH+phase/pw, f.left+phase%pw)
			}
		}
		for i := range n {
			l.rows = append(l.rows, (at+i)*pitch)
		}
		at, first, rows = at+n+halo, first+n, rows-n
	}
	clear(l.data[channels*ph*pw*height*pitch:][:f.slack()])
}

// fillPhase copies every strideH-th row of a plane from y on and in it every strideW-th column from x on, and zeros outside of the plane.
func (f *field) fillPhase(u *microKernel, dst, plane []float32, pitch, y, x int) {
	top, bottom := within(y, f.strideH, f.h, len(dst)/pitch)
	left, right := within(x, f.strideW, f.w, pitch)
	if top == bottom || left == right {
		clear(dst)
		return
	}
	clear(dst)
	src, n := plane[(y+top*f.strideH)*f.w+x+left*f.strideW:], right-left
	if f.strideW == 1 && n >= 8 {
		u.copyBlock(bottom-top, n, src, f.w*f.strideH, dst[top*pitch+left:], pitch)
		return
	}
	u.every(bottom-top, n, dst[top*pitch+left:], pitch, src, f.strideH*f.w, f.strideW)
}

// within is the range of i < n for which first + i stride lies in [0, size).
func within(first, stride, size, n int) (lo, hi int) {
	if first < 0 {
		lo = min(n, (stride-1-first)/stride)
	}
	if first < size {
		hi = min(n, (size-first+stride-1)/stride)
	}
	return lo, max(lo, hi)
}

// pack makes a lay the right factor [taps x positions] of a product: runs of positions in one row of outputs.
func (l *lay) pack(w *workspace, dst []float32, p, kc, j, n int) {
	u, taps := w.u, l.taps[p:p+kc]
	y, x := j/l.cols, j%l.cols
	pieces := w.pieces[:0]
	for c := 0; c < n; {
		run, at := min(l.cols-x, n-c), l.rows[y]+x
		if u.copyPieces == nil {
			l.packRun(u, dst[c:], taps, at, run, u.nr-c)
		} else {
			run = min(run, pieceFloats)
			pieces = append(pieces, at, c, 1<<run-1)
		}
		if c, x = c+run, x+run; x == l.cols {
			x, y = 0, y+1
		}
	}
	for ; len(pieces) > 0; pieces = pieces[3*min(len(pieces)/3, pieceCount):] {
		u.copyPieces(kc, ptr(l.data), &taps[0], ptr(dst), u.nr, &pieces[0], min(len(pieces)/3, pieceCount))
	}
}

// packRun copies a run of positions in octets where the surplus fits into room and does no harm, since the next run overwrites it.
func (l *lay) packRun(u *microKernel, dst []float32, taps []int, at, run, room int) {
	switch octets, last := (run+7)/8, run-8; {
	case 8*octets <= room:
		u.copyTaps(len(taps), offset(ptr(l.data), at), &taps[0], ptr(dst), u.nr, octets)
	case last >= 0:
		u.copyTaps(len(taps), offset(ptr(l.data), at), &taps[0], ptr(dst), u.nr, run/8)
		u.copyTaps(len(taps), offset(ptr(l.data), at+last), &taps[0], ptr(dst[last:]), u.nr, 1)
	default:
		for q, tap := range taps {
			copy(dst[q*u.nr:][:run], l.data[tap+at:])
		}
	}
}

// byPosition is a lay as the right factor [positions x taps], for the gradient of weights. first is the product's column of tap 0.
type byPosition struct {
	lay
	first int
}

// pack transposes runs of positions in one row. It works in whole blocks: the surplus rows of a block are overwritten by the
// next run, or fall behind the panel, where the workspace has room.
func (l *byPosition) pack(w *workspace, dst []float32, p, kc, j, n int) {
	u := w.u
	for c := range u.nr {
		w.columns[c] = l.taps[j-l.first+min(c, n-1)]
	}
	src := ptr(l.data)
	for q := 0; q < kc; {
		y, x := (p+q)/l.cols, (p+q)%l.cols
		run := min(l.cols-x, kc-q)
		for c := 0; c < n; c += u.lanes {
			u.transpose((run+u.lanes-1)/u.lanes, offset(src, l.rows[y]+x), &w.columns[c], ptr(dst[q*u.nr+c:]), u.nr)
		}
		q += run
	}
}
