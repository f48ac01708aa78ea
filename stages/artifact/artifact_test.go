package artifact

import (
	"image"
	"image/color"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func writeDataset(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	img := image.NewGray(image.Rect(0, 0, 4, 3))
	img.Pix[5] = 200
	records := []Record{
		{ID: "b", Label: "x", Labels: []string{"x", "y"}, Caption: "a <b> & \"c\"", Patient: "1", Split: Train},
		{ID: "a", Label: "", Patient: ""},
	}
	for i := range records {
		var err error
		if records[i].File, err = WriteImage(dir, records[i].ID, img); err != nil {
			t.Fatal(err)
		}
	}
	if err := WriteDataset(dir, DatasetInfo{Name: "n", Classes: []string{"x"}, Source: "image_folder"}, records); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestDatasetComesBackSortedAndCounted(t *testing.T) {
	d, err := ReadDataset(writeDataset(t))
	if err != nil {
		t.Fatal(err)
	}
	want := Counts{Images: 2, Patients: 2, Captions: 1, Labels: map[string]int{"": 1, "x": 1}, Splits: map[string]int{"": 1, Train: 1}}
	if diff := cmp.Diff(want, d.Info.Counts); diff != "" {
		t.Error(diff)
	}
	if d.Records[0].ID != "a" || d.Records[1].Caption != "a <b> & \"c\"" || d.Records[0].PatientKey() == d.Records[1].PatientKey() {
		t.Errorf("%+v", d.Records)
	}
	img, err := d.Open(d.Records[1])
	if err != nil || img.(*image.Gray).Pix[5] != 200 {
		t.Errorf("%v, %v", img, err)
	}
}

func TestDamagedDatasetsAreRefused(t *testing.T) {
	line := func(id, file, label, split string) string {
		return `{"id":"` + id + `","file":"` + file + `","label":"` + label + `","caption":"","patient":"","split":"` + split + `"}` + "\n"
	}
	for want, records := range map[string]string{
		"is not after":                   line("a", "images/a.png", "", "") + line("a", "images/a.png", "", ""),
		"is not a class":                 line("a", "images/a.png", "z", ""),
		"outside the dataset":            line("a", "../a.png", "", ""),
		`unknown split "dev"`:            line("a", "images/a.png", "", "dev"),
		"records.jsonl:2: invalid":       line("a", "images/a.png", "", "") + "x\n",
		`records.jsonl:1: json: unknown`: `{"id":"a","lable":"x"}`,
	} {
		dir := writeDataset(t)
		if err := os.WriteFile(filepath.Join(dir, recordsFile), []byte(records), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadDataset(dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if _, err := ReadDataset(t.TempDir()); err == nil || !strings.Contains(err.Error(), "not a dataset") {
		t.Errorf("empty folder: %v", err)
	}
	if err := WriteDataset(t.TempDir(), DatasetInfo{}, []Record{{ID: "a"}, {ID: "a"}}); err == nil {
		t.Error("an id was used twice")
	}
}

func smallImages() *Images {
	m := &Images{Info: ImagesInfo{Size: 2, Channels: 1, Classes: []string{"x", "y"}, Mean: []float64{0.5}, Std: []float64{0.25}, Count: 4}, Order: []int{2, 0, 1}}
	for i, s := range []string{Train, Train, Train, Test} {
		m.Records = append(m.Records, ImageRecord{ID: string(rune('a' + i)), Label: i%3 - 1, Split: s})
	}
	for i := range 16 {
		m.Pixels = append(m.Pixels, byte(i))
	}
	return m
}

func TestImagesComeBackTheSame(t *testing.T) {
	dir, m := t.TempDir(), smallImages()
	if err := m.Write(dir); err != nil {
		t.Fatal(err)
	}
	got, err := ReadImages(dir)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(m, got); d != "" {
		t.Error(d)
	}
	if !cmp.Equal(got.Image(2), []byte{8, 9, 10, 11}) || !cmp.Equal(got.Split(Test), []int{3}) {
		t.Errorf("image 2 %v, test %v", got.Image(2), got.Split(Test))
	}
	for f, want := range map[float64]int{0: 1, 0.3: 1, 0.5: 2, 1: 3, 2: 3} {
		if n := len(got.Fraction(f)); n != want {
			t.Errorf("fraction %g has %d images, want %d", f, n, want)
		}
	}
}

func TestImagesThatDoNotFitTogetherAreRefused(t *testing.T) {
	for want, change := range map[string]func(*Images){
		"bytes of pixels":        func(m *Images) { m.Pixels = m.Pixels[:15] },
		"label 2 of 2":           func(m *Images) { m.Records[0].Label = 2 },
		`unknown split ""`:       func(m *Images) { m.Records[0].Split = "" },
		"order names image 3":    func(m *Images) { m.Order[0] = 3 },
		"order names image 0":    func(m *Images) { m.Order[0] = 0 },
		"2 means":                func(m *Images) { m.Info.Mean = []float64{0, 0} },
		"2 pixels and 2 channel": func(m *Images) { m.Info.Channels = 2 },
	} {
		m := smallImages()
		change(m)
		if err := m.Write(t.TempDir()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestTokensComeBackTheSame(t *testing.T) {
	dir := t.TempDir()
	want := &Tokens{Records: []TokenRecord{{"a", "x"}, {"b", ""}}, MaxLength: 3, IDs: []int32{1, 2, 3, 4, 5, 6}}
	if err := want.Write(dir); err != nil {
		t.Fatal(err)
	}
	got, err := ReadTokens(dir)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" || got.Row(1)[0] != 4 {
		t.Error(d)
	}
	want.IDs = want.IDs[:5]
	if err := want.Write(dir); err == nil {
		t.Error("a short matrix was written")
	}
	if _, err := ReadTokens(t.TempDir()); err == nil || !strings.Contains(err.Error(), "not tokens") {
		t.Errorf("empty folder: %v", err)
	}
}

func TestSamplesComeWithASheet(t *testing.T) {
	dir := t.TempDir()
	grey, red := image.NewGray(image.Rect(0, 0, 4, 4)), image.NewRGBA(image.Rect(0, 0, 4, 4))
	red.Set(0, 0, color.RGBA{R: 255, A: 255})
	if err := WriteSamples(dir, SamplesInfo{Sampler: "ddim", Steps: 9}, []Sample{{Prompt: "p", Seed: 7}, {Prompt: "q"}, {}}, []image.Image{grey, red, grey}, 2, 2); err != nil {
		t.Fatal(err)
	}
	info, got, err := ReadSamples(dir)
	if err != nil || info.Steps != 9 || len(got) != 3 || got[1].File != "00001.png" || got[0].Seed != 7 {
		t.Fatalf("%+v, %v", got, err)
	}
	img, err := OpenSample(dir, got[1])
	if err != nil {
		t.Fatal(err)
	}
	if r, _, _, _ := img.At(0, 0).RGBA(); r != 0xffff {
		t.Error("not the image that was written")
	}
	sheet, err := OpenSample(dir, Sample{File: SheetName})
	if err != nil || sheet.Bounds().Size() != image.Pt(10, 10) {
		t.Errorf("%v, %v", sheet, err)
	}
}
