package train

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pipe-ml/pipe/nn/model"
)

func TestOrderIsAPermutationEachEpochAndRepeatable(t *testing.T) {
	a, b, other := &Order{N: 7, Seed: 1}, &Order{N: 7, Seed: 1}, &Order{N: 7, Seed: 2}
	var epochs [3][]int
	same := true
	for p := range 21 {
		i := a.At(p)
		epochs[p/7] = append(epochs[p/7], i)
		if b.At(p) != i {
			t.Fatalf("position %d: two orders of one seed differ", p)
		}
		same = same && other.At(p) == i
	}
	if same {
		t.Error("two seeds give one order")
	}
	if slices.Equal(epochs[0], epochs[1]) && slices.Equal(epochs[1], epochs[2]) {
		t.Error("all epochs have one order")
	}
	for e, order := range epochs {
		slices.Sort(order)
		if diff := cmp.Diff([]int{0, 1, 2, 3, 4, 5, 6}, order); diff != "" {
			t.Errorf("epoch %d: %s", e, diff)
		}
	}
}

var grey3 = Images{Size: 3, Channels: 1, Labels: []int32{0}, Pixels: []byte{0, 51, 102, 0, 51, 102, 255, 255, 255}}

func TestNormaliseShiftsFlipsAndScales(t *testing.T) {
	in := model.Input{Size: 3, Channels: 1, Mean: []float32{0.5}, Std: []float32{0.5}}
	for _, c := range []struct {
		name string
		p    Placement
		row  []float32 // the first
	}{
		{"in place", Placement{}, []float32{-1, -0.6, -0.2}},
		{"flipped", Placement{Flip: true}, []float32{-0.2, -0.6, -1}},
		{"moved left, the border repeated", Placement{DX: 1}, []float32{-0.6, -0.2, -0.2}},
		{"moved up", Placement{DY: 2}, []float32{1, 1, 1}},
	} {
		dst := make([]float32, 9)
		grey3.Normalise(dst, 0, in, c.p)
		for i, want := range c.row {
			if d := dst[i] - want; d > 1e-6 || d < -1e-6 {
				t.Errorf("%s: %v, want %v", c.name, dst[:3], c.row)
				break
			}
		}
	}
}

func TestChannelsAreRepeatedOrAveraged(t *testing.T) {
	rgb := model.Input{Size: 3, Channels: 3, Mean: []float32{0, 0.5, 1}, Std: []float32{1, 1, 1}}
	dst := make([]float32, 27)
	grey3.Normalise(dst, 0, rgb, Placement{})
	if dst[2] < 0.39 || dst[2] > 0.41 || dst[11]-dst[2] > -0.49 || dst[20]-dst[2] > -0.99 {
		t.Errorf("a grey image as colour: %v %v %v", dst[2], dst[11], dst[20])
	}
	colour := Images{Size: 1, Channels: 3, Labels: []int32{0}, Pixels: []byte{0, 51, 102}}
	grey := model.Input{Size: 1, Channels: 1, Mean: []float32{0}, Std: []float32{1}}
	colour.Normalise(dst[:1], 0, grey, Placement{})
	if d := dst[0] - 0.2; d > 1e-6 || d < -1e-6 {
		t.Errorf("a colour image as grey: %v", dst[0])
	}
}

func TestAugmentationIsDrawnBySeedAndPosition(t *testing.T) {
	a := Augment{Shift: 4, Flip: true}
	seen := map[Placement]bool{}
	for p := range 50 {
		d := a.Draw(3, p)
		if d != a.Draw(3, p) {
			t.Fatalf("position %d: two draws differ", p)
		}
		if d.DX < -4 || d.DX > 4 || d.DY < -4 || d.DY > 4 {
			t.Errorf("placement %+v", d)
		}
		seen[d] = true
	}
	if len(seen) < 20 {
		t.Errorf("only %d placements in 50", len(seen))
	}
	if d := (Augment{}).Draw(3, 1); d != (Placement{}) {
		t.Errorf("no augmentation gave %+v", d)
	}
}

func TestImagesThatDoNotFitAreRefused(t *testing.T) {
	in := model.Input{Size: 3, Channels: 3}
	if err := grey3.Validate(in); err != nil {
		t.Error(err)
	}
	in.Size = 4
	if grey3.Validate(in) == nil {
		t.Error("a wrong size was accepted")
	}
	short := grey3
	short.Pixels = short.Pixels[1:]
	if short.Validate(model.Input{Size: 3, Channels: 1}) == nil {
		t.Error("missing pixels were accepted")
	}
}
