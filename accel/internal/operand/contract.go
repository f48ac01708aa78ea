package operand

import (
	"errors"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/kernel"
)

// Conv2d wants x [B, C, H, W], w [O, C/Groups, KH, KW] and y [B, O, OH, OW].
func Conv2d(a kernel.Conv2d, x, w, y accel.Tensor) error {
	if len(x.Shape) != 4 || len(w.Shape) != 4 || len(y.Shape) != 4 || a.Groups < 1 || a.StrideH < 1 || a.StrideW < 1 {
		return errors.New("operands must have rank 4, strides and groups be at least 1")
	}
	spanH, spanW := x.Shape[2]+a.PadTop+a.PadBottom-w.Shape[2], x.Shape[3]+a.PadLeft+a.PadRight-w.Shape[3]
	if x.Shape[1] != w.Shape[1]*a.Groups || w.Shape[0]%a.Groups != 0 || y.Shape[0] != x.Shape[0] || y.Shape[1] != w.Shape[0] ||
		min(spanH, spanW) < 0 || y.Shape[2] != spanH/a.StrideH+1 || y.Shape[3] != spanW/a.StrideW+1 {
		return errors.New("the shapes must be x [B, C, H, W], w [O, C/groups, KH, KW], y [B, O, OH, OW]")
	}
	return nil
}

// Attention wants q [B, N, D], k and v [B, M, D], D of equal heads, and N = M if it is causal.
func Attention(a kernel.Attention, q, k, v accel.Tensor) error {
	if len(q.Shape) != 3 || len(k.Shape) != 3 || len(v.Shape) != 3 || a.Heads < 1 {
		return errors.New("operands must have rank 3 and heads be at least 1")
	}
	if q.Shape[2]%a.Heads != 0 || k.Shape[0] != q.Shape[0] || k.Shape[2] != q.Shape[2] || v.Len() != k.Len() || v.Shape[1] != k.Shape[1] ||
		a.Causal && q.Shape[1] != k.Shape[1] {
		return errors.New("the shapes must be q [B, N, D], k and v [B, M, D], the heads divide D, and N = M if causal")
	}
	return nil
}

// Pool2d wants x [B, C, H, W] and y [B, C, OH, OW].
func Pool2d(a kernel.Pool2d, x, y accel.Tensor) error {
	if len(x.Shape) != 4 || len(y.Shape) != 4 || a.Kernel < 1 || a.Stride < 1 || a.Pad < 0 {
		return errors.New("operands must have rank 4, the kernel and the stride be at least 1")
	}
	if y.Shape[0] != x.Shape[0] || y.Shape[1] != x.Shape[1] ||
		y.Shape[2] != (x.Shape[2]+2*a.Pad-a.Kernel)/a.Stride+1 || y.Shape[3] != (x.Shape[3]+2*a.Pad-a.Kernel)/a.Stride+1 {
		return errors.New("the shapes must be x [B, C, H, W] and y [B, C, OH, OW]")
	}
	return nil
}

// LinearWeight wants w [M, K].
func LinearWeight(w accel.Tensor) (m, k int, err error) {
	if len(w.Shape) != 2 {
		return 0, 0, errors.New("the weight must be [M, K]")
	}
	return w.Shape[0], w.Shape[1], nil
}
