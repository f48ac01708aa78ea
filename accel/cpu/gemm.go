package cpu

// gemm is a matrix product c = a b + bias, with c [m x n], a [m x k], b [k x n]. Each element starts from its bias (or 0, or
// what c holds if add is set) and takes the products in order of k with FMA. How the work is cut, by tiles, blocks
// or threads, therefore does not show: a block of k that is not the first starts from the stored element.
type gemm struct {
	m, n, k          int
	a                matrix
	panel            int // if not 0, a.data is packed: panels of a tile's rows, each of so many floats, with an element's rows side by side
	b                panels
	c                []float32
	ldc              int
	rowBias, colBias []float32 // one value a row, or a column, of c; at most one of them
	add              bool
}

// A packed block of b, of at most blockFloats, stays in a level-2 cache of 1 MiB while rows of a stream past it. The fewer its columns, of
// which there are at most blockN, the longer its pieces of k, at most blockK, so that a is read in long runs.
const (
	blockFloats = 128 << 10
	blockN      = 512
	blockK      = 4096
)

// depth is the length of the pieces into which a block of n columns cuts k, as even as can be.
func depth(k, n int) int {
	pieces := max(1, (k*n+blockFloats-1)/blockFloats, (k+blockK-1)/blockK)
	return max(1, (k+pieces-1)/pieces)
}

// workspace is the scratch of one goroutine in a product.
type workspace struct {
	u       *microKernel
	b, a    []float32 // a packed block of b, and packed rows of a
	tile    []float32 // a tile that leaves c
	columns [maxNR]int
	pieces  [3 * (maxNR + pieceCount)]int
	scratch []float32
	dev     *Device
}

func (d *Device) workspace() workspace {
	const (
		sizeB = blockFloats + blockN + maxNR
		sizeA = blockK * maxMR
	)
	s := d.borrow(sizeB + sizeA + maxMR*maxNR)
	return workspace{u: microKernels[d.level], b: s[:sizeB], a: s[sizeB : sizeB+sizeA], tile: s[sizeB+sizeA:], scratch: s, dev: d}
}

func (w *workspace) release() { w.dev.giveBack(w.scratch) }

// multiply computes g on all threads.
func (d *Device) multiply(g *gemm) {
	u := microKernels[d.level]
	tileRows, tileCols := (g.m+u.mr-1)/u.mr, (g.n+u.nr-1)/u.nr
	rows, cols := cut(d.pool.threads, tileRows, tileCols, g.k)
	di, dj := (tileRows+rows-1)/rows*u.mr, (tileCols+cols-1)/cols*u.nr
	d.pool.run(rows*cols, 1, func(lo, hi int) {
		w := d.workspace()
		defer w.release()
		for part := lo; part < hi; part++ {
			i, j := part/cols*di, part%cols*dj
			g.block(&w, i, min(i+di, g.m), j, min(j+dj, g.n))
		}
	})
}

// cut divides a product of tileRows x tileCols tiles into rows x cols parts, which the threads take one after the other: so that the
// last is done soonest, and small enough that a thread that is held up does not hold up the others. Beside its tiles, a part
// packs its columns of b, which takes about as long as packs rows of tiles, and reads its rows of a, as loads columns.
func cut(threads, tileRows, tileCols, k int) (rows, cols int) {
	const (
		packs, loads = 4, 2
		least        = 16 << 10 // tiles x k below which a thread is not worth waking
		most         = 4        // parts a thread
		late         = 4        // a part in so many is held up
	)
	threads = max(1, min(threads, tileRows*tileCols*k/least))
	rows, cols = 1, 1
	if threads == 1 {
		return rows, cols
	}
	best := 0
	for c := 1; c <= min(tileCols, most*threads); c++ {
		for r := 1; r <= min(tileRows, most*threads/c); r++ {
			part := ((tileCols+c-1)/c + loads) * ((tileRows+r-1)/r + packs)
			cost := part * (late*((r*c+threads-1)/threads) + 1)
			if best == 0 || cost < best {
				best, rows, cols = cost, r, c
			}
		}
	}
	return rows, cols
}

