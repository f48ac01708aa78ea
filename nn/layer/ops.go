package layer

import (
	"github.com/pipe-ml/pipe/accel/kernel"
	"github.com/pipe-ml/pipe/nn/op"
)

// Ops without parameters, as in package op, under the sticky error.

// Add is x + y; y's dimensions of size 1 are repeated.
func (b *Builder) Add(x, y *Node) *Node {
	return b.do("add", func() (*Node, error) { return op.Add(x, y) })
}

// Mul is x * y elementwise; y's dimensions of size 1 are repeated.
func (b *Builder) Mul(x, y *Node) *Node {
	return b.do("mul", func() (*Node, error) { return op.Mul(x, y) })
}

// OverNorm is m / ||v|| by row of v [M, ...] for m [M]. No gradient reaches v.
func (b *Builder) OverNorm(m, v *Node) *Node {
	return b.do("over_norm", func() (*Node, error) { return op.OverNorm(m, v) })
}

// Scale is c * x.
func (b *Builder) Scale(x *Node, c float32) *Node {
	return b.do("scale", func() (*Node, error) { return op.Scale(x, c) })
}

// MatMul is x [..., K] w^T + bias for w [M, K] and a bias [M] that may be nil: a Linear that declares nothing.
func (b *Builder) MatMul(x, w, bias *Node) *Node {
	return b.do("matmul", func() (*Node, error) { return op.Linear(x, w, bias) })
}

// Convolve is the cross-correlation of x [B, C, H, W] with w without padding: a Conv2d that declares nothing.
func (b *Builder) Convolve(x, w *Node, stride int) *Node {
	attrs := kernel.Conv2d{StrideH: stride, StrideW: stride, Groups: 1}
	return b.do("convolve", func() (*Node, error) { return op.Conv2d(x, w, nil, attrs) })
}

// Reshape keeps the row-major order of elements.
func (b *Builder) Reshape(x *Node, shape ...int) *Node {
	return b.do("reshape", func() (*Node, error) { return op.Reshape(x, shape...) })
}

// Permute makes dimension i of the result x's dimension perm[i].
func (b *Builder) Permute(x *Node, perm ...int) *Node {
	return b.do("permute", func() (*Node, error) { return op.Permute(x, perm...) })
}

// Concat joins xs along axis.
func (b *Builder) Concat(axis int, xs ...*Node) *Node {
	return b.do("concat", func() (*Node, error) { return op.Concat(axis, xs...) })
}

// Slice takes length elements from start on along axis.
func (b *Builder) Slice(x *Node, axis, start, length int) *Node {
	return b.do("slice", func() (*Node, error) { return op.Slice(x, axis, start, length) })
}

// Expand repeats dimensions of size 1.
func (b *Builder) Expand(x *Node, shape ...int) *Node {
	return b.do("expand", func() (*Node, error) { return op.Expand(x, shape...) })
}

// MaxPool2d takes the maximum of windows of x [B, C, H, W].
func (b *Builder) MaxPool2d(x *Node, p kernel.Pool2d) *Node {
	return b.do("max_pool2d", func() (*Node, error) { return op.MaxPool2d(x, p) })
}

// AvgPool2d takes the mean of windows of x [B, C, H, W].
func (b *Builder) AvgPool2d(x *Node, p kernel.Pool2d) *Node {
	return b.do("avg_pool2d", func() (*Node, error) { return op.AvgPool2d(x, p) })
}

// GlobalAvgPool2d is [B, C, H, W] -> [B, C].
func (b *Builder) GlobalAvgPool2d(x *Node) *Node {
	return b.do("global_avg_pool2d", func() (*Node, error) { return op.GlobalAvgPool2d(x) })
}

// UpsampleBilinear2d interpolates x [B, C, H, W] to h rows and w columns.
func (b *Builder) UpsampleBilinear2d(x *Node, h, w int) *Node {
	return b.do("upsample_bilinear2d", func() (*Node, error) { return op.UpsampleBilinear2d(x, h, w) })
}

// UpsampleNearest2d repeats each pixel of x [B, C, H, W] scale times both ways.
func (b *Builder) UpsampleNearest2d(x *Node, scale int) *Node {
	return b.do("upsample_nearest2d", func() (*Node, error) { return op.UpsampleNearest2d(x, scale) })
}

// ReLU is max(x, 0).
func (b *Builder) ReLU(x *Node) *Node {
	return b.do("relu", func() (*Node, error) { return op.ReLU(x) })
}

// ReLU6 is min(max(x, 0), 6).
func (b *Builder) ReLU6(x *Node) *Node {
	return b.do("relu6", func() (*Node, error) { return op.ReLU6(x) })
}

// SiLU is x * sigmoid(x).
func (b *Builder) SiLU(x *Node) *Node {
	return b.do("silu", func() (*Node, error) { return op.SiLU(x) })
}

// GELU is the exact (erf) form.
func (b *Builder) GELU(x *Node) *Node {
	return b.do("gelu", func() (*Node, error) { return op.GELU(x) })
}

// GELUTanh is the tanh approximation.
func (b *Builder) GELUTanh(x *Node) *Node {
	return b.do("gelu_tanh", func() (*Node, error) { return op.GELUTanh(x) })
}

// QuickGELU is x * sigmoid(1.702 x).
func (b *Builder) QuickGELU(x *Node) *Node {
	return b.do("quick_gelu", func() (*Node, error) { return op.QuickGELU(x) })
}

// CrossEntropy is the mean loss of logits [N, C] against int32 labels [N]; negative labels are ignored.
func (b *Builder) CrossEntropy(logits, labels *Node, smoothing float32) *Node {
	return b.do("cross_entropy", func() (*Node, error) { return op.CrossEntropy(logits, labels, smoothing) })
}

// SoftCrossEntropy is the mean loss of logits [N, C] against targets [N, C].
func (b *Builder) SoftCrossEntropy(logits, targets *Node) *Node {
	return b.do("soft_cross_entropy", func() (*Node, error) { return op.SoftCrossEntropy(logits, targets) })
}

// BCEWithLogits is the mean binary cross-entropy of logits against targets [N, C], positives weighted by posWeight [C]; negative
// targets are ignored.
func (b *Builder) BCEWithLogits(logits, targets, posWeight *Node) *Node {
	return b.do("bce_with_logits", func() (*Node, error) { return op.BCEWithLogits(logits, targets, posWeight) })
}

// MSELoss is the mean squared difference.
func (b *Builder) MSELoss(pred, target *Node) *Node {
	return b.do("mse_loss", func() (*Node, error) { return op.MSELoss(pred, target) })
}
