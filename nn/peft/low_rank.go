package peft

import (
	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/nn/layer"
)

// Names of the matrices: PEFT's for linear maps and its form of convolutions, loralib's for its own.
const (
	loraA, loraB     = "lora_A.weight", "lora_B.weight"
	kernelA, kernelB = "lora_A", "lora_B"
)

// lowRank is the change scale * B A of a weight, A [r, ...] and B [rows, r, ...].
type lowRank struct {
	nameA, nameB   string
	shapeA, shapeB []int
	scale          float64
}

// declare makes the matrices. B starts at 0.
func (l lowRank) declare(b *layer.Builder) (down, up *layer.Node) {
	return b.Param(l.nameA, l.shapeA, layer.FanIn), b.Param(l.nameB, l.shapeB, layer.Zeros)
}

// output is the change of the output of a linear map, or of a 1x1 convolution, on the input x.
func (l lowRank) output(b *layer.Builder, x *layer.Node, s layer.Site) *layer.Node {
	down, up := l.declare(b)
	if s.Kind == layer.KindConv {
		return b.Convolve(b.Scale(b.Convolve(x, down, s.Stride), float32(l.scale)), up, 1)
	}
	return b.MatMul(b.Scale(b.MatMul(x, down, nil), float32(l.scale)), up, nil)
}

// matrix is the change of the weight in the given shape.
func (l lowRank) matrix(b *layer.Builder, shape []int) *layer.Node {
	down, up := l.declare(b)
	if len(l.shapeA) > 2 {
		rank := l.shapeA[0]
		down, up = b.Reshape(down, rank, accel.Volume(l.shapeA)/rank), b.Reshape(up, l.shapeB[0], rank)
	}
	return b.Reshape(b.MatMul(up, b.Permute(b.Scale(down, float32(l.scale)), 1, 0), nil), shape...)
}

// product is the change in float64.
func (l lowRank) product(v layer.Values) []float64 {
	return matMul(widen(v.At(l.nameB), l.scale), widen(v.At(l.nameA), 1), l.shapeA[0])
}

// matMul is a [rows, inner] times b [inner, cols], each element summed in order of inner.
func matMul(a, b []float64, inner int) []float64 {
	rows, cols := len(a)/inner, len(b)/inner
	out := make([]float64, rows*cols)
	for i := range rows {
		row := out[i*cols : (i+1)*cols]
		for r := range inner {
			f := a[i*inner+r]
			for j := range row {
				row[j] += float64(f * b[r*cols+j])
			}
		}
	}
	return out
}

// transpose is a [rows, cols] as [cols, rows].
func transpose(a []float64, rows, cols int) []float64 {
	out := make([]float64, len(a))
	for i := range rows {
		for j := range cols {
			out[j*rows+i] = a[i*cols+j]
		}
	}
	return out
}

// widen is scale * x in float64.
func widen(x []float32, scale float64) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = float64(scale * float64(v))
	}
	return out
}

// plus is w + d.
func plus(w []float32, d []float64) []float64 {
	for i, v := range w {
		d[i] += float64(v)
	}
	return d
}
