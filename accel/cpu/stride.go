package cpu

// every sets the n elements of count rows of y, ld apart, to each stride-th of those of x, rs apart.
func (u *microKernel) every(count, n int, y []float32, ld int, x []float32, rs, stride int) {
	i := 0 // elements of each row that are in place
	switch {
	case stride == 1:
		for r := range count {
			copy(y[r*ld:][:n], x[r*rs:])
		}
		return
	case stride == 2 && u.thin != nil && n > 4:
		i = n
		if (count-1)*rs+2*n > len(x) { // the last row would be read beyond the end
			i--
		}
		u.thin(count, i, ptr(y), ld, ptr(x), rs)
	}
	for ; i < n; i++ {
		for r := range count {
			y[r*ld+i] = x[r*rs+i*stride]
		}
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

// columns are count rows of n elements, pitch apart.
type columns struct {
	data     []float32
	n, pitch int
}

// interleave sets element i of each of count rows of y, ld apart, to element i/n of the row in part i%n of n parts.
func (u *microKernel) interleave(count int, y []float32, ld int, parts []columns) {
	i := 0 // elements of each part that are in place
	if len(parts) == 2 && u.zip != nil && parts[1].n >= 4 {
		a, b := &parts[0], &parts[1]
		u.zip(count, b.n, ptr(y), ld, ptr(a.data), a.pitch, ptr(b.data), b.pitch)
		i = b.n
	}
	for first, p := range parts {
		for j := i; j < p.n; j++ {
			for r := range count {
				y[r*ld+j*len(parts)+first] = p.data[r*p.pitch+j]
			}
		}
	}
}
