//go:build nvidia

package cuda

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/elementary"
	"github.com/pipe-ml/pipe/accel/internal/operand"
	"github.com/pipe-ml/pipe/accel/kernel"
)

func init() {
	register("adamw", adamw)
	register("adamw.each", adamwEach)
	register("sgd", sgd)
	register("blend", blend)
}

func adamw(l *launch, a kernel.AdamW, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 3, 1); err != nil {
		return err
	}
	n := in[0].Len()
	if err := operand.VectorOf(n, out...); err != nil {
		return err
	}
	if a.Step < 1 {
		return fmt.Errorf("step %d, the first is 1", a.Step)
	}
	keep, rate := adamwRates(a, a.LR, a.WeightDecay)
	return l.run("adamw", each(n), out[0], out[1], out[2], in[0], n,
		a.Scale, keep, a.Beta1, float32(1-float64(a.Beta1)), a.Beta2, float32(1-float64(a.Beta2)), adamwRoot(a), a.Eps, rate)
}

// adamwRates are what a parameter is multiplied by and what its step is.
func adamwRates(a kernel.AdamW, lr, decay float32) (keep, rate float32) {
	return float32(1 - float64(lr)*float64(decay)), float32(float64(lr) / (1 - elementary.Power(float64(a.Beta1), a.Step)))
}

// adamwRoot is what the root of v is multiplied by.
func adamwRoot(a kernel.AdamW) float32 {
	return float32(1 / math.Sqrt(1-elementary.Power(float64(a.Beta2), a.Step)))
}

const (
	partSize = 48      // bytes of a part in optimizer.cu
	partMost = 1 << 14 // elements of one
)

// adamwEach writes a table of the parts of all parameters to scratch, and runs a block for each.
func adamwEach(l *launch, a kernel.AdamWEach, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 3*len(in), len(a.LR)); err != nil {
		return err
	}
	if len(a.WeightDecay) != len(in) || a.Step < 1 {
		return fmt.Errorf("%d decays for %d parameters, at step %d", len(a.WeightDecay), len(in), a.Step)
	}
	var parts []byte
	le := binary.LittleEndian
	for i, grad := range in {
		operands := append(slices.Clone(out[3*i:3*i+3]), grad)
		n := grad.Len()
		if err := operand.VectorOf(n, operands...); err != nil {
			return err
		}
		keep, rate := adamwRates(a.AdamW, a.LR[i], a.WeightDecay[i])
		for at := 0; at < n; at += partMost {
			for _, t := range operands {
				p, err := addressOf(t, accel.Float32)
				if err != nil {
					return err
				}
				parts = le.AppendUint64(parts, p+uint64(4*at))
			}
			parts = le.AppendUint32(parts, uint32(min(partMost, n-at)))
			parts = le.AppendUint64(le.AppendUint32(parts, math.Float32bits(keep)), uint64(math.Float32bits(rate)))
		}
	}
	table, err := l.scratch(len(parts) / 4)
	if err != nil {
		return err
	}
	if err := errors.Join(l.stream.usable(), l.stream.upload(pointer(table), parts)); err != nil {
		return err
	}
	g := grid{blocks: [3]int{len(parts) / partSize}, threads: [3]int{threads}}
	return l.run("adamw_each", g, table, a.Scale, a.Beta1, float32(1-float64(a.Beta1)), a.Beta2, float32(1-float64(a.Beta2)), adamwRoot(a.AdamW), a.Eps)
}

func sgd(l *launch, a kernel.SGD, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 2, 1); err != nil {
		return err
	}
	n := in[0].Len()
	if err := operand.VectorOf(n, out...); err != nil {
		return err
	}
	nesterov := 0
	if a.Nesterov {
		nesterov = 1
	}
	return l.run("sgd", each(n), out[0], out[1], in[0], n, a.Scale, a.WeightDecay, a.Momentum, a.LR, nesterov)
}

func blend(l *launch, a kernel.Blend, out, in []accel.Tensor) error {
	if err := operand.Arity(out, in, 1, 1); err != nil {
		return err
	}
	n := in[0].Len()
	if err := operand.VectorOf(n, out[0]); err != nil {
		return err
	}
	return l.run("blend", each(n), out[0], in[0], n, a.A, a.B)
}
