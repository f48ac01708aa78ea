package metric

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"
)

// reference is testdata/reference.json: what the field's libraries make of small sets.
type reference struct {
	Classes []struct {
		Probs  [][]float64
		Labels []int
		Want   map[string]float64
	}
	Labels []struct {
		Probs, Targets [][]float64
		Want           map[string]float64
	}
	Features []struct {
		Real, Made, Held [][]float64
		K                int
		Want             map[string]float64
	}
	Pictures []struct {
		Side, Channels, One, Other, Scales int
		Want                               float64
	}
}

func readReference(t *testing.T) (r reference) {
	t.Helper()
	text, err := os.ReadFile("testdata/reference.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// agree compares figures by name; every wanted one must be there. tolerance is relative to values of about 1.
func agree(t *testing.T, got, want map[string]float64, tolerance func(name string) float64) {
	t.Helper()
	if len(want) == 0 {
		t.Error("the reference is empty")
	}
	for name, w := range want {
		g, ok := got[name]
		if !ok || !(math.Abs(g-w) <= tolerance(name)*math.Max(1, math.Abs(w))) {
			t.Errorf("%s is %.12g, the reference says %.12g", name, g, w)
		}
	}
}

// torchmetrics sums calibration errors in float32, and SciPy's general square root of FID is less exact than ours.
func exactness(name string) float64 {
	switch name {
	case "ece":
		return 1e-6
	case "fid":
		return 1e-8
	}
	return 1e-11
}

func TestClassificationMetricsAreScikitLearns(t *testing.T) {
	for _, c := range readReference(t).Classes {
		p := Predictions{Probs: c.Probs, Labels: c.Labels}
		got := map[string]float64{}
		for name, metric := range map[string]func(Predictions) float64{
			"accuracy": Accuracy, "f1": F1, "f1_micro": F1Micro, "f1_weighted": F1Weighted, "auroc": AUROC, "auroc_weighted": AUROCWeighted,
			"ece": ECE, "ece_adaptive": ECEAdaptive, "ece_classwise": ECEClasswise,
		} {
			got[name] = metric(p)
		}
		agree(t, got, c.Want, exactness)
	}
}

func TestMultiLabelMetricsAreScikitLearns(t *testing.T) {
	for _, c := range readReference(t).Labels {
		m := MultiLabel{Probs: c.Probs, Targets: c.Targets}
		agree(t, map[string]float64{"accuracy": m.Accuracy(), "f1": m.F1(), "auroc": m.AUROC(), "ece": m.ECE()}, c.Want, exactness)
	}
}

func TestFeatureMetricsAreTheirReferences(t *testing.T) {
	for _, c := range readReference(t).Features {
		got := map[string]float64{}
		// Neither the order of a set nor that of the images within it may matter, so both are turned around half the time.
		for _, turn := range []bool{false, true} {
			real, made, held := slices.Clone(c.Real), slices.Clone(c.Made), slices.Clone(c.Held)
			if turn {
				slices.Reverse(real)
				slices.Reverse(made)
				slices.Reverse(held)
			}
			fid, err := FID(real, made)
			if err != nil {
				t.Fatal(err)
			}
			kid, err := KID(real, made)
			if err != nil {
				t.Fatal(err)
			}
			m, err := NewManifold(real, made, c.K)
			if err != nil {
				t.Fatal(err)
			}
			remembered, err := Memorisation(made, real, held, 10, 1)
			if err != nil {
				t.Fatal(err)
			}
			again := map[string]float64{
				"fid": fid, "kid": kid, "precision": m.Precision, "recall": m.Recall, "density": m.Density, "coverage": m.Coverage,
				"memorisation": remembered.Value,
			}
			for name, v := range got {
				if again[name] != v {
					t.Errorf("%s is %v, in another order %v", name, v, again[name])
				}
			}
			got = again
		}
		agree(t, got, c.Want, exactness)
	}
}

// drawn is picture of testdata/reference.py.
func drawn(side, channels, seed int) []byte {
	var out []byte
	for c := range channels {
		for y := range side {
			for x := range side {
				out = append(out, byte((x*2+y*3+c*31)%256*(8-seed)/8+(x*y)/(5+seed)%256*seed/8))
			}
		}
	}
	return out
}

func TestMultiScaleSimilarityIsPytorchMSSSIMs(t *testing.T) {
	for _, c := range readReference(t).Pictures {
		a, errA := NewPicture(drawn(c.Side, c.Channels, c.One), c.Channels, c.Side)
		b, errB := NewPicture(drawn(c.Side, c.Channels, c.Other), c.Channels, c.Side)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		got, err := MSSSIM(a, b)
		if err != nil || math.Abs(got-c.Want) > 1e-9 || a.Scales() != c.Scales {
			t.Errorf("%d pixels, %d channels: %.12g of %d scales, %v; want %.12g of %d", c.Side, c.Channels, got, a.Scales(), err, c.Want, c.Scales)
		}
		if same, err := MSSSIM(a, a); err != nil || math.Abs(same-1) > 1e-12 {
			t.Errorf("a picture is like itself by %v, %v", same, err)
		}
		if back, err := MSSSIM(b, a); err != nil || back != got {
			t.Errorf("%v one way, %v the other", got, back)
		}
	}
	small, err := NewPicture(drawn(16, 1, 1), 1, 16)
	if err != nil {
		t.Fatal(err)
	}
	large, err := NewPicture(drawn(64, 1, 1), 1, 64)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := MSSSIM(small, large); err == nil {
		t.Error("pictures of two sizes were compared")
	}
	if _, err := NewPicture(drawn(10, 1, 1), 1, 10); err == nil {
		t.Error("a picture smaller than the window was accepted")
	}
}
