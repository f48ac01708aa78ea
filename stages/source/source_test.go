package source

import (
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tree writes files under a new folder. The text of an image's name decides its content: .png and .jpg files whose text
// is "grey", "rgb", "equal", "deep" or "clear" hold an image of that kind.
func tree(t testing.TB, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		img, ok := pictures[text]
		switch {
		case ok && filepath.Ext(name) == ".png":
			err = png.Encode(f, img)
		case ok:
			err = jpeg.Encode(f, img, nil)
		default:
			_, err = f.WriteString(text)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

var pictures = func() map[string]image.Image {
	area := image.Rect(0, 0, 5, 3)
	grey, rgb, equal, deep, clear := image.NewGray(area), image.NewRGBA(area), image.NewNRGBA(area), image.NewGray16(area), image.NewNRGBA(area)
	for y := range 3 {
		for x := range 5 {
			v := uint8(40*x + 20*y)
			grey.SetGray(x, y, color.Gray{Y: v})
			rgb.Set(x, y, color.RGBA{R: v, G: 255 - v, A: 255})
			equal.Set(x, y, color.NRGBA{R: v, G: v, B: v, A: 255})
			deep.SetGray16(x, y, color.Gray16{Y: uint16(v)<<8 | 0x7f})
			clear.Set(x, y, color.NRGBA{R: v, G: v, B: v, A: 0})
		}
	}
	return map[string]image.Image{"grey": grey, "rgb": rgb, "equal": equal, "deep": deep, "clear": clear}
}()

func open(t *testing.T, path string) *Set {
	t.Helper()
	s, err := Open(path, "", Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// summary is one line an item: origin, label, patient, split.
func summary(s *Set) []string {
	var lines []string
	for _, it := range s.Items {
		lines = append(lines, strings.Join([]string{it.Origin, it.Label, it.Patient, it.Split}, "|"))
	}
	return lines
}

func TestImageFolderReadsClassesAndSplits(t *testing.T) {
	cases := []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{
			"classes, mixed formats and odd names",
			map[string]string{"cat/b (2).jpg": "grey", "cat/a.PNG": "x", "dog/é&.jpeg": "rgb", "README.md": "x", ".DS_Store": "x", "__MACOSX/cat/._a.png": "x"},
			[]string{"cat/a.PNG|cat||", "cat/b (2).jpg|cat||", "dog/é&.jpeg|dog||"},
		},
		{
			"splits by their usual names",
			map[string]string{"train/a/1.png": "grey", "Valid/b/1.png": "grey", "test/a/1.png": "grey"},
			[]string{"Valid/b/1.png|b||val", "test/a/1.png|a||test", "train/a/1.png|a||train"},
		},
		{
			"one split, wrapped",
			map[string]string{"set/v1/train/a/1.png": "grey", "set/v1/train/b/1.png": "grey"},
			[]string{"set/v1/train/a/1.png|a||train", "set/v1/train/b/1.png|b||train"},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := open(t, tree(t, c.files))
			if d := cmp.Diff(c.want, summary(s)); d != "" || s.Layout != "image_folder" {
				t.Errorf("%s: %s", s.Layout, d)
			}
		})
	}
}

func TestUnknownAndAmbiguousTreesSayWhatIsExpected(t *testing.T) {
	one := map[string]string{"a/1.png": "grey", "a/2.png": "grey"}
	cases := []struct {
		name   string
		files  map[string]string
		layout string
		want   []string
	}{
		{"no image", map[string]string{"notes.txt": "x"}, "", []string{"no layout fits", "image_folder: CLASS/IMAGE", "medmnist: one NAME.npz"}},
		{"one class", one, "", []string{"no layout fits"}},
		{"uneven depth", map[string]string{"a/1.png": "grey", "b/c/2.png": "grey"}, "", []string{"no layout fits"}},
		{"half of it in splits", map[string]string{"train/a/1.png": "grey", "a/2.png": "grey"}, "", []string{"no layout fits"}},
		{"unknown layout", one, "coco", []string{`no layout "coco"`, "dicom: "}},
		{
			"two layouts", map[string]string{
				"metadata.csv": "patientid,finding,filename,clinical_notes\n1,a,1.png,\n",
				"images/1.png": "grey", "masks/1.png": "grey",
			}, "",
			[]string{"several layouts", "covid_chestxray: metadata.csv", "image_folder: "},
		},
		{"empty", map[string]string{}, "", []string{"empty folder"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := Open(tree(t, c.files), c.layout, Options{})
			for _, want := range c.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%v does not say %q", err, want)
				}
			}
		})
	}
	if _, err := Open(filepath.Join(t.TempDir(), "absent"), "", Options{}); err == nil {
		t.Error("an absent folder was opened")
	}
	if s, err := Open(tree(t, one), "image_folder", Options{}); err != nil || len(s.Items) != 2 {
		t.Errorf("a named layout was not taken: %v", err)
	}
}

func TestLinksToTheSetAndToFilesAreFollowed(t *testing.T) {
	root := tree(t, map[string]string{"a/1.png": "grey", "b/2.png": "grey"})
	link := filepath.Join(t.TempDir(), "link")
	for to, from := range map[string]string{link: root, filepath.Join(root, "b", "3.png"): filepath.Join(root, "a", "1.png")} {
		if err := os.Symlink(from, to); err != nil {
			t.Fatal(err)
		}
	}
	if s := open(t, link); s.Name != "link" || len(s.Items) != 3 {
		t.Errorf("%s: %q", s.Name, summary(s))
	}
	if err := os.Symlink(filepath.Join(root, "a"), filepath.Join(root, "c")); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(root, "", Options{}); err == nil || !strings.Contains(err.Error(), "a link to a folder") {
		t.Errorf("link to a folder: %v", err)
	}
}

func TestDecodedImagesAreGreyOrRGBOf8Bits(t *testing.T) {
	s := open(t, tree(t, map[string]string{"a/grey.png": "grey", "a/equal.png": "equal", "a/deep.png": "deep", "b/rgb.png": "rgb", "b/clear.png": "clear"}))
	for _, it := range s.Items {
		img, err := it.Load()
		if err != nil {
			t.Fatal(err)
		}
		switch it.Origin {
		case "b/rgb.png":
			if c := img.(*image.RGBA).RGBAAt(2, 1); c != (color.RGBA{R: 100, G: 155, A: 255}) {
				t.Errorf("%s: %v", it.Origin, c)
			}
		case "b/clear.png":
			if c := img.(*image.Gray).GrayAt(2, 1); c.Y != 0 {
				t.Errorf("%s: transparent is %v, not black", it.Origin, c)
			}
		default:
			if c := img.(*image.Gray).GrayAt(2, 1); c.Y != 100 {
				t.Errorf("%s: %v", it.Origin, c)
			}
		}
	}
}

func TestABrokenImageIsNamed(t *testing.T) {
	s := open(t, tree(t, map[string]string{"a/empty.png": "", "a/text.jpg": "not an image", "b/cut.png": "\x89PNG\r\n\x1a\n\x00\x00"}))
	for _, it := range s.Items {
		if _, err := it.Load(); err == nil || !strings.Contains(err.Error(), filepath.FromSlash(it.Origin)) {
			t.Errorf("%s: %v", it.Origin, err)
		}
	}
}

func TestCOVIDRowsBecomeItems(t *testing.T) {
	header := "patientid,finding,folder,filename,modality,clinical_notes, view ,\r\n"
	root := tree(t, map[string]string{
		"metadata.csv": header +
			"1,\"COVID-19, ARDS\",images,a.png,X-ray,\"first\n line\",AP,\r\n" +
			"1,todo,images,b.jpg,X-ray,first line,PA,\r\n" +
			"2,Pneumonia/Viral/SARS,,c.JPG,,,,\r\n" +
			"3,COVID-19,volumes,d.nii.gz,CT,x,,\r\n" +
			"4,No Finding,images,gone.png,X-ray,x,,\r\n" +
			"5,Unknown,images,a.png,X-ray,x,,\r\n",
		"images/a.png": "grey", "images/b.jpg": "grey", "images/c.JPG": "rgb",
	})
	s := open(t, root)
	want := []string{"images/a.png|COVID-19|1|", "images/b.jpg||1|", "images/c.JPG|other|2|"}
	if d := cmp.Diff(want, summary(s)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"COVID-19", "ARDS"}, s.Items[0].Labels); d != "" || s.Items[0].Caption != "first line" {
		t.Errorf("%q %s", s.Items[0].Caption, d)
	}
	if a := s.Items[0].Attributes; a["view"] != "AP" || a["modality"] != "X-ray" {
		t.Errorf("attributes: %v", a)
	}
	if _, there := s.Items[2].Attributes["view"]; there {
		t.Error("an empty cell became an attribute")
	}
	if len(s.Problems) != 2 || !strings.Contains(s.Problems[0].Error(), "gone.png: missing") || !strings.Contains(s.Problems[1].Error(), "named in line 2 already") {
		t.Errorf("problems: %v", s.Problems)
	}
	byView, err := Open(root, "", Options{Label: "view", Caption: "finding"})
	if err != nil || byView.Items[0].Label != "AP" || byView.Items[0].Caption != "COVID-19, ARDS" {
		t.Errorf("label by column: %+v, %v", byView, err)
	}
	if _, err := Open(root, "", Options{Label: "veiw"}); err == nil || !strings.Contains(err.Error(), "it has patientid, finding") {
		t.Errorf("unknown column: %v", err)
	}
}

