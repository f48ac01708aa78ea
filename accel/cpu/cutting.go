package cpu

// cutting divides a correlation into tasks: chunks of output rows by parts of the outputs. No chunk crosses the end of a run, which
// is an image, or the whole batch where images are too small to fill tiles.
type cutting struct {
	runs, run      int // runs, and the output rows of one
	chunks, rows   int // chunks of a run, and the output rows of a chunk but the last
	parts, outputs int // parts of a group's outputs, and the outputs of a part
}

// cut chooses chunks of at most a block of columns, so that a lay is not too large, and parts so that the threads are done soonest: few
// tiles are cut off, the last tasks end together, and a part, which packs the columns again, is worth it.
func (r *correlation) cut(threads int, u *microKernel) cutting {
	const (
		layFloats = 256 << 10
		columns   = 128 // that are worth a larger lay: weights are read once for each chunk
		packs     = 3   // the rows of tiles that take as long as to pack their columns
		copying   = 32  // the taps of a tile that take as long as to copy what it computed
		most      = 4   // tasks a thread that are enough
		late      = 4   // a task in so many is held up
	)
	step := max(u.narrow, u.nr/2)
	filled := func(rows int) int { return (rows*r.cols + step - 1) / step * step }
	c := cutting{runs: r.batch, run: r.rows}
	if surplus := filled(r.rows) - r.rows*r.cols; surplus*r.channels*r.kh*r.kw > copying*r.rows*r.cols {
		c.runs, c.run = 1, r.batch*r.rows
	}
	limit := max(1, min(c.run, blockN/r.cols))
	for !r.pointwise() && limit > 1 && limit*r.cols > columns && r.size(r.channels, limit) > layFloats {
		limit--
	}
	tiles, best := (r.outputs+u.mr-1)/u.mr, 0
	for rows := limit; rows > limit/2; rows-- {
		chunks := (c.run + rows - 1) / rows
		all := c.run/rows*filled(rows) + filled(c.run%rows)
		for parts := 1; parts <= tiles && (parts == 1 || (parts-1)*r.groups*c.runs*chunks < most*threads && threads > 1); parts++ {
			tall := (tiles+parts-1)/parts + packs
			tasks, one := parts*r.groups*c.runs*chunks, filled(rows)*tall
			rest := one * (threads - 1) / threads // of the last task, while others wait
			cost := min((tasks+threads-1)/threads*one, parts*r.groups*c.runs*all*tall/threads+rest) + rest/late
			if best == 0 || cost < best {
				best, c.rows, c.chunks, c.outputs = cost, rows, chunks, (tall-packs)*u.mr
			}
		}
	}
	c.parts = (r.outputs + c.outputs - 1) / c.outputs
	return c
}

// points are images as the right factor [channels x positions] of a product: the positions of all images, one after the other.
type points struct {
	data          []float32
	stride, plane int // from image to image, and from channel to channel
	first         int // position of column 0
}

func (x *points) pack(w *workspace, dst []float32, p, kc, j, n int) {
	u := w.u
	for c := 0; c < n; {
		image, at := (x.first+j+c)/x.plane, (x.first+j+c)%x.plane
		run := min(x.plane-at, n-c)
		from := x.data[image*x.stride+p*x.plane+at:]
		// Octets may copy more than the run, which the next run overwrites, if that lies in the panel and in the data.
		if octets := (run + 7) / 8; c+8*octets <= u.nr && (kc-1)*x.plane+8*octets <= len(from) {
			u.copyRows(kc, ptr(from), x.plane, ptr(dst[c:]), u.nr, octets)
		} else if run >= 8 {
			u.copyBlock(kc, run, from, x.plane, dst[c:], u.nr)
		} else {
			for q := range kc {
				copy(dst[q*u.nr+c:q*u.nr+c+run], from[q*x.plane:])
			}
		}
		c += run
	}
}
