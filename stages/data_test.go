package stages

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"image"
	"image/color"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/pipe-ml/pipe/stages/artifact"
)

// tryOf decodes and runs a stage; an input with :// is an address, any other a path. It returns the output's path.
func tryOf(t *testing.T, typeName string, config map[string]any, inputs map[string]string, output string) (string, *recorder, error) {
	t.Helper()
	typ, ok := Lookup(typeName)
	if !ok {
		t.Fatalf("no type %s", typeName)
	}
	given := map[string]Given{}
	all := map[string]any{}
	for k, v := range config {
		all[k] = v
	}
	for name, in := range inputs {
		if isURI(in) {
			all[name] = in
		} else {
			given[name] = Given{Path: in}
		}
	}
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), output)
	s, err := Decode(typ, text, given, map[string]string{output: out})
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{}
	return out, r, s.Run(context.Background(), r)
}

func makeOf(t *testing.T, typeName string, config map[string]any, inputs map[string]string, output string) (string, *recorder) {
	t.Helper()
	out, r, err := tryOf(t, typeName, config, inputs, output)
	if err != nil {
		t.Fatal(err)
	}
	return out, r
}

// treeDigest names the content of a folder: every path and every byte.
func treeDigest(t *testing.T, dir string) string {
	t.Helper()
	h := sha256.New()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		data, err := os.ReadFile(path)
		h.Write([]byte(filepath.ToSlash(rel) + "\x00"))
		h.Write(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// writeImages makes a folder of small PNG files: path -> grey value of the picture.
func writeImages(t *testing.T, files map[string]uint8) string {
	t.Helper()
	root := t.TempDir()
	for name, v := range files {
		img := image.NewGray(image.Rect(0, 0, 12, 8))
		for i := range img.Pix {
			img.Pix[i] = v + uint8(i%7)
		}
		if err := artifact.WritePNG(filepath.Join(root, filepath.FromSlash(name)), img); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

const small = "phantom://chestxray?count=40&size=40"

func TestBytesDoNotDependOnThreads(t *testing.T) {
	digest := func(threads int) string {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(threads))
		data, _ := makeOf(t, "dataset", nil, map[string]string{"source": small}, "data")
		images, _ := makeOf(t, "preprocess", map[string]any{"size": 24, "color": "rgb"}, map[string]string{"data": data}, "images")
		return treeDigest(t, data) + treeDigest(t, images)
	}
	if one, four := digest(1), digest(4); one != four {
		t.Errorf("%s with one thread, %s with four", one, four)
	}
}

func TestDatasetReportsBadImagesOrSkipsThem(t *testing.T) {
	root := writeImages(t, map[string]uint8{"a/1.png": 10, "a/2.png": 20, "b/3.png": 30, "b/4.png": 40})
	for name, text := range map[string]string{"a/2.png": "no image", "b/4.png": ""} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	_, _, err := tryOf(t, "dataset", nil, map[string]string{"source": root}, "data")
	for _, want := range []string{"2 of 4 images", `on_error = "skip"`, filepath.Join("a", "2.png"), filepath.Join("b", "4.png")} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(root, link); err != nil {
		t.Fatal(err)
	}
	out, r := makeOf(t, "dataset", map[string]any{"on_error": "skip"}, map[string]string{"source": link}, "data")
	d, err := artifact.ReadDataset(out)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Records) != 2 || r.metrics["skipped"] != 2 || len(d.Info.Skipped) != 2 || strings.Contains(d.Info.Skipped[0], root) {
		t.Errorf("%d records, metrics %v, skipped %q", len(d.Records), r.metrics, d.Info.Skipped)
	}
}

func TestDatasetFindsRepeatedImages(t *testing.T) {
	root := writeImages(t, map[string]uint8{"a/1.png": 10, "a/2.png": 20, "a/3.png": 20, "b/4.png": 10, "b/5.png": 50})
	out, r := makeOf(t, "dataset", nil, map[string]string{"source": root}, "data")
	d, err := artifact.ReadDataset(out)
	if err != nil {
		t.Fatal(err)
	}
	if r.metrics["conflicting_duplicates"] != 1 || r.metrics["duplicates"] != 1 || len(d.Records) != 5 ||
		!slices.Equal(d.Info.Conflicts[0], []string{"a/1.png", "b/4.png"}) || !slices.Equal(d.Info.Duplicates[0], []string{"a/2.png", "a/3.png"}) {
		t.Errorf("%+v, %v", d.Info, r.metrics)
	}
	out, _ = makeOf(t, "dataset", map[string]any{"duplicates": "drop"}, map[string]string{"source": root}, "data")
	if d, err = artifact.ReadDataset(out); err != nil || len(d.Records) != 2 || d.Records[0].ID != "a_2" {
		t.Errorf("%+v, %v", d.Records, err)
	}
	if files, _ := filepath.Glob(filepath.Join(out, "images", "*")); len(files) != 2 {
		t.Errorf("files %q", files)
	}
}

func TestOddNamesGiveDistinctFileNames(t *testing.T) {
	root := writeImages(t, map[string]uint8{"a/x (1).png": 1, "a/x_(1).png": 2, "a/é.png": 3, "b/X.PNG": 4, "b/x.png": 5, "b/" + strings.Repeat("n", 180) + ".png": 6})
	out, _ := makeOf(t, "dataset", nil, map[string]string{"source": root}, "data")
	d, err := artifact.ReadDataset(out)
	if err != nil || len(d.Records) != 6 {
		t.Fatalf("%+v, %v", d, err)
	}
	for _, rec := range d.Records {
		if strings.ContainsAny(rec.ID, " ()/é") || len(rec.ID) > 140 {
			t.Errorf("id %q", rec.ID)
		}
		if _, err := d.Open(rec); err != nil {
			t.Error(err)
		}
	}
}

func TestPhantomAddressesAreCheckedBeforeTheRun(t *testing.T) {
	for _, typeName := range []string{"dataset"} {
		typ, _ := Lookup(typeName)
		errs := mistakes(typ, map[string]any{"source": "phantom://chestxray?size=1"})
		if len(errs) != 1 || !strings.Contains(errs[0].Error(), "option size must be from 32 to 1024") {
			t.Errorf("%v", errs)
		}
	}
}

func TestPreprocessKeepsPatientsTogetherAndSharesBalanced(t *testing.T) {
	data, _ := makeOf(t, "dataset", nil, map[string]string{"source": "phantom://chestxray?count=240&size=32"}, "data")
	out, _ := makeOf(t, "preprocess", map[string]any{"size": 16, "seed": 3}, map[string]string{"data": data}, "images")
	m, err := artifact.ReadImages(out)
	if err != nil {
		t.Fatal(err)
	}
	splitOf, count := map[string]string{}, map[string]float64{}
	perClass := map[string][]float64{}
	for _, s := range splits {
		perClass[s] = make([]float64, len(m.Info.Classes))
	}
	for _, rec := range m.Records {
		if s, seen := splitOf[rec.Patient]; seen && s != rec.Split {
			t.Errorf("patient %s is in %s and %s", rec.Patient, s, rec.Split)
		}
		splitOf[rec.Patient] = rec.Split
		count[rec.Split]++
		perClass[rec.Split][rec.Label]++
	}
	for s, share := range map[string]float64{"train": 0.7, "val": 0.1, "test": 0.2} {
		if math.Abs(count[s]-share*240) > 3 {
			t.Errorf("%g images in %s", count[s], s)
		}
		for c, n := range perClass[s] {
			if math.Abs(n-share*40) > 5 {
				t.Errorf("%g images of %s in %s", n, m.Info.Classes[c], s)
			}
		}
	}
	for _, f := range []float64{0.1, 0.25, 0.5} {
		counts := make([]float64, len(m.Info.Classes))
		for _, i := range m.Fraction(f) {
			counts[m.Records[i].Label]++
		}
		for c, n := range counts {
			if math.Abs(n-f*perClass["train"][c]) > 1.5 {
				t.Errorf("fraction %g: %v of %v", f, counts, perClass["train"])
			}
		}
	}
}

func TestRepeatedImagesStayInOneSplit(t *testing.T) {
	files := map[string]uint8{}
	for i := range 30 {
		files["a/"+string(rune('a'+i))+".png"] = uint8(7 * (i / 2))
		files["b/"+string(rune('a'+i))+".png"] = uint8(7 * (i / 2))
	}
	data, _ := makeOf(t, "dataset", nil, map[string]string{"source": writeImages(t, files)}, "data")
	out, _ := makeOf(t, "preprocess", map[string]any{"size": 8}, map[string]string{"data": data}, "images")
	m, err := artifact.ReadImages(out)
	if err != nil {
		t.Fatal(err)
	}
	splitOf := map[byte]string{}
	for i, rec := range m.Records {
		shade := m.Image(i)[0]
		if s, seen := splitOf[shade]; seen && s != rec.Split {
			t.Errorf("%s is in %s, its like in %s", rec.ID, rec.Split, s)
		}
		splitOf[shade] = rec.Split
	}
}

func TestGivenSplitsAreKeptAndAMissingOneIsCutFromTrain(t *testing.T) {
	files := map[string]uint8{}
	for i := range 20 {
		for _, class := range []string{"a", "b"} {
			files["train/"+class+"/"+string(rune('a'+i))+".png"] = uint8(2 * i)
			files["test/"+class+"/"+string(rune('a'+i))+".png"] = uint8(2*i + 100)
		}
	}
	data, _ := makeOf(t, "dataset", nil, map[string]string{"source": writeImages(t, files)}, "data")
	for _, c := range []struct {
		given            bool
		train, val, test int
	}{{true, 32, 8, 40}, {false, 64, 16, 0}} {
		out, _ := makeOf(t, "preprocess", map[string]any{"size": 8, "given_splits": c.given, "split": map[string]any{"train": 0.8, "val": 0.2}}, map[string]string{"data": data}, "images")
		m, err := artifact.ReadImages(out)
		if err != nil {
			t.Fatal(err)
		}
		if a, b, d := len(m.Split("train")), len(m.Split("val")), len(m.Split("test")); a != c.train || b != c.val || d != c.test {
			t.Errorf("given %v: %d, %d, %d", c.given, a, b, d)
		}
		for _, rec := range m.Records {
			if c.given && strings.HasPrefix(rec.ID, "test") != (rec.Split == "test") {
				t.Errorf("%s is in %s", rec.ID, rec.Split)
			}
		}
	}
}

func TestResizeKeepsMeansAndShapes(t *testing.T) {
	// Left half dark, right half bright, twice as wide as high; fine checks in the bright half.
	img := image.NewRGBA(image.Rect(0, 0, 128, 64))
	for y := range 64 {
		for x := range 128 {
			c := color.RGBA{R: 20, G: 20, B: 20, A: 255}
			if x >= 64 {
				c = color.RGBA{R: uint8(255 * ((x + y) % 2)), G: 100, B: 200, A: 255}
			}
			img.Set(x, y, c)
		}
	}
	at := func(crop string, channels int) func(x, y, c int) uint8 {
		dst := make([]byte, channels*16*16)
		resize(dst, img, 16, channels, crop, 1)
		return func(x, y, c int) uint8 { return dst[c*256+y*16+x] }
	}
	near := func(name string, got, want uint8) {
		t.Helper()
		if math.Abs(float64(got)-float64(want)) > 2 {
			t.Errorf("%s: %d, want %d", name, got, want)
		}
	}
	stretch, pad, center := at("stretch", 3), at("pad", 3), at("center", 1)
	near("dark", stretch(2, 8, 0), 20)
	near("checks are averaged", stretch(13, 8, 0), 127)
	near("green", stretch(13, 8, 1), 100)
	near("padding", pad(8, 1, 2), 0)
	near("padded content", pad(13, 8, 2), 200)
	near("center", center(2, 8, 0), 20)
	near("grey of colour", center(13, 8, 0), 120)
}

func TestACropKeepsItsShareOfTheShorterSide(t *testing.T) {
	img := image.NewGray(image.Rect(0, 0, 96, 64))
	for i := range img.Pix {
		x, y := i%96, i/96
		if x >= 20 && x < 76 && y >= 4 && y < 60 { // the middle 56 x 56
			img.Pix[i] = 200
		}
	}
	dst := make([]byte, 14*14)
	resize(dst, img, 14, 1, "center", 0.875)
	if got := slices.Min(dst); got != 200 {
		t.Errorf("a crop of 56 of 64 pixels holds %d", got)
	}
	resize(dst, img, 14, 1, "center", 1)
	if got := dst[0]; got > 100 {
		t.Errorf("the corner of the whole is %d", got)
	}
}

func TestPreprocessRequirementsAndRules(t *testing.T) {
	data, _ := makeOf(t, "dataset", nil, map[string]string{"source": writeImages(t, map[string]uint8{"a/1.png": 1, "b/2.png": 2})}, "data")
	if _, _, err := tryOf(t, "preprocess", map[string]any{"require": []any{"caption"}}, map[string]string{"data": data}, "images"); err == nil || !strings.Contains(err.Error(), "none of 2 images") {
		t.Errorf("%v", err)
	}
	if _, _, err := tryOf(t, "tokenize", nil, map[string]string{"data": data}, "tokens"); err == nil || !strings.Contains(err.Error(), "has no captions") {
		t.Errorf("%v", err)
	}
	typ, _ := Lookup("preprocess")
	for want, config := range map[string]map[string]any{
		"split: the shares must sum to 1, not 0.9": {"split": map[string]any{"train": 0.7, "test": 0.2}},
		"split.dev: the splits are":                {"split": map[string]any{"train": 0.7, "dev": 0.3}},
		"split.train: must be above":               {"split": map[string]any{"test": 1.0}},
		"data: phantom://chestxray cann":           {"data": "phantom://chestxray"},
		`crop: "fit" is not one of`:                {"crop": "fit"},
		"crop_pct: is of the center crop":          {"crop": "pad", "crop_pct": 0.875},
	} {
		if errs := mistakes(typ, config); len(errs) != 1 || !strings.HasPrefix(errs[0].Error(), want) {
			t.Errorf("got %v, want %q", errs, want)
		}
	}
}
