package augment

import (
	"math"
	"slices"
	"testing"
)

// What timm 1.0's cutmix_bbox_and_lam makes of a share and a middle on 12 x 14 pixels.
func TestCutMixReplacesTimmsRectangle(t *testing.T) {
	for _, c := range []struct {
		share  float64
		cy, cx int
		want   Joint
	}{
		{0.3, 0, 0, Joint{0.8214285714285714, 0, 0, 5, 6}},
		{0.75, 7, 9, Joint{0.75, 4, 6, 10, 13}},
		{0.5, 11, 13, Joint{0.8511904761904762, 7, 9, 12, 14}},
		{0.9, 4, 6, Joint{0.9285714285714286, 3, 4, 6, 8}},
		{0.05, 5, 5, Joint{0.2142857142857143, 0, 0, 11, 12}},
	} {
		got := cutout(c.share, c.cy, c.cx, 12, 14)
		if math.Abs(got.Share-c.want.Share) > 1e-12 {
			t.Errorf("%v about (%d, %d): %v stays, want %v", c.share, c.cy, c.cx, got.Share, c.want.Share)
		}
		if got.Share = c.want.Share; got != c.want {
			t.Errorf("%v about (%d, %d): %+v, want %+v", c.share, c.cy, c.cx, got, c.want)
		}
	}
}

// What timm 1.0's mixup_target makes of the classes 0, 1, 2, 0 of three, smoothed by 0.1.
func TestMixedTargetsAreTimms(t *testing.T) {
	const on, off = 0.9 + 0.1/3, 0.1 / 3
	got := []float32{on, off, off, off, on, off, off, off, on, on, off, off}
	Joint{Share: 0.3}.Targets(got, 3)
	want := []float64{
		0.9333332777023315, 0.03333333507180214, 0.03333333507180214, 0.03333333507180214, 0.3033333420753479, 0.6633332967758179,
		0.03333333507180214, 0.6633332967758179, 0.3033333420753479, 0.9333332777023315, 0.03333333507180214, 0.03333333507180214,
	}
	for i := range want {
		if math.Abs(float64(got[i])-want[i]) > 1e-6 {
			t.Errorf("target %d is %v, want %v", i, got[i], want[i])
		}
	}
	unknown := []float32{1, -1, 0, 0, 1, -1}
	Joint{Share: 0.5}.Targets(unknown, 3)
	if want := []float32{0.5, -1, -1, 0.5, -1, -1}; !slices.Equal(unknown, want) {
		t.Errorf("mixed with unknown ones: %v, want %v", unknown, want)
	}
}

func TestImagesAreJoinedWithTheReversedBatch(t *testing.T) {
	batch := func() []float32 { // three images of two channels of 2 x 3 pixels, each of one value
		x := make([]float32, 3*12)
		for i := range x {
			x[i] = float32(1 + i/12)
		}
		return x
	}
	x := batch()
	Joint{Share: 0.25}.Images(x, 12, 2, 3)
	for i, want := range []float32{0.25*1 + 0.75*3, 2, 0.25*3 + 0.75*1} {
		for _, v := range x[i*12 : (i+1)*12] {
			if v != want {
				t.Fatalf("mixup: image %d holds %v, want %v", i, v, want)
			}
		}
	}
	x = batch()
	Joint{Share: 0.5, Top: 1, Bottom: 2, Left: 0, Right: 2}.Images(x, 12, 2, 3)
	if got, want := x[:12], []float32{1, 1, 1, 3, 3, 1, 1, 1, 1, 3, 3, 1}; !slices.Equal(got, want) {
		t.Errorf("cutmix: %v, want %v", got, want)
	}
	if got := x[12:24]; slices.Max(got) != 2 || slices.Min(got) != 2 {
		t.Errorf("cutmix: the middle image became %v", got)
	}
}

func TestAMixDrawsEitherKindAsAsked(t *testing.T) {
	count := func(m Mix) (cut, mixed int) {
		for batch := range 200 {
			j := m.Draw(1, batch, 16, 16)
			if j != m.Draw(1, batch, 16, 16) || j.Share < 0 || j.Share > 1 {
				t.Fatalf("batch %d: %+v", batch, j)
			}
			if j.Bottom > 0 {
				cut++
			} else if j.Share < 1 {
				mixed++
			}
		}
		return cut, mixed
	}
	if cut, mixed := count(Mix{Mixup: 0.8}); cut != 0 || mixed < 190 {
		t.Errorf("mixup alone: %d cut, %d mixed", cut, mixed)
	}
	if cut, mixed := count(Mix{CutMix: 1}); cut < 190 || mixed > 0 {
		t.Errorf("cutmix alone: %d cut, %d mixed", cut, mixed)
	}
	if cut, mixed := count(Mix{Mixup: 0.8, CutMix: 1}); cut < 70 || mixed < 70 {
		t.Errorf("both: %d cut, %d mixed", cut, mixed)
	}
	if cut, mixed := count(Mix{}); cut+mixed != 0 {
		t.Errorf("neither: %d cut, %d mixed", cut, mixed)
	}
}
