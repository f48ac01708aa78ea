package cpu

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/kernel"
)

func TestFusedKernelsGiveTheBitsOfTheirSequence(t *testing.T) {
	attrs := map[string]any{"batch_norm": kernel.BatchNorm{Eps: 1e-5}, "add": kernel.Add{}, "relu": kernel.ReLU{}}
	for _, sequence := range kernel.Fused {
		for _, shape := range [][]int{{2, 3, 5, 7}, {3, 5, 17, 17}, {1, 1, 1, 1}, {2, 2, 64, 80}} {
			for _, level := range Levels() {
				d, err := NewLevel(3, level)
				if err != nil {
					t.Fatal(err)
				}
				f := &fusedRun{t: t, d: d, r: rand.New(rand.NewPCG(7, 8))}
				f.stream, _ = d.NewStream()
				first, _, _ := strings.Cut(sequence[0], ".")
				var in, extra []accel.Tensor // of the first kernel and of the others
				if in = append(in, f.tensor(shape)); first == "batch_norm" {
					c := shape[1:2]
					in = append(in, f.tensor(c), f.tensor(c))
					if sequence[0] == "batch_norm.eval" {
						in = append(in, f.tensor(c), f.positive(c))
					}
				} else {
					in = append(in, f.tensor(shape))
				}
				outputs := func() []accel.Tensor {
					out := []accel.Tensor{f.tensor(shape)}
					if sequence[0] == "batch_norm.train" {
						out = append(out, f.tensor([]int{3 * shape[1]}))
					}
					return out
				}
				out := outputs()
				f.launch(sequence[0], attrs[first], out, in)
				y := out[0]
				for _, name := range sequence[1:] {
					operands := []accel.Tensor{y}
					if name == "add" {
						extra = append(extra, f.tensor(shape))
						operands = append(operands, extra[len(extra)-1])
					}
					y = f.tensor(shape)
					f.launch(name, attrs[name], []accel.Tensor{y}, operands)
				}
				fused := outputs()
				f.launch(strings.Join(sequence, "+"), attrs[first], fused, append(in, extra...))
				what := strings.Join(sequence, "+") + " at " + level
				compareBits(t, what, f.data(fused[0]), f.data(y))
				for i := range out[1:] {
					compareBits(t, what+", further output", f.data(fused[1+i]), f.data(out[1+i]))
				}
				f.close()
			}
		}
	}
}

// fusedRun launches kernels on a device and keeps the buffers.
type fusedRun struct {
	t       *testing.T
	d       *Device
	r       *rand.Rand
	stream  accel.Stream
	buffers []accel.Buffer
}

func (f *fusedRun) tensor(shape []int) accel.Tensor {
	return f.of(shape, random(f.r, accel.Volume(shape)))
}

func (f *fusedRun) positive(shape []int) accel.Tensor {
	x := random(f.r, accel.Volume(shape))
	for i, v := range x {
		x[i] = v*v + 0.1
	}
	return f.of(shape, x)
}

func (f *fusedRun) of(shape []int, data []float32) accel.Tensor {
	b, err := f.d.Alloc(accel.Float32, len(data))
	f.must(err)
	f.buffers = append(f.buffers, b)
	x := accel.Tensor{Buf: b, Shape: slices.Clone(shape)}
	f.must(f.d.CopyIn(f.stream, x, data))
	return x
}

func (f *fusedRun) launch(name string, attrs any, out, in []accel.Tensor) {
	k, err := f.d.Kernel(name)
	f.must(err)
	f.must(f.d.Launch(f.stream, k, attrs, out, in))
}

func (f *fusedRun) data(x accel.Tensor) []float32 {
	y := make([]float32, x.Len())
	f.must(f.d.CopyOut(f.stream, y, x))
	return y
}

func (f *fusedRun) close() {
	for _, b := range f.buffers {
		f.must(f.d.Free(b))
	}
	f.must(f.d.Close())
}

func (f *fusedRun) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}
