package cpu

// matrix is a strided view: element (i, j) is data[i*rs+j*cs].
type matrix struct {
	data   []float32
	rs, cs int
}

// panels is the right factor of a product, which the product takes in packed panels of a tile's nr columns.
type panels interface {
	// pack writes rows [p, p+kc) of columns [j, j+n), n <= nr, to dst [kc x nr]. What it leaves in the other columns of dst
	// does not matter.
	pack(w *workspace, dst []float32, p, kc, j, n int)
}

func (m matrix) pack(w *workspace, dst []float32, p, kc, j, n int) {
	u := w.u
	switch {
	case m.rs == 1 && kc >= u.lanes:
		m.packTransposed(w, dst, p, kc, j, n)
	case m.cs == 1 && n%8 == 0:
		u.copyRows(kc, ptr(m.data[p*m.rs+j:]), m.rs, ptr(dst), u.nr, n/8)
	case m.cs == 1:
		for q := range kc {
			copy(dst[q*u.nr:q*u.nr+n], m.data[(p+q)*m.rs+j:])
		}
	default:
		for c := range n {
			at := p*m.rs + (j+c)*m.cs
			for q := range kc {
				dst[q*u.nr+c] = m.data[at+q*m.rs]
			}
		}
	}
}

// packTransposed packs a matrix whose columns are contiguous. Columns that it lacks repeat the last one; the last block of rows
// overlaps the one before.
func (m matrix) packTransposed(w *workspace, dst []float32, p, kc, j, n int) {
	u := w.u
	for c := range u.nr {
		w.columns[c] = (j+min(c, n-1))*m.cs + p
	}
	src, whole := ptr(m.data), kc/u.lanes
	for c := 0; c < n; c += u.lanes {
		u.transpose(whole, src, &w.columns[c], ptr(dst[c:]), u.nr)
		if rest := kc - u.lanes; whole*u.lanes < kc {
			u.transpose(1, offset(src, rest), &w.columns[c], ptr(dst[rest*u.nr+c:]), u.nr)
		}
	}
}

// packRows writes the first rows, mr of tall, of columns [0, kc) of a left factor to dst [kc x tall]. What it leaves in the other rows
// does not matter.
func (m matrix) packRows(u *microKernel, dst []float32, tall, mr, kc int) {
	if end := (kc-1)*m.cs + 8; m.rs == 1 && end <= len(m.data) { // an octet's surplus is overwritten by the next ones
		exact := min(kc, 7/tall)
		if kc > exact {
			u.copyRows(kc-exact, ptr(m.data), m.cs, ptr(dst), tall, 1)
		}
		for q := kc - exact; q < kc; q++ {
			copy(dst[q*tall:][:tall], m.data[q*m.cs:])
		}
		return
	}
	if mr < tall {
		clear(dst)
	}
	for r := range mr {
		for q := range kc {
			dst[q*tall+r] = m.data[r*m.rs+q*m.cs]
		}
	}
}
