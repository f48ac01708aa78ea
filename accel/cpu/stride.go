package cpu

// every sets y[i] to x[i*stride].
func (u *microKernel) every(y, x []float32, stride int) {
	i := 0
	switch {
	case stride == 1:
		copy(y, x)
		return
	case stride == 2 && u.thin != nil:
		if i = min(len(y), len(x)/2) &^ 7; i > 0 {
			u.thin(i, ptr(y), ptr(x))
			if last := len(y) - 8; i < len(y) && 2*len(y) <= len(x) { // an octet that overlaps the one before
				u.thin(8, ptr(y[last:]), ptr(x[2*last:]))
				i = len(y)
			}
		}
	}
	for ; i < len(y); i++ {
		y[i] = x[i*stride]
	}
}

// copyBlock copies n elements, 8 at least, of each of count rows of src, rs apart, to dst, ld apart. The last octet may overlap the one
// before.
func (u *microKernel) copyBlock(count, n int, src []float32, rs int, dst []float32, ld int) {
	for at := 0; at+8 <= n; at += maxNR {
		u.copyRows(count, ptr(src[at:]), rs, ptr(dst[at:]), ld, min(maxNR, n-at)/8)
	}
	if n%8 > 0 {
		u.copyRows(count, ptr(src[n-8:]), rs, ptr(dst[n-8:]), ld, 1)
	}
}

// interleave sets y[i] to element i/n of row i%n of n rows.
func (u *microKernel) interleave(y []float32, rows [][]float32) {
	i := 0 // elements of each row that are in place
	if len(rows) == 2 && u.zip != nil {
		if i = len(rows[1]) &^ 7; i > 0 {
			u.zip(i, ptr(y), ptr(rows[0]), ptr(rows[1]))
			last := len(rows[1]) - 8 // of an octet that overlaps the one before
			u.zip(8, ptr(y[2*last:]), ptr(rows[0][last:]), ptr(rows[1][last:]))
			i = last + 8
		}
	}
	for first, row := range rows {
		at := i*len(rows) + first
		for _, x := range row[i:] {
			y[at] = x
			at += len(rows)
		}
	}
}
