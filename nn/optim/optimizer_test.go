package optim

import (
	"math"
	"testing"

	"github.com/pipe-ml/pipe/accel"
	"github.com/pipe-ml/pipe/accel/cpu"
)

func tensor(t *testing.T, dev accel.Device, data []float32) accel.Tensor {
	t.Helper()
	buf, err := dev.Alloc(accel.Float32, len(data))
	if err != nil {
		t.Fatal(err)
	}
	x := accel.Tensor{Buf: buf, Shape: []int{len(data)}}
	if err := dev.CopyIn(stream(t, dev), x, data); err != nil {
		t.Fatal(err)
	}
	return x
}

func stream(t *testing.T, dev accel.Device) accel.Stream {
	t.Helper()
	s, err := dev.NewStream()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func host(t *testing.T, dev accel.Device, x accel.Tensor) []float32 {
	t.Helper()
	out := make([]float32, x.Len())
	if err := dev.CopyOut(stream(t, dev), out, x); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestStepClipsDecaysAndUpdates(t *testing.T) {
	dev := cpu.New(1)
	a := Param{Name: "a", Value: tensor(t, dev, []float32{1, -2}), Grad: tensor(t, dev, []float32{3, 0}), Decay: true}
	b := Param{Name: "b", Value: tensor(t, dev, []float32{0.5}), Grad: tensor(t, dev, []float32{4})}
	o, err := New(dev, stream(t, dev), Config{Rule: "sgd", WeightDecay: 0.1, ClipNorm: 1}, []Param{a, b})
	if err != nil {
		t.Fatal(err)
	}
	norm, err := o.Step(0.5)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(norm-5) > 1e-6 {
		t.Errorf("the norm of (3, 0, 4) is %v", norm)
	}
	got := append(host(t, dev, a.Value), host(t, dev, b.Value)...)
	want := []float64{1 - 0.5*(0.6+0.1), -2 - 0.5*(-0.2), 0.5 - 0.5*0.8}
	for i := range want {
		if math.Abs(float64(got[i])-want[i]) > 1e-5 {
			t.Errorf("element %d is %v, want %v", i, got[i], want[i])
		}
	}
	if err := o.Close(); err != nil {
		t.Error(err)
	}
}

func TestAdamWFirstStepMovesByTheRate(t *testing.T) {
	dev := cpu.New(1)
	p := Param{Name: "p", Value: tensor(t, dev, []float32{1, 1}), Grad: tensor(t, dev, []float32{1e-3, -7})}
	o, err := New(dev, stream(t, dev), Config{Rule: "adamw", Beta1: 0.9, Beta2: 0.999, Eps: 1e-8}, []Param{p})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.Step(0.01); err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{0.99, 1.01} {
		if got := host(t, dev, p.Value)[i]; math.Abs(float64(got)-want) > 1e-5 {
			t.Errorf("element %d is %v, want %v", i, got, want)
		}
	}
}

func TestABrokenGradientStopsTheRunAndSparesTheWeights(t *testing.T) {
	dev := cpu.New(1)
	p := Param{Name: "p", Value: tensor(t, dev, []float32{1}), Grad: tensor(t, dev, []float32{float32(math.NaN())})}
	o, err := New(dev, stream(t, dev), Config{Rule: "adamw", Beta1: 0.9, Beta2: 0.999, Eps: 1e-8}, []Param{p})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.Step(0.01); err == nil {
		t.Error("a NaN gradient was accepted")
	}
	if got := host(t, dev, p.Value)[0]; got != 1 {
		t.Errorf("the weight changed to %v", got)
	}
}

func TestOptimizerRefusesNothingToTrain(t *testing.T) {
	dev := cpu.New(1)
	if _, err := New(dev, stream(t, dev), Config{Rule: "adamw", Beta1: 0.9, Beta2: 0.999, Eps: 1e-8}, nil); err == nil {
		t.Error("an empty parameter list was accepted")
	}
	if _, err := New(dev, stream(t, dev), Config{Rule: "lion"}, []Param{{}}); err == nil {
		t.Error("an unknown rule was accepted")
	}
	if _, err := New(dev, stream(t, dev), Config{Rule: "sgd", Nesterov: true}, []Param{{}}); err == nil {
		t.Error("Nesterov's step without momentum was accepted")
	}
}

// What torch.optim of PyTorch 2.15 makes of (1, -2, 0.5) in five steps under the gradients (0.3 (s+1), -0.7, 0.11 (s-2)), at rate 0.1.
func TestFiveStepsAreThoseOfPyTorch(t *testing.T) {
	for _, c := range []struct {
		name string
		c    Config
		want []float64
	}{
		{"AdamW", Config{Rule: "adamw", WeightDecay: 0.05, Beta1: 0.9, Beta2: 0.95, Eps: 1e-6}, []float64{0.5015773762197048, -1.4554732758587223, 0.7667641319726984}},
		{"SGD", Config{Rule: "sgd"}, []float64{0.55, -1.65, 0.5}},
		{"momentum", Config{Rule: "sgd", Momentum: 0.8, WeightDecay: 0.05}, []float64{0.0861823796031249, -1.08662840195, 0.5340878933996875}},
		{"Nesterov", Config{Rule: "sgd", Momentum: 0.8, WeightDecay: 0.05, Nesterov: true}, []float64{-0.19594911841394305, -0.882434417874416, 0.5131680793573111}},
	} {
		dev := cpu.New(1)
		p := Param{Name: "p", Value: tensor(t, dev, []float32{1, -2, 0.5}), Grad: tensor(t, dev, make([]float32, 3)), Decay: true}
		o, err := New(dev, stream(t, dev), c.c, []Param{p})
		if err != nil {
			t.Fatal(err)
		}
		for s := range 5 {
			k := float32(s)
			if err := dev.CopyIn(stream(t, dev), p.Grad, []float32{0.3 * (k + 1), -0.7, 0.11 * (k - 2)}); err != nil {
				t.Fatal(err)
			}
			if _, err := o.Step(0.1); err != nil {
				t.Fatal(err)
			}
		}
		for i, got := range host(t, dev, p.Value) {
			if math.Abs(float64(got)-c.want[i]) > 2e-6 {
				t.Errorf("%s: element %d is %v, want %v", c.name, i, got, c.want[i])
			}
		}
	}
}

func TestAParameterLearnsAtItsShareOfTheRate(t *testing.T) {
	dev := cpu.New(1)
	p := Param{Name: "p", Value: tensor(t, dev, []float32{1}), Grad: tensor(t, dev, []float32{2}), Rate: 0.25}
	o, err := New(dev, stream(t, dev), Config{Rule: "sgd"}, []Param{p})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.Step(0.5); err != nil {
		t.Fatal(err)
	}
	if got := host(t, dev, p.Value)[0]; got != 0.75 {
		t.Errorf("the weight is %v, want 1 - 0.5/4*2", got)
	}
}
