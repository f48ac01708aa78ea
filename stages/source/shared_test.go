package source

import (
	"image"
	"os"
	"path/filepath"
	"testing"
)

// shared finds a folder of real images, "" where they are absent.
func shared(t *testing.T, name string) string {
	dir := os.Getenv("PIPE_SHARED_DATA")
	for at, _ := os.Getwd(); dir == "" && at != filepath.Dir(at); at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "shared", "data")); err == nil {
			dir = filepath.Join(at, "shared", "data")
		}
	}
	dir = filepath.Join(dir, name)
	if _, err := os.Stat(dir); err != nil {
		t.Logf("shared/data/%s is missing: only generated trees are tested", name)
		return ""
	}
	return dir
}

// Counts are those of the README beside each set.
func TestRealSetsAreReadWhole(t *testing.T) {
	cases := []struct {
		name, layout       string
		images, patients   int
		captions, problems int
		labels             map[string]int
	}{
		{"busi", "busi", 399, 1, 0, 0, map[string]int{"benign": 133, "malignant": 133, "normal": 133}},
		{"kermany_chest_xray", "kermany", 760, 740, 0, 0, map[string]int{"NORMAL": 380, "PNEUMONIA": 380}},
		{"covid_chestxray", "covid_chestxray", 353, 203, 249, 0, map[string]int{"COVID-19": 194, "other": 74, "": 85}},
		{"dicom_cxr", "dicom", 3, 2, 0, 0, map[string]int{
			"kaggle_cr_jpeg_baseline": 1, "kaggle_cr_jpeg_baseline_fake_monochrome1": 1, "nih_chestxray14_dx_implicit_vr": 1}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := shared(t, c.name)
			if dir == "" {
				return
			}
			s := open(t, dir)
			labels, patients, captions := map[string]int{}, map[string]bool{}, 0
			for _, it := range s.Items {
				labels[it.Label]++
				patients[it.Patient] = true
				if it.Caption != "" {
					captions++
				}
			}
			if s.Layout != c.layout || len(s.Items) != c.images || captions != c.captions || len(s.Problems) != c.problems {
				t.Errorf("%s: %d images, %d captions, problems %v", s.Layout, len(s.Items), captions, s.Problems)
			}
			if len(patients) != c.patients {
				t.Errorf("%d patients, want %d", len(patients), c.patients)
			}
			for l, n := range c.labels {
				if labels[l] != n {
					t.Errorf("%d images of %q, want %d", labels[l], l, n)
				}
			}
			for i := 0; i < len(s.Items); i += 1 + len(s.Items)/12 {
				if _, err := s.Items[i].Load(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// The third file is the second with its photometric tag edited.
func TestRealMONOCHROME1IsTheInverse(t *testing.T) {
	dir := shared(t, "dicom_cxr")
	if dir == "" {
		return
	}
	s := open(t, dir)
	a, err := s.Items[0].Load()
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.Items[1].Load()
	if err != nil {
		t.Fatal(err)
	}
	p, q := a.(*image.Gray), b.(*image.Gray)
	for i := range p.Pix {
		if d := int(p.Pix[i]) + int(q.Pix[i]) - 255; d < -1 || d > 1 {
			t.Fatalf("pixel %d: %d and %d", i, p.Pix[i], q.Pix[i])
		}
	}
}
