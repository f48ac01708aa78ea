package cpu

import (
	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/internal/operand"
	"github.com/pipe-ml/pipe/accel/kernel"
)

func init() {
	register("bce_with_logits", bceWithLogits)
	register("bce_with_logits.dx", bceWithLogitsDx)
}

// bceOperands checks logits, targets and weights and returns the number of known targets.
func bceOperands(out, in []accel.Tensor, nin int) (known int, err error) {
	if err := operand.Arity(out, in, 1, nin); err != nil {
		return 0, err
	}
	if err := operand.VectorOf(in[0].Len(), in[1]); err != nil {
		return 0, err
	}
	_, c := operand.Rows(in[0])
	if err := operand.VectorOf(c, in[2]); err != nil {
		return 0, err
	}
	for _, t := range f32(in[1]) {
		if t >= 0 {
			known++
		}
	}
	return known, nil
}

// bceWithLogits: an element's loss is (1-t) x + (1-t + w t) softplus(-x). A batch has few labels, so one thread adds them in
// order in float64.
func bceWithLogits(_ *Device, _ kernel.BCEWithLogits, out, in []accel.Tensor) error {
	known, err := bceOperands(out, in, 3)
	if err != nil {
		return err
	}
	logits, targets, weight := f32(in[0]), f32(in[1]), f32(in[2])
	sum := 0.0
	for i, x := range logits {
		t := targets[i]
		if t < 0 {
			continue
		}
		softplus := logf(1 + expf(-abs(x)))
		if x < 0 {
			softplus -= x
		}
		rest := 1 - t
		sum += float64(float32(rest*x) + float32((rest+float32(weight[i%len(weight)]*t))*softplus))
	}
	f32(out[0])[0] = float32(sum / float64(max(known, 1)))
	return nil
}

// bceWithLogitsDx: dlogits = ((1-t) - (1-t + w t) sigmoid(-x)) dloss / known.
func bceWithLogitsDx(_ *Device, _ kernel.BCEWithLogits, out, in []accel.Tensor) error {
	known, err := bceOperands(out, in, 4)
	if err != nil {
		return err
	}
	if err := operand.VectorOf(in[0].Len(), out[0]); err != nil {
		return err
	}
	dx, targets, weight := f32(out[0]), f32(in[1]), f32(in[2])
	f := f32(in[3])[0] / float32(max(known, 1))
	for i, x := range f32(in[0]) {
		t := targets[i]
		if t < 0 {
			dx[i] = 0
			continue
		}
		rest := 1 - t
		dx[i] = f * (rest - float32((rest+float32(weight[i%len(weight)]*t))*sigmoidf(-x)))
	}
	return nil
}
