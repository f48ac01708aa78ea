package cpu

// transposer transposes matrices on one goroutine, in blocks of a level's lanes.
type transposer struct {
	u    *microKernel
	rows []int // where the rows of a block begin
}

// columns sets y [n x lanes] to the transpose of count rows of x [... x n] from row i on. Other columns of y may hold anything, and
// vectors may be written behind it.
func (t *transposer) columns(y, x []float32, i, count, n int) {
	lanes := t.u.lanes
	blocks := (n + lanes - 1) / lanes
	if end := (i+count-1)*n + blocks*lanes; end > len(x) { // a whole block would read behind x
		blocks = n / lanes
		for j := blocks * lanes; j < n; j++ {
			for r := range count {
				y[j*lanes+r] = x[(i+r)*n+j]
			}
		}
	}
	if blocks > 0 {
		for r := range t.rows {
			t.rows[r] = (i + min(r, count-1)) * n
		}
		t.u.transpose(blocks, ptr(x), &t.rows[0], ptr(y), lanes)
	}
}

// transpose sets y [n x m], whose rows are ld apart, to the transpose of x [m x n].
func (t *transposer) transpose(y []float32, ld int, x []float32, m, n int) {
	lanes := t.u.lanes
	i := 0
	for whole := n / lanes; i+lanes <= m; i += lanes {
		for r := range t.rows {
			t.rows[r] = (i + r) * n
		}
		if whole > 0 {
			t.u.transpose(whole, ptr(x), &t.rows[0], ptr(y[i:]), ld)
		}
		plain(y, ld, x, n, i, i+lanes, whole*lanes)
	}
	plain(y, ld, x, n, i, m, 0)
}

// plain transposes rows [lo, hi) from column first on.
func plain(y []float32, ld int, x []float32, n, lo, hi, first int) {
	for j := first; j < n; j++ {
		for i := lo; i < hi; i++ {
			y[j*ld+i] = x[i*n+j]
		}
	}
}
