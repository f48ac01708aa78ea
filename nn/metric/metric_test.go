package metric

import (
	"math"
	"testing"

	"github.com/pipe-ml/pipe/accel/rng"
)

// rows of two classes, given the probability of class 1.
func binary(labels []int, scores ...float64) Predictions {
	p := Predictions{Labels: labels}
	for _, s := range scores {
		p.Probs = append(p.Probs, []float64{1 - s, s})
	}
	return p
}

func near(t *testing.T, name string, got, want float64) {
	t.Helper()
	if math.IsNaN(got) != math.IsNaN(want) || math.Abs(got-want) > 1e-12 {
		t.Errorf("%s = %v, want %v", name, got, want)
	}
}

func TestClassificationMetricsEqualHandComputedValues(t *testing.T) {
	three := Predictions{
		Probs:  [][]float64{{.7, .2, .1}, {.1, .8, .1}, {.2, .5, .3}, {.1, .1, .8}, {.6, .3, .1}, {.3, .3, .4}},
		Labels: []int{0, 1, 2, 2, 1, 2},
	}
	tests := []struct {
		name             string
		p                Predictions
		acc, f1, auc, ec float64
	}{
		{"perfect", binary([]int{0, 0, 1, 1}, 0, 0, 1, 1), 1, 1, 1, 0},
		{"inverted", binary([]int{1, 1, 0, 0}, 0, 0, 1, 1), 0, 0, 0, 1},
		{"ties count half", binary([]int{0, 1, 0, 1}, .5, .5, .5, .5), .5, (2. / 3) / 2, .5, 0},
		{"one class only has no area", binary([]int{1, 1}, .9, .2), .5, (2. / 3) / 2, math.NaN(), (0.1 + 0.8) / 2},
		// one-vs-rest areas: class 0 5/5, class 1 (.8,.3 against .2,.5,.1,.3) 6.5/8, class 2 9/9.
		{"three classes", three, 4. / 6, (2./3 + 1./2 + 4./5) / 3, (1 + 6.5/8 + 1) / 3, 0.3 / 6 * 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.p.Check(); err != nil {
				t.Fatal(err)
			}
			near(t, "accuracy", Accuracy(tt.p), tt.acc)
			near(t, "f1", F1(tt.p), tt.f1)
			near(t, "auroc", AUROC(tt.p), tt.auc)
			if tt.name != "three classes" {
				near(t, "ece", ECE(tt.p), tt.ec)
			}
		})
	}
	// Confidences .7 .4 .8 .8 .5 .6 fall in separate bins but for the two .8, both hits.
	near(t, "ece of three classes", ECE(three), (.3+.6+.4+.5+.6)/6)
}

func TestCheckNamesTheBadRow(t *testing.T) {
	for _, p := range []Predictions{
		{},
		{Probs: [][]float64{{1, 0}}},
		binary([]int{0, 7}, .1, .2),
		{Probs: [][]float64{{1, 0}, {1}}, Labels: []int{0, 0}},
		binary([]int{0}, math.NaN()),
	} {
		if p.Check() == nil {
			t.Errorf("%v passed the check", p)
		}
	}
}

func TestBootstrapBracketsTheValueAndRepeats(t *testing.T) {
	data := make([]float64, 200)
	for i := range data {
		data[i] = float64(i % 10)
	}
	mean := func(rows []int) float64 {
		s := 0.0
		for _, r := range rows {
			s += data[r]
		}
		return s / float64(len(rows))
	}
	a, b := Bootstrap(len(data), 500, 1, mean), Bootstrap(len(data), 500, 1, mean)
	if a != b {
		t.Errorf("two runs differ: %v %v", a, b)
	}
	near(t, "value", a.Value, 4.5)
	// The standard error of this mean is 2.872/sqrt(200) = 0.203.
	if half := (a.High - a.Low) / 2; half < 0.3 || half > 0.5 {
		t.Errorf("half width %v, want about 1.96 standard errors = 0.40", half)
	}
	if c := Bootstrap(len(data), 500, 2, mean); c.Low == a.Low && c.High == a.High {
		t.Error("another seed gave the same bounds")
	}
}

// grid is a set of 2-D features with mean (mx,my) and known covariance.
func grid(mx, my, sx, sy float64) [][]float64 {
	var out [][]float64
	for i := range 10 {
		for j := range 10 {
			out = append(out, []float64{mx + sx*(float64(i)-4.5), my + sy*(float64(j)-4.5)})
		}
	}
	return out
}

func TestFIDEqualsTheClosedFormForDiagonalCovariances(t *testing.T) {
	a, b := grid(0, 0, 1, 2), grid(3, -1, 2, 0.5)
	unit := 82.5 * 10 / 99 // unbiased variance of a coordinate at scale 1
	want := 9 + 1 + unit*((1-2)*(1-2)+(2-0.5)*(2-0.5))
	got, err := FID(a, b)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(got-want) > 1e-9 {
		t.Errorf("FID = %v, want %v", got, want)
	}
}

func TestFIDOfASetToItselfIsZeroInAnyOrder(t *testing.T) {
	a := grid(1, 2, 1, 1)
	b := append(append([][]float64{}, a[50:]...), a[:50]...)
	for _, set := range [][][]float64{a, b} {
		if got, err := FID(a, set); err != nil || got != 0 {
			t.Errorf("FID = %v, %v, want exactly 0", got, err)
		}
	}
}

