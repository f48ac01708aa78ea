package cpu

import (
	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/cpu/internal/poly"
	"github.com/pipe-ml/pipe/accel/internal/operand"
	"github.com/pipe-ml/pipe/accel/kernel"
)

// elementGrain is the number of elements of a chunk of elementwise work: small enough to share a batch among threads,
// large enough to hide what a chunk costs.
const elementGrain = 1 << 13

func init() {
	registerActivation[kernel.ReLU]("relu", relu, reluDx)
	registerActivation[kernel.ReLU6]("relu6", relu6, relu6Dx)
	registerActivation[kernel.SiLU]("silu", silu, siluDx)
	registerActivation[kernel.GELU]("gelu", gelu, geluDx)
	registerActivation[kernel.GELUTanh]("gelu_tanh", geluTanh, geluTanhDx)
	registerActivation[kernel.QuickGELU]("quick_gelu", quickGELU, quickGELUDx)
}

// registerActivation registers name and name.dx, of which y(x) and dx(x, dy) are the plain Go.
func registerActivation[A any](name string, y func(x float32) float32, dx func(x, dy float32) float32) {
	register(name, func(d *Device, _ A, out, in []accel.Tensor) error {
		if err := operand.SameShape(out, in, 1); err != nil {
			return err
		}
		dst, x := f32(out[0]), f32(in[0])
		d.pool.run(len(dst), elementGrain, func(lo, hi int) { d.level.activate(name, y, dst[lo:hi], x[lo:hi]) })
		return nil
	})
	register(name+".dx", func(d *Device, _ A, out, in []accel.Tensor) error {
		if err := operand.SameShape(out, in, 2); err != nil {
			return err
		}
		dst, x, dy := f32(out[0]), f32(in[0]), f32(in[1])
		d.pool.run(len(dst), elementGrain, func(lo, hi int) { d.level.activateDx(name, dx, dst[lo:hi], x[lo:hi], dy[lo:hi]) })
		return nil
	})
}

// activate: dst = y(x), the function name. dst may be x.
func (l level) activate(name string, y func(x float32) float32, dst, x []float32) {
	i := 0
	if f := assembly[l].activation[name]; f != nil {
		i = whole(len(dst))
		f(i, ptr(dst), ptr(x))
	}
	for ; i < len(dst); i++ {
		dst[i] = y(x[i])
	}
}

// activateDx: dst = dx(x, dy), the gradient of the function name. dst may be dy.
func (l level) activateDx(name string, dx func(x, dy float32) float32, dst, x, dy []float32) {
	i := 0
	if f := assembly[l].activationDx[name]; f != nil {
		i = whole(len(dst))
		f(i, ptr(dst), ptr(x), ptr(dy))
	}
	for ; i < len(dst); i++ {
		dst[i] = dx(x[i], dy[i])
	}
}

func relu(x float32) float32 {
	if 0 > x {
		return 0
	}
	return x
}

func reluDx(x, dy float32) float32 {
	if x > 0 {
		return dy
	}
	return 0
}

func relu6(x float32) float32 {
	if x = relu(x); 6 < x {
		return 6
	}
	return x
}

func relu6Dx(x, dy float32) float32 {
	if x > 0 && x < 6 {
		return dy
	}
	return 0
}

func silu(x float32) float32 { return x / (1 + expf(-x)) }

func siluDx(x, dy float32) float32 {
	s := sigmoidf(x)
	return dy * (s * (float32(x*(1-s)) + 1))
}

func gelu(x float32) float32 {
	cdf, _ := normalf(x)
	return x * cdf
}

func geluDx(x, dy float32) float32 {
	cdf, e := normalf(x)
	return dy * (float32(x*float32(e*poly.InvSqrt2Pi)) + cdf)
}

// geluTanh uses (1 + tanh u) / 2 = sigmoid(2u).
func geluTanh(x float32) float32 {
	z := x * (float32(float32(x*x)*poly.TanhCubic) + poly.TanhLinear)
	return x / (1 + expf(-z))
}

func geluTanhDx(x, dy float32) float32 {
	x2 := x * x
	s := sigmoidf(x * (float32(x2*poly.TanhCubic) + poly.TanhLinear))
	dz := float32(x2*poly.TanhCubic3) + poly.TanhLinear
	return dy * (s * (float32(float32(x*(1-s))*dz) + 1))
}

func quickGELU(x float32) float32 { return x / (1 + expf(-(x * poly.QuickGELU))) }

func quickGELUDx(x, dy float32) float32 {
	z := x * poly.QuickGELU
	s := sigmoidf(z)
	return dy * (s * (float32(z*(1-s)) + 1))
}