func TestKermanyNamesGiveThePatientAndTheCause(t *testing.T) {
	root := tree(t, map[string]string{
		"chest_xray/train/NORMAL/NORMAL2-IM-0123-0001.jpeg": "grey", "chest_xray/test/NORMAL/IM-0115-0001-0002.jpeg": "grey",
		"chest_xray/train/PNEUMONIA/person12_bacteria_34.jpeg": "grey", "chest_xray/val/PNEUMONIA/person12_virus_3.jpeg": "grey",
	})
	s := open(t, root)
	want := []string{
		"chest_xray/test/NORMAL/IM-0115-0001-0002.jpeg|NORMAL|IM-0115|test",
		"chest_xray/train/NORMAL/NORMAL2-IM-0123-0001.jpeg|NORMAL|NORMAL2-IM-0123|train",
		"chest_xray/train/PNEUMONIA/person12_bacteria_34.jpeg|PNEUMONIA|person12|train",
		"chest_xray/val/PNEUMONIA/person12_virus_3.jpeg|PNEUMONIA|person12|val",
	}
	if d := cmp.Diff(want, summary(s)); d != "" || s.Layout != "kermany" {
		t.Errorf("%s: %s", s.Layout, d)
	}
	s, err := Open(root, "", Options{Label: "cause"})
	if err != nil || !cmp.Equal(s.Classes, []string{"BACTERIA", "NORMAL", "VIRUS"}) {
		t.Errorf("%v, %v", s, err)
	}
}

func TestBUSIMasksAreLeftOut(t *testing.T) {
	s := open(t, tree(t, map[string]string{
		"benign/benign (1).png": "grey", "benign/benign (1)_mask.png": "grey", "benign/benign (1)_mask_1.png": "grey", "normal/normal (2).png": "rgb",
	}))
	want := []string{"benign/benign (1).png|benign||", "normal/normal (2).png|normal||"}
	if d := cmp.Diff(want, summary(s)); d != "" || s.Layout != "busi" {
		t.Errorf("%s: %s", s.Layout, d)
	}
}

func FuzzTable(f *testing.F) {
	f.Add("a,b\n1,2\n")
	f.Add("\ufeffa,,\r\n\"x\ny\",2,\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		tab, err := parseTable(strings.NewReader(text))
		if err != nil {
			return
		}
		for _, r := range tab.rows {
			for _, name := range tab.names {
				_ = r.get(name)
			}
		}
	})
}

func FuzzDecode(f *testing.F) {
	for _, name := range []string{"a.png", "a.jpg"} {
		root := tree(f, map[string]string{name: "rgb"})
		data, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if img, err := decode(data); err == nil && img.Bounds().Min != (image.Point{}) {
			t.Errorf("bounds %v", img.Bounds())
		}
	})
}