func TestFIDWithFewerImagesThanDimensionsIsFinite(t *testing.T) {
	a := [][]float64{{1, 2, 3, 4, 5}, {2, 1, 0, 3, 1}, {0, 0, 1, 1, 2}}
	b := [][]float64{{5, 2, 1, 4, 0}, {2, 2, 2, 3, 1}, {0, 1, 1, 9, 2}}
	if got, err := FID(a, b); err != nil || math.IsNaN(got) || got <= 0 {
		t.Errorf("FID = %v, %v", got, err)
	}
}

func TestKIDIsTheUnbiasedEstimator(t *testing.T) {
	a, b := [][]float64{{1}, {2}}, [][]float64{{3}, {0}}
	k := func(x, y float64) float64 { return math.Pow(x*y+1, 3) }
	want := k(1, 2) + k(3, 0) - 2*(k(1, 3)+k(1, 0)+k(2, 3)+k(2, 0))/4
	got, err := KID(a, b)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "KID", got, want)
	if got, _ := KID(grid(0, 0, 1, 1), grid(0, 0, 1, 1)); got > 0 {
		t.Errorf("KID of a set to itself = %v, want not above 0", got)
	}
}

func TestFeaturesOfDifferentWidthsAreRefused(t *testing.T) {
	if _, err := FID([][]float64{{1}, {2}}, [][]float64{{1, 2}, {2, 3}}); err == nil {
		t.Error("no error")
	}
	if _, err := KID([][]float64{{1}}, [][]float64{{1}, {2}}); err == nil {
		t.Error("no error for a single image")
	}
}

func TestCopiesAreTold(t *testing.T) {
	trained, heldOut := grid(0, 0, 1, 1), grid(0.4, 0.3, 1, 1)
	copies, err := Memorisation(trained[:20], trained, heldOut, 100, 1)
	if err != nil || copies.Value != 0 || copies.High != 0 {
		t.Errorf("copies: %+v, %v", copies, err)
	}
	others, err := Memorisation(heldOut[:20], trained, heldOut, 100, 1)
	if err != nil || math.Abs(others.Value-1) > 1e-9 {
		t.Errorf("images like the held-out ones: %+v, %v", others, err)
	}
	if _, err := Memorisation(heldOut, trained, trained, 100, 1); err == nil {
		t.Error("trained images as held out were accepted")
	}
}

func TestBlocksOfKIDSurroundTheWhole(t *testing.T) {
	a, b := grid(0, 0, 1, 1), grid(0.5, 0, 1, 1.2)
	whole, err := KID(a, b)
	if err != nil {
		t.Fatal(err)
	}
	one, err := KIDBlocks(a, b, 100, 3)
	if err != nil || !(one.Low < whole && whole < one.High) || !(one.Low < one.Value && one.Value < one.High) {
		t.Errorf("%+v, the whole %v, %v", one, whole, err)
	}
	turned := append(append([][]float64{}, a[30:]...), a[:30]...)
	if again, err := KIDBlocks(turned, b, 100, 3); err != nil || again != one {
		t.Errorf("in another order %+v, before %+v, %v", again, one, err)
	}
}

func TestManifoldsNeedAsManyNeighbours(t *testing.T) {
	a := grid(0, 0, 1, 1)
	if _, err := NewManifold(a, a[:5], 5); err == nil {
		t.Error("the fifth neighbour of one in five was found")
	}
	same, err := NewManifold(a, a, 3)
	if err != nil || same.Precision != 1 || same.Recall != 1 || same.Coverage != 1 {
		t.Errorf("a set against itself: %+v, %v", same, err)
	}
}

func TestGroupsAreScoredEachByItself(t *testing.T) {
	p := binary([]int{0, 1, 0, 1, 1, 0}, .1, .9, .8, .9, .2, .3)
	g := Groups{Names: []string{"f", "m", "x"}, Of: []int{0, 0, 1, 1, 1, -1}}
	accuracy := func(rows []int) float64 { return Accuracy(p.At(rows)) }
	values := g.Each([]int{0, 1, 2, 3, 4, 5}, accuracy)
	near(t, "f", values[0], 1)
	near(t, "m", values[1], 1./3)
	near(t, "x", values[2], math.NaN())
	low, high := Range(values[:2])
	near(t, "worst", low, 1./3)
	near(t, "best", high, 1)
	if low, high = Range(values); !math.IsNaN(low) || !math.IsNaN(high) {
		t.Errorf("with an empty group the values range from %v to %v", low, high)
	}
}

// Complaints of pytorch-fid's users: complex numbers from tiny sets, and a distance of a set to itself that is not 0.
func TestFIDOfFewImagesWithManyFeaturesIsRealAndExact(t *testing.T) {
	r := rng.New(3, "few")
	set := func(n int) [][]float64 {
		rows := make([][]float64, n)
		for i := range rows {
			for range 64 {
				rows[i] = append(rows[i], r.Norm())
			}
		}
		return rows
	}
	a, b := set(3), set(5)
	if d, err := FID(a, b); err != nil || math.IsNaN(d) || math.IsInf(d, 0) || d <= 0 {
		t.Errorf("FID %v, %v", d, err)
	}
	if d, err := FID(a, [][]float64{a[2], a[0], a[1]}); err != nil || d != 0 {
		t.Errorf("FID to itself %v, %v", d, err)
	}
}
