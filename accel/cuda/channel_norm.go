//go:build nvidia

package cuda

import (
	"errors"
	"slices"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/internal/operand"
)

// planes views x [B, C, ...] as B*C rows of s positions.
type planes struct {
	batch, c, s int
}

func planesOf(x accel.Tensor) (planes, error) {
	if len(x.Shape) < 2 {
		return planes{}, errors.New("x must be [B, C, ...]")
	}
	return planes{x.Shape[0], x.Shape[1], accel.Volume(x.Shape[2:])}, nil
}

func (p planes) rows() int { return p.batch * p.c }
func (p planes) len() int  { return p.rows() * p.s }

// count is the number of elements of a channel.
func (p planes) count() float32 { return float32(p.batch * p.s) }

// wants checks that each of like has the size of x, and each of vecs that of the channels.
func (p planes) wants(like, vecs []accel.Tensor) error {
	return errors.Join(operand.VectorOf(p.len(), like...), operand.VectorOf(p.c, vecs...))
}

// statistics are pairs of mean and rstd, one for each channel or for each group of each sample: STATS of channel_norm.cu.
type statistics struct {
	pairs  accel.Tensor
	by, of int
}

func (s statistics) args() []any { return []any{s.pairs, s.by, s.of} }

// perElement queues a function with a thread an element: operands, the statistics, and the geometry of p.
func (p planes) perElement(l *launch, function string, operands []any, s statistics, more ...any) error {
	return l.run(function, each(p.len()), slices.Concat(operands, s.args(), []any{p.len(), p.s, p.c}, more)...)
}

// gradients are the sums over each row of dy and of dy (x - mean).
func (p planes) gradients(l *launch, x, dy accel.Tensor, s statistics) (part accel.Tensor, err error) {
	if part, err = l.scratch(p.rows(), 2); err != nil {
		return part, err
	}
	return part, l.run("row_gradients", eachRow(p.rows(), p.s), slices.Concat([]any{part, x, dy}, s.args(), []any{p.s})...)
}

// dparams fills packed [dgain | dbias] from the rows' gradients.
func (p planes) dparams(l *launch, packed, part accel.Tensor, s statistics) error {
	return l.run("channel_norm_dparams", each(p.c), slices.Concat([]any{packed, part}, s.args(), []any{p.batch, p.c})...)
}
