package roofline

// A product of matrices, as tile.h computes it: a block of 8 warps has a square of side 16 each of the result, and goes along k in
// panels that it writes to shared memory.
type product struct {
	function    string
	m, n, k     int
	count       int     // of products
	left, right operand // which a panel is read from
	kept        float64 // bytes of operands and result
	bf16        bool
}

// operand says what an element costs on its way into a panel: instructions beside load and store, and by how many turns it is stored.
type operand struct {
	index float64
	turns float64
}

// Instructions of a division by a number that is known only when the kernel runs, with its remainder; and beside divisions.
const (
	division = 20
	address  = 8 // address, two bounds, selection
)

var (
	alongK   = operand{address, 2} // 16 rows of a panel, 4 banks apart: two lanes meet in a bank
	acrossK  = operand{address, 1}
	patches  = operand{address + 4*division + 8, 1} // image, channel, row of the image, row of the window
	patchesK = operand{address + 4*division + 8, 2}
	gradient = operand{address + division, 2} // image and place
	weights  = operand{address + 2*division, 2}
)

// work picks the side as launch.tiles does.
func (p product) work(c Card) work {
	each := 4
	if min(p.m, p.n) > 64 && ceil(p.m, 128)*ceil(p.n, 128)*p.count >= c.Multiprocessors {
		each, p.function = 8, p.function+"_large"
	}
	if p.bf16 {
		p.function += "_bf16"
	}
	side := 16 * each
	w := work{function: p.function, blocks: ceil(p.m, side) * ceil(p.n, side) * p.count, memory: p.kept}
	one := step(each, p.left, p.right, p.bf16)
	deep := 16
	if p.bf16 {
		deep = 32
	}
	steps := float64(w.blocks) * float64(ceil(p.k, deep))
	w.issue, w.shared, w.tensor = steps*one.issue, steps*one.shared, steps*one.tensor
	w.cache = steps * 2 * float64(side*deep) * 4
	return w
}

// step is what a block does for one pair of panels.
func step(each int, left, right operand, bf16 bool) work {
	e := float64(each)
	const warps, loop = 8, 12
	if !bf16 { // 16 deep: a thread brings each elements of both, and reads 2 each floats for each^2 multiply-adds
		return work{
			issue:  warps * (16*(e*e+2*e) + e*(left.index+right.index+4) + loop),
			shared: warps * (16*2*e + e*(left.turns+right.turns)),
		}
	}
	down := e * e / 16 // a warp has 16 down x 32 of the square; 32 deep, in pairs: each pairs of both a thread
	return work{
		issue:  warps * (2*(4*down+4*down+8) + e*(2*(left.index+right.index)+8) + loop),
		shared: warps * (2*(4*down+8) + e*2),
		tensor: 2 * 256 * e * e * 32,
	}
}

func ceil(n, by int) int { return (n + by - 1) / by }
