package roofline

// heads is an attention of heads problems: n queries, m keys, rows of width w. Blocks have 64 rows and all of up to 128 columns.
type heads struct {
	count, n, m, w int
	bf16           bool
}

// pass is a function that goes over tiles of 64 x 64 scores: dots products of rows of width w a tile, and with weigh one of 64 x 64 weights by
// 64 rows, for each half of the columns that holds any.
func (h heads) pass(function string, rows, others, dots int, weigh bool, memory float64) work {
	if h.bf16 {
		function += "_bf16"
	}
	deep := 16
	if h.bf16 {
		deep = 32
	}
	columns := 1
	if weigh {
		columns = ceil(h.w, 128)
	}
	w := work{function: function, blocks: ceil(rows, 64) * columns * h.count, memory: memory}
	tiles := float64(w.blocks) * float64(ceil(others, 64))
	score := step(4, alongK, alongK, h.bf16)
	steps := tiles * float64(dots*ceil(h.w, deep))
	w.issue, w.shared, w.tensor = steps*score.issue, steps*score.shared, steps*score.tensor
	w.cache = steps * 2 * 64 * float64(deep) * 4
	w.issue += tiles * 8 * 16 * 35 // e^x, its bounds and its place for 16 scores a thread
	if weigh {
		halves := min(2, ceil(h.w, 64))
		sum := step(4, operand{address, 2}, acrossK, h.bf16)
		steps := tiles * float64(halves*64/deep)
		w.issue, w.shared, w.tensor = w.issue+steps*sum.issue, w.shared+steps*sum.shared, w.tensor+steps*sum.tensor
		w.cache += steps * 64 * float64(deep) * 4
		w.shared += tiles * 8 * 16
	}
	return w
}

// bytes is the size of queries or keys.
func (h heads) bytes(rows int) float64 { return float64(4 * h.count * rows * h.w) }

func (h heads) forward() []work {
	return []work{h.pass("attention", h.n, h.m, 1, true, 2*h.bytes(h.n)+2*h.bytes(h.m))}
}

// gradient computes the scores of a tile again in each of its four functions.
func (h heads) gradient() []work {
	in := 2*h.bytes(h.n) + 2*h.bytes(h.m)
	return []work{
		h.pass("attention_stats", h.n, h.m, 2, false, in),
		h.pass("attention_dq", h.n, h.m, 2, true, in+h.bytes(h.n)),
		h.pass("attention_dk", h.m, h.n, 2, true, in+h.bytes(h.m)),
		h.pass("attention_dv", h.m, h.n, 1, true, in+h.bytes(h.m)),
	}
}