// whole computes g on this goroutine.
func (w *workspace) whole(g gemm) { g.block(w, 0, g.m, 0, g.n) }

// block computes rows [i0, i1) and columns [j0, j1) of c on this goroutine.
func (g *gemm) block(w *workspace, i0, i1, j0, j1 int) {
	if i0 >= i1 || j0 >= j1 {
		return
	}
	u := w.u
	for jc := j0; jc < j1; jc += blockN {
		nc := min(blockN, j1-jc)
		deep := depth(g.k, (nc+u.nr-1)/u.nr*u.nr)
		for pc := 0; pc == 0 || pc < g.k; pc += deep {
			kc := min(deep, g.k-pc)
			for jr := 0; jr < nc && kc > 0; jr += u.nr {
				g.b.pack(w, w.b[jr*kc:(jr+u.nr)*kc], pc, kc, jc+jr, min(u.nr, nc-jr))
			}
			for i := i0; i < i1; i += u.mr {
				mr := min(u.mr, i1-i)
				a, rs, cs := g.rowsOf(w, i, mr, pc, kc)
				for jr, n := 0, 0; jr < nc; jr += n {
					n = u.columns(mr, nc-jr)
					g.tiles(w, i, mr, jc+jr, n, kc, a, rs, cs, ptr(w.b[jr*kc:]), pc > 0)
				}
			}
		}
	}
}

// rowsOf returns rows [i, i+mr) of a at columns [p, p+kc) as the micro-kernel takes them: in place if the rows are contiguous,
// else packed. Rows that a lacks may hold anything: their products are not stored.
func (g *gemm) rowsOf(w *workspace, i, mr, p, kc int) (a *float32, rs, cs int) {
	m, tall := g.a, w.u.rows(mr)
	if g.panel > 0 {
		return ptr(m.data[i/w.u.mr*g.panel+p*w.u.mr:]), 1, w.u.mr
	}
	if mr == tall && m.cs == 1 || kc == 0 {
		return ptr(m.data[i*m.rs+p:]), m.rs, 1
	}
	dst := w.a[:tall*kc]
	matrix{m.data[i*m.rs+p*m.cs:], m.rs, m.cs}.packRows(w.u, dst, tall, mr, kc)
	return ptr(dst), 1, tall
}

// tiles computes n columns of a row of tiles over a block of k: whole tiles, or one that is not, which is computed aside. Those that
// must start from a bias are prepared first.
func (g *gemm) tiles(w *workspace, i, mr, j, n, kc int, a *float32, rs, cs int, b *float32, later bool) {
	run, tall, wide := w.u.tile(mr, n)
	c, ldc := g.c[i*g.ldc+j:], g.ldc
	whole := mr == tall && n%wide == 0
	start := later || g.add
	dst, ld := c, ldc
	if !whole {
		dst, ld = w.tile, wide
		if start {
			for r := range mr {
				copy(dst[r*ld:], c[r*ldc:r*ldc+n])
			}
		}
	}
	if !start && (g.rowBias != nil || g.colBias != nil) {
		start = true
		g.fillBias(dst, ld, i, mr, j, n)
	}
	acc := 0
	if start {
		acc = 1
	}
	run(kc, a, rs, cs, b, ptr(dst), ld, acc, (n+wide-1)/wide)
	if !whole {
		for r := range mr {
			copy(c[r*ldc:r*ldc+n], dst[r*ld:])
		}
	}
}

// fillBias sets tiles to their biases.
func (g *gemm) fillBias(dst []float32, ld, i, mr, j, nr int) {
	for r := range mr {
		row := dst[r*ld : r*ld+nr]
		if g.colBias != nil {
			copy(row, g.colBias[j:])
			continue
		}
		bias := g.rowBias[i+r]
		for q := range row {
			row[q] = bias
		}
	}
}
