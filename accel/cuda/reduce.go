//go:build nvidia

package cuda

import (
	"slices"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/internal/operand"
	"github.com/pipe-ml/pipe/accel/kernel"
)

func init() {
	register("reduce_to", reduceTo)
	register("sum_squares", sumSquares)
}

func reduceTo(l *launch, _ kernel.ReduceTo, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 1); err != nil {
		return err
	}
	y, x := out[0], in[0]
	kept, sum, err := summed(x.Shape, y.Shape)
	if err != nil {
		return err
	}
	// Rows of a matrix, which neighbouring threads cannot read as neighbours.
	if len(kept.n) == 1 && len(sum.n) == 1 && kept.step[0] == 1 {
		return columnSums(l, y, x, sum.n[0], kept.n[0])
	}
	count := sum.len()
	args := slices.Concat([]any{y, x, count}, kept.args(), sum.args())
	return l.run("reduce_walked", eachRow(y.Len(), count), args...)
}

// chunked splits n rows that are to be summed into chunks of per rows, enough of them to fill a card.
func chunked(n int) (chunks, per int) {
	const least, most = 64, 256
	per = max(least, divide(n, most))
	return max(1, divide(n, per)), per
}

// columns has a block of 32 columns by 8 rows for each chunk of rows.
func columns(cols, chunks int) grid {
	return grid{blocks: [3]int{divide(cols, 32), chunks}, threads: [3]int{32, 8}}
}

// columnSums sums x [n, cols] over its rows into y [cols], in chunks and then the chunks.
func columnSums(l *launch, y, x accel.Tensor, n, cols int) error {
	chunks, per := chunked(n)
	if chunks == 1 {
		return l.run("column_sums", columns(cols, 1), y, x, n, cols, per)
	}
	part, err := l.scratch(chunks, cols)
	if err != nil {
		return err
	}
	if err := l.run("column_sums", columns(cols, chunks), part, x, n, cols, per); err != nil {
		return err
	}
	return l.run("column_sums", columns(cols, 1), y, part, chunks, cols, chunks)
}

func sumSquares(l *launch, _ kernel.SumSquares, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 1); err != nil {
		return err
	}
	if err := operand.VectorOf(1, out[0]); err != nil {
		return err
	}
	n := in[0].Len()
	per := max(4096, divide(n, 1024))
	chunks := max(1, divide(n, per))
	part, err := l.scratch(chunks)
	if err != nil {
		return err
	}
	if err := l.run("sum_squares", eachRow(chunks, per), part, in[0], n, per); err != nil {
		return err
	}
	w := walk{n: []int{chunks}, step: []int{1}}
	return l.run("reduce_walked", eachRow(1, chunks), slices.Concat([]any{out[0], part, chunks}, walk{}.args(), w.args())...)
}
