package cpu

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/kernel"
)

// launched runs a kernel on copies of in at a level and returns its output.
func launched(t *testing.T, level string, threads int, name string, attrs any, out []int, shapes [][]int, in ...[]float32) []float32 {
	t.Helper()
	d, err := NewLevel(threads, level)
	if err != nil {
		t.Fatal(err)
	}
	s, err := d.NewStream()
	if err != nil {
		t.Fatal(err)
	}
	operand := func(shape []int, data []float32) accel.Tensor {
		b, err := d.Alloc(accel.Float32, accel.Volume(shape))
		if err != nil {
			t.Fatal(err)
		}
		to := accel.Tensor{Buf: b, Shape: shape}
		if err := d.CopyIn(s, to, data); err != nil {
			t.Fatal(err)
		}
		return to
	}
	nan := make([]float32, accel.Volume(out))
	for i := range nan {
		nan[i] = float32(math.NaN())
	}
	outs, ins := []accel.Tensor{operand(out, nan)}, []accel.Tensor{}
	for i, data := range in {
		ins = append(ins, operand(shapes[i], data))
	}
	k, err := d.Kernel(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Launch(s, k, attrs, outs, ins); err != nil {
		t.Fatal(err)
	}
	got := make([]float32, accel.Volume(out))
	if err := d.CopyOut(s, got, outs[0]); err != nil {
		t.Fatal(err)
	}
	for _, o := range append(outs, ins...) {
		if err := d.Free(o.Buf); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	return got
}

// convInOrder is the contract of conv2d, conv2d.dx and conv2d.dw to the bit.
func convInOrder(v conv, x, w, bias, dy []float32) (y, dx, dw []float32) {
	outputs, chans := v.o*v.Groups, v.c*v.Groups
	y, dx, dw = make([]float32, len(dy)), make([]float32, len(x)), make([]float32, len(w))
	at := func(b, ch, planes, row, col, h, wd int) int { return ((b*planes+ch)*h+row)*wd + col }
	for b := range v.batch {
		for o := range outputs {
			for p := range v.oh * v.ow {
				s := bias[o]
				for t := range v.taps() {
					c, ky, kx := t/v.kw/v.kh, t/v.kw%v.kh, t%v.kw
					iy, ix := p/v.ow*v.StrideH+ky-v.PadTop, p%v.ow*v.StrideW+kx-v.PadLeft
					var in float32
					if iy >= 0 && iy < v.h && ix >= 0 && ix < v.w {
						in = x[at(b, o/v.o*v.c+c, chans, iy, ix, v.h, v.w)]
					}
					i := at(b, o, outputs, p/v.ow, p%v.ow, v.oh, v.ow)
					s = fma32(w[o*v.taps()+t], in, s)
					dw[o*v.taps()+t] = fma32(dy[i], in, dw[o*v.taps()+t])
				}
				y[at(b, o, outputs, p/v.ow, p%v.ow, v.oh, v.ow)] = s
			}
		}
		for o := range outputs {
			for p := range v.oh * v.ow {
				for t := range v.taps() {
					c, ky, kx := t/v.kw/v.kh, t/v.kw%v.kh, t%v.kw
					iy, ix := p/v.ow*v.StrideH+ky-v.PadTop, p%v.ow*v.StrideW+kx-v.PadLeft
					if iy >= 0 && iy < v.h && ix >= 0 && ix < v.w {
						i := at(b, o/v.o*v.c+c, chans, iy, ix, v.h, v.w)
						dx[i] = fma32(w[o*v.taps()+t], dy[at(b, o, outputs, p/v.ow, p%v.ow, v.oh, v.ow)], dx[i])
					}
				}
			}
		}
	}
	return y, dx, dw
}

// laneSumsInOrder is dw where a group has one channel and few outputs.
func laneSumsInOrder(v conv, x, dy []float32) []float32 {
	outputs, window := v.o*v.Groups, v.kh*v.kw
	dw := make([]float32, outputs*window)
	for i := range dw {
		var s lanes
		o, ky, kx := i/window, i%window/v.kw, i%v.kw
		for b := range v.batch {
			for first := 0; first < v.ow; first += width {
				for row := range v.oh {
					for col := first; col < min(first+width, v.ow); col++ {
						var in float32
						if iy, ix := row*v.StrideH+ky-v.PadTop, col*v.StrideW+kx-v.PadLeft; iy >= 0 && iy < v.h && ix >= 0 && ix < v.w {
							in = x[((b*v.Groups+o/v.o)*v.h+iy)*v.w+ix]
						}
						s[col-first] = fma32(in, dy[((b*outputs+o)*v.oh+row)*v.ow+col], s[col-first])
					}
				}
			}
		}
		dw[i] = s.total()
	}
	return dw
}

func TestConvolutionsSumInTheStatedOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, c := range []struct {
		a        kernel.Conv2d
		x, w     []int
		laneSums bool // dw is a sum in lanes
	}{
		{kernel.Conv2d{StrideH: 1, StrideW: 1, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1, Groups: 1}, []int{2, 5, 9, 33}, []int{13, 5, 3, 3}, false},
		{kernel.Conv2d{StrideH: 1, StrideW: 1, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1, Groups: 1}, []int{1, 47, 8, 8}, []int{9, 47, 3, 3}, false},
		{kernel.Conv2d{StrideH: 2, StrideW: 2, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1, Groups: 1}, []int{2, 3, 17, 16}, []int{8, 3, 3, 3}, false},
		{kernel.Conv2d{StrideH: 2, StrideW: 3, PadTop: 2, PadRight: 3, Groups: 2}, []int{1, 6, 15, 14}, []int{4, 3, 5, 2}, false},
		{kernel.Conv2d{StrideH: 1, StrideW: 1, Groups: 1}, []int{2, 33, 5, 7}, []int{17, 33, 1, 1}, false},
		{kernel.Conv2d{StrideH: 2, StrideW: 2, Groups: 1}, []int{1, 9, 7, 7}, []int{5, 9, 1, 1}, false},
		{kernel.Conv2d{StrideH: 4, StrideW: 4, Groups: 1}, []int{2, 1, 16, 16}, []int{24, 1, 4, 4}, false},
		// Small maps, whose chunks span images, and enough outputs for parts.
		{kernel.Conv2d{StrideH: 1, StrideW: 1, Groups: 1}, []int{5, 40, 7, 7}, []int{150, 40, 1, 1}, false},
		{kernel.Conv2d{StrideH: 1, StrideW: 1, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1, Groups: 2}, []int{7, 18, 5, 5}, []int{140, 9, 3, 3}, false},
		// Rows long enough to be split and joined by vectors, of even and odd length.
		{kernel.Conv2d{StrideH: 2, StrideW: 2, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1, Groups: 1}, []int{3, 20, 6, 35}, []int{9, 20, 3, 3}, false},
		{kernel.Conv2d{StrideH: 2, StrideW: 2, Groups: 1}, []int{2, 9, 5, 36}, []int{40, 9, 1, 1}, false},
		// Windows of one element: more positions than a block, more inputs than outputs.
		{kernel.Conv2d{StrideH: 1, StrideW: 1, Groups: 2}, []int{3, 22, 14, 15}, []int{12, 11, 1, 1}, false},
		{kernel.Conv2d{StrideH: 2, StrideW: 2, Groups: 1}, []int{3, 13, 29, 31}, []int{20, 13, 1, 1}, false},
		{kernel.Conv2d{StrideH: 1, StrideW: 1, Groups: 1}, []int{2, 150, 5, 7}, []int{20, 150, 1, 1}, false},
		// Positions that no weight meets, one output for several channels.
		{kernel.Conv2d{StrideH: 3, StrideW: 3, PadLeft: 1, Groups: 1}, []int{2, 5, 10, 13}, []int{7, 5, 2, 2}, false},
		{kernel.Conv2d{StrideH: 1, StrideW: 1, PadTop: 1, PadRight: 1, Groups: 2}, []int{2, 8, 9, 9}, []int{2, 4, 3, 3}, false},
		{kernel.Conv2d{StrideH: 2, StrideW: 2, PadBottom: 1, PadRight: 1, Groups: 6}, []int{2, 6, 12, 20}, []int{6, 1, 3, 3}, true},
		// Windows of planes as they lie: several strips, padding wider than a window's half, several outputs a plane.
		{kernel.Conv2d{StrideH: 1, StrideW: 1, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1, Groups: 6}, []int{2, 6, 14, 14}, []int{6, 1, 3, 3}, true},
		{kernel.Conv2d{StrideH: 1, StrideW: 1, PadTop: 3, PadRight: 4, Groups: 5}, []int{2, 5, 4, 37}, []int{10, 1, 3, 3}, true},
		{kernel.Conv2d{StrideH: 2, StrideW: 2, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1, Groups: 3}, []int{2, 3, 9, 71}, []int{6, 1, 3, 3}, true},
		{kernel.Conv2d{StrideH: 1, StrideW: 1, PadTop: 2, PadLeft: 2, PadBottom: 2, PadRight: 2, Groups: 3}, []int{2, 3, 9, 37}, []int{3, 1, 5, 5}, true},
		{kernel.Conv2d{StrideH: 2, StrideW: 2, PadTop: 2, PadLeft: 2, PadBottom: 2, PadRight: 2, Groups: 3}, []int{2, 3, 10, 71}, []int{3, 1, 5, 5}, true},
		{kernel.Conv2d{StrideH: 2, StrideW: 2, PadTop: 1, PadLeft: 3, Groups: 2}, []int{3, 2, 8, 40}, []int{2, 1, 5, 5}, true},
		{kernel.Conv2d{StrideH: 2, StrideW: 2, PadBottom: 1, PadRight: 1, Groups: 2}, []int{3, 2, 64, 64}, []int{2, 1, 3, 3}, true},
		{kernel.Conv2d{StrideH: 2, StrideW: 2, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1, Groups: 2}, []int{3, 2, 7, 7}, []int{2, 1, 3, 3}, true},
		{kernel.Conv2d{StrideH: 2, StrideW: 2, PadTop: 3, PadLeft: 3, PadBottom: 3, PadRight: 3, Groups: 2}, []int{2, 2, 33, 33}, []int{2, 1, 3, 3}, true},
		// Groups of few outputs: one tile of them and two, several chunks of rows, rows shorter than a vector.
		{kernel.Conv2d{StrideH: 1, StrideW: 1, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1, Groups: 3}, []int{3, 12, 9, 21}, []int{36, 4, 3, 3}, false},
		{kernel.Conv2d{StrideH: 2, StrideW: 2, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1, Groups: 2}, []int{2, 8, 70, 63}, []int{10, 4, 3, 3}, false},
		{kernel.Conv2d{StrideH: 1, StrideW: 1, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1, Groups: 4}, []int{3, 32, 5, 5}, []int{64, 8, 3, 3}, false},
	} {
		t.Run(fmt.Sprintf("%v by %v", c.x, c.w), func(t *testing.T) {
			out := []int{c.x[0], c.w[0], (c.x[2]+c.a.PadTop+c.a.PadBottom-c.w[2])/c.a.StrideH + 1, (c.x[3]+c.a.PadLeft+c.a.PadRight-c.w[3])/c.a.StrideW + 1}
			v, err := convOf(c.a, accel.Tensor{Shape: c.x}, accel.Tensor{Shape: c.w}, accel.Tensor{Shape: out})
			if err != nil {
				t.Fatal(err)
			}
			x, w, dy, bias := random(r, accel.Volume(c.x)), random(r, accel.Volume(c.w)), random(r, accel.Volume(out)), random(r, c.w[0])
			y, dx, dw := convInOrder(v, x, w, bias, dy)
			if c.laneSums {
				dw = laneSumsInOrder(v, x, dy)
			}
			for _, level := range Levels() {
				for _, threads := range []int{1, 2, 8} {
					where := fmt.Sprintf("%s with %d threads", level, threads)
					sameBits(t, "y, "+where, launched(t, level, threads, "conv2d", c.a, out, [][]int{c.x, c.w, {c.w[0]}}, x, w, bias), y)
					sameBits(t, "dx, "+where, launched(t, level, threads, "conv2d.dx", c.a, c.x, [][]int{out, c.w}, dy, w), dx)
					sameBits(t, "dw, "+where, launched(t, level, threads, "conv2d.dw", c.a, c.w, [][]int{c.x, out}, x, dy), dw)
				}
			}
		})
	}
}

func sameBits(t *testing.T, what string, got, want []float32) {
	t.Helper()
	for i := range want {
		// An element that meets padding only may be a zero of either sign.
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) && (got[i] != 0 || want[i] != 0) {
			t.Fatalf("%s: element %d is %x, want %x", what, i, got[i], want[i])
		}
	}
}
