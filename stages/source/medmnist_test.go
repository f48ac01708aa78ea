package source

import (
	"bytes"
	"image"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sbinet/npyio/npz"
)

// writeNPZ writes a set with n images of 2 x 2 a split; change may alter the arrays.
func writeNPZ(t testing.TB, name string, change func(map[string]any)) string {
	t.Helper()
	arrays := map[string]any{}
	for _, split := range []string{"train", "val", "test"} {
		arrays[split+"_images"] = [2][2][2]uint8{{{1, 2}, {3, 4}}, {{5, 6}, {7, 8}}}
		arrays[split+"_labels"] = [2][1]uint8{{0}, {1}}
	}
	change(arrays)
	path := filepath.Join(t.TempDir(), name+".npz")
	if err := npz.Write(path, arrays); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestMedMNISTReadsGreyColourAndSeveralFindings(t *testing.T) {
	s := open(t, writeNPZ(t, "pneumoniamnist", func(map[string]any) {}))
	want := []string{"train/000000|normal||train", "train/000001|pneumonia||train", "val/000000|normal||val",
		"val/000001|pneumonia||val", "test/000000|normal||test", "test/000001|pneumonia||test"}
	if d := cmp.Diff(want, summary(s)); d != "" || s.Name != "pneumoniamnist" {
		t.Errorf("%s: %s", s.Name, d)
	}
	img, err := s.Items[1].Load()
	if g, ok := img.(*image.Gray); err != nil || !ok || !bytes.Equal(g.Pix, []byte{5, 6, 7, 8}) {
		t.Errorf("%v, %v", img, err)
	}
	s = open(t, writeNPZ(t, "other_128", func(a map[string]any) {
		a["train_images"] = [1][1][2][3]uint8{{{{1, 2, 3}, {4, 5, 6}}}}
		a["train_labels"] = [1][3]int64{{1, 0, 1}}
	}))
	img, err = s.Items[0].Load()
	if c, ok := img.(*image.RGBA); err != nil || !ok || !bytes.Equal(c.Pix, []byte{1, 2, 3, 255, 4, 5, 6, 255}) {
		t.Errorf("%v, %v", img, err)
	}
	if d := cmp.Diff([]string{"class_0", "class_2"}, s.Items[0].Labels); d != "" || s.Items[0].Label != "" {
		t.Errorf("%q %s", s.Items[0].Label, d)
	}
}

func TestDamagedMedMNISTIsRefused(t *testing.T) {
	for want, change := range map[string]func(map[string]any){
		"no array val_labels":   func(a map[string]any) { delete(a, "val_labels") },
		"test_images has shape": func(a map[string]any) { a["test_images"] = [2][4]uint8{} },
		"for 2 images":          func(a map[string]any) { a["test_labels"] = [3][1]uint8{} },
		"must be uint8":         func(a map[string]any) { a["train_images"] = [2][2][2]float32{} },
		"is not from 0 to 255":  func(a map[string]any) { a["train_labels"] = [2][1]int64{{0}, {-1}} },
	} {
		if _, err := Open(writeNPZ(t, "x", change), "", Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func FuzzMedMNIST(f *testing.F) {
	data, err := os.ReadFile(writeNPZ(f, "x", func(map[string]any) {}))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "x.npz")
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		s, err := Open(path, "medmnist", Options{})
		if err != nil {
			return
		}
		for _, it := range s.Items[:min(8, len(s.Items))] {
			if _, err := it.Load(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
