package phantom

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"image"
	"strings"
	"testing"

	"github.com/pipe-ml/pipe/stages/source"
)

func parse(t testing.TB, address string) *source.Set {
	t.Helper()
	a, err := Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return a.Open()
}

func pixels(t testing.TB, it source.Item) []byte {
	t.Helper()
	img, err := it.Load()
	if err != nil {
		t.Fatal(err)
	}
	return img.(*image.Gray).Pix
}

// digest covers everything that a set says, in order.
func digest(t testing.TB, s *source.Set) string {
	h := sha256.New()
	for _, it := range s.Items {
		h.Write([]byte(strings.Join([]string{it.Origin, it.Label, it.Caption, it.Patient, it.Split}, "|")))
		h.Write(pixels(t, it))
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// If one of these changes, so do the results of every pipeline that runs on a phantom: bump the Version of
// the stage types dataset and pretrain.
func TestGeneratedSetsNeverChange(t *testing.T) {
	for address, want := range map[string]string{
		"phantom://chestxray?count=18&size=64":          "5f23dd51c984ee76",
		"phantom://chestxray?count=18&size=64&film=1":   "7eeb958a48169992",
		"phantom://fractals?classes=6&count=12&size=32": "db019d2b254b1568",
	} {
		if got := digest(t, parse(t, address)); got != want {
			t.Errorf("%s: digest %s, want %s", address, got, want)
		}
	}
}

func TestItemsDependOnNeitherCountNorOrder(t *testing.T) {
	for _, name := range []string{"chestxray?size=48&", "fractals?size=24&classes=5&"} {
		few, many := parse(t, "phantom://"+name+"count=6"), parse(t, "phantom://"+name+"count=40")
		for i := len(few.Items) - 1; i >= 0; i-- {
			a, b := few.Items[i], many.Items[i]
			if a.Origin != b.Origin || a.Caption != b.Caption || !bytes.Equal(pixels(t, a), pixels(t, b)) {
				t.Errorf("%s: item %d differs", name, i)
			}
		}
		if other := parse(t, "phantom://"+name+"count=6&seed=1"); bytes.Equal(pixels(t, few.Items[0]), pixels(t, other.Items[0])) {
			t.Errorf("%s: another seed gives the same image", name)
		}
	}
}

func TestAddressesAreCheckedAndCompleted(t *testing.T) {
	a, err := Parse("phantom://fractals?count=10")
	if err != nil || a.String() != "phantom://fractals?classes=64&count=10&seed=0&size=64" {
		t.Errorf("%s, %v", a, err)
	}
	if a, err = a.With("size", 96); err != nil || !strings.HasSuffix(a.String(), "size=96") {
		t.Errorf("%s, %v", a, err)
	}
	if _, err := a.With("size", 1); err == nil {
		t.Error("a size of 1 was taken")
	}
	for address, want := range map[string]string{
		"phantom://chestxray?cuont=3":         `no option "cuont"; chestxray has count, seed, healthy, size`,
		"phantom://chestxray?count=0":         "option count must be from 1 to 1000000, not 0",
		"phantom://chestxray?count=many":      `option count must be one whole number, not "many"`,
		"phantom://chestxray?count=1&count=2": "option count must be one whole number",
		"phantom://brain":                     `no phantom "brain"; there are chestxray, fractals`,
		"phantom://chestxray/x":               `no phantom "chestxray/x"`,
		"https://chestxray":                   "only phantom:// addresses",
		"phantom://%zz":                       "not an address",
	} {
		if _, err := Parse(address); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", address, err, want)
		}
	}
}

func TestChestXRaysAreBalancedPatientsWithReports(t *testing.T) {
	s := parse(t, "phantom://chestxray?count=600")
	labels, patients := map[string]int{}, map[string]string{}
	for _, it := range s.Items {
		labels[it.Label]++
		if l, seen := patients[it.Patient]; seen && l != it.Label {
			t.Errorf("patient %s has %s and %s", it.Patient, l, it.Label)
		}
		patients[it.Patient] = it.Label
		names := map[string]string{normal: "no", cardiomegaly: "heart|cardiomegaly", consolidation: "consolidation", effusion: "effusion", nodule: "nodul", pneumothorax: "pneumothorax"}
		told := false
		for _, word := range strings.Split(names[it.Label], "|") {
			told = told || strings.Contains(it.Caption, word)
		}
		if !told || strings.Contains(it.Caption, "no "+it.Label) || len(strings.Fields(it.Caption)) > 24 {
			t.Errorf("%s: %q", it.Label, it.Caption)
		}
	}
	for _, it := range parse(t, "phantom://chestxray?count=20&healthy=1").Items {
		if it.Label != normal {
			t.Errorf("a healthy patient has %s", it.Label)
		}
	}
	if len(labels) != len(findings) || len(patients) < 250 || len(patients) > 350 {
		t.Errorf("labels %v, %d patients", labels, len(patients))
	}
	for l, n := range labels {
		if n < 70 || n > 130 {
			t.Errorf("%d images of %s", n, l)
		}
	}
}

// A radiograph is dark in the lungs, bright in the middle, and uses the whole range.
func TestChestXRaysLookLikeOnes(t *testing.T) {
	const n = 64
	s := parse(t, "phantom://chestxray?count=30&size=64")
	region := func(p []byte, x0, x1, y0, y1 int) float64 {
		sum := 0
		for y := y0; y < y1; y++ {
			for x := x0; x < x1; x++ {
				sum += int(p[y*n+x])
			}
		}
		return float64(sum) / float64((x1-x0)*(y1-y0))
	}
	for _, it := range s.Items {
		p := pixels(t, it)
		lungs := (region(p, 14, 22, 22, 34) + region(p, 42, 50, 22, 34)) / 2
		spine, belly := region(p, 30, 34, 30, 50), region(p, 24, 40, 56, 62)
		if spine < lungs+50 || belly < lungs+50 {
			t.Errorf("%s (%s): lungs %.0f, spine %.0f, belly %.0f", it.Origin, it.Label, lungs, spine, belly)
		}
	}
}

// A finding changes what it should: a nearest-mean classifier on coarse pixels is above chance and far from
// perfect, so there is something to learn and something left to learn.
func TestFindingsCanBeToldApartButNotTrivially(t *testing.T) {
	s := parse(t, "phantom://chestxray?count=480&size=48")
	half := len(s.Items) / 2
	means, counts := map[string][]float64{}, map[string]float64{}
	images := make([][]byte, len(s.Items))
	for i, it := range s.Items {
		images[i] = pixels(t, it)
		if i >= half {
			continue
		}
		if means[it.Label] == nil {
			means[it.Label] = make([]float64, len(images[i]))
		}
		for k, v := range images[i] {
			means[it.Label][k] += float64(v)
		}
		counts[it.Label]++
	}
	right := 0
	for i := half; i < len(s.Items); i++ {
		best, least := "", 0.0
		for _, label := range findings {
			d := 0.0
			for k, v := range images[i] {
				e := means[label][k]/counts[label] - float64(v)
				d += e * e
			}
			if best == "" || d < least {
				best, least = label, d
			}
		}
		if best == s.Items[i].Label {
			right++
		}
	}
	accuracy := float64(right) / float64(half)
	t.Logf("nearest mean: %.2f (chance 0.17)", accuracy)
	if accuracy < 0.2 || accuracy > 0.8 {
		t.Errorf("accuracy %.2f", accuracy)
	}
}

func TestFractalClassesDiffer(t *testing.T) {
	s := parse(t, "phantom://fractals?classes=8&count=16&size=32")
	if len(s.Classes) != 8 || s.Items[0].Label != s.Items[8].Label || s.Items[0].Label == s.Items[1].Label {
		t.Errorf("classes %v", s.Classes)
	}
	for i, it := range s.Items {
		lit := 0
		for _, v := range pixels(t, it) {
			if v > 0 {
				lit++
			}
		}
		if share := float64(lit) / (32 * 32); share < 0.05 || share > 0.98 {
			t.Errorf("image %d fills %.2f", i, share)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("phantom://chestxray?count=12&seed=3")
	f.Fuzz(func(t *testing.T, address string) {
		a, err := Parse(address)
		if err != nil {
			return
		}
		if again, err := Parse(a.String()); err != nil || again.String() != a.String() {
			t.Errorf("%s: %v", a, err)
		}
	})
}
