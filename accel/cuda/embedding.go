//go:build nvidia

package cuda

import (
	"fmt"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/internal/operand"
	"github.com/pipe-ml/pipe/accel/kernel"
)

func init() {
	register("embedding", embedding)
	register("embedding.dw", embeddingDw)
}

const idRange = finding("an id lies outside of the vocabulary")

func embedding(l *launch, _ kernel.Embedding, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 2); err != nil {
		return err
	}
	vocabulary, width, err := embeddingTable(out[0], in[0], in[1])
	if err != nil {
		return err
	}
	n := out[0].Len()
	return l.run("embedding", each(n), out[0], ints(in[0]), in[1], n, width, vocabulary, idRange)
}

func embeddingDw(l *launch, _ kernel.Embedding, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 2); err != nil {
		return err
	}
	vocabulary, width, err := embeddingTable(in[1], in[0], out[0])
	if err != nil {
		return err
	}
	count, n := in[0].Len(), out[0].Len()
	if err := l.run("fill", each(n), out[0], float32(0), n); err != nil {
		return err
	}
	return l.run("embedding_dw", eachRow(count, width), out[0], ints(in[0]), in[1], count, width, vocabulary, idRange)
}

// embeddingTable checks that y holds a row of w [V, D] for each of ids.
func embeddingTable(y, ids, w accel.Tensor) (vocabulary, width int, err error) {
	if len(w.Shape) != 2 {
		return 0, 0, fmt.Errorf("the table %v is not [V, D]", w.Shape)
	}
	return w.Shape[0], w.Shape[1], operand.VectorOf(ids.Len()*w.Shape[1], y)
}
