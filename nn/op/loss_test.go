package op

import (
	"math"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// The losses of the logits below by torch.nn.functional of PyTorch 2.15 and timm 1.0's SoftTargetCrossEntropy.
func TestLossesAreThoseOfPyTorch(t *testing.T) {
	// cross_entropy(weight=(0.5, 2, 1.25)) of the classes 0, 2, 1: targets scaled by the weight of their class, and 3 / 3.75.
	const w0, w1, w2 = 0.5 * 0.8, 2 * 0.8, 1.25 * 0.8
	const on, off = 0.9 + 0.1/3, 0.1 / 3
	for _, c := range []struct {
		name    string
		targets []float64
		weight  []float64 // of bce
		want    float64
		smooth  float32 // of cross_entropy, whose labels are 0, 2, 1
	}{
		{"labels", nil, nil, 1.1964291035260188, 0},
		{"labels, smoothed by 0.125", nil, nil, 1.3012902146371301, 0.125},
		{"soft", []float64{0.7, 0.2, 0.1, 0.1, 0.3, 0.6, 0, 1, 0}, nil, 1.2047624368593521, 0},
		{"weighted", []float64{w0, 0, 0, 0, 0, w2, 0, w1, 0}, nil, 1.2564863708476472, 0},
		{"weighted, smoothed by 0.1", []float64{on * w0, off * w1, off * w2, off * w0, off * w1, on * w2, off * w0, on * w1, off * w2}, nil, 1.3137028663377066, 0},
		{"binary, two unknown", []float64{1, 0, 1, -1, 1, 0, 0, -1, 0}, []float64{0.5, 2, 1.25}, 0.446929453334144, 0},
		{"binary, all unknown", []float64{-1, -1, -1, -1, -1, -1, -1, -1, -1}, []float64{0.5, 2, 1.25}, 0, 0},
	} {
		g := gorgonia.NewGraph()
		leaf := func(name string, shape ...int) *gorgonia.Node {
			return gorgonia.NewTensor(g, tensor.Float32, len(shape), gorgonia.WithShape(shape...), gorgonia.WithName(name))
		}
		x, y, w := leaf("x", 3, 3), leaf("y", 3, 3), leaf("w", 3)
		labels := gorgonia.NewTensor(g, tensor.Int32, 1, gorgonia.WithShape(3), gorgonia.WithName("labels"))
		feed := map[*gorgonia.Node]Array{
			x: {Shape: x.Shape(), Data: []float64{1.5, -0.5, 0.25, -2, 3, 0.5, 0.1, 0.2, -4}},
			y: {Shape: y.Shape(), Data: c.targets}, w: {Shape: w.Shape(), Data: c.weight},
			labels: {Shape: labels.Shape(), Data: []float64{0, 2, 1}},
		}
		var loss *gorgonia.Node
		var err error
		switch {
		case c.weight != nil:
			loss, err = BCEWithLogits(x, y, w)
		case c.targets != nil:
			loss, err = SoftCrossEntropy(x, y)
		default:
			loss, err = CrossEntropy(x, labels, c.smooth)
		}
		if err != nil {
			t.Fatal(err)
		}
		got, err := Evaluate(Train, []*gorgonia.Node{loss}, feed)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(got[0].Data[0]-c.want) > 1e-12 {
			t.Errorf("%s: %v, want %v", c.name, got[0].Data[0], c.want)
		}
	}
}
