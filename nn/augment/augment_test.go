package augment

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/pipe-ml/pipe/accel/rng"
)

// torchvision is what testdata/fixture.py writes.
type torchvision struct {
	Height, Width int
	Images        [][]byte
	Cases         []struct {
		Image  int
		Name   string
		Args   []float64
		Pixels []int
	}
}

func (v torchvision) image(i int) Image {
	m := Image{Channels: len(v.Images[i]) / (v.Height * v.Width), Height: v.Height, Width: v.Width, Pixels: slices.Clone(v.Images[i])}
	return m
}

func readTorchvision(t *testing.T) (v torchvision) {
	t.Helper()
	raw, err := os.ReadFile("testdata/torchvision.json")
	if err != nil {
		t.Fatal(err)
	}
	// A JSON list of numbers is no []byte to encoding/json.
	var numbers struct{ Images [][]int }
	var rest struct {
		Height, Width int
		Cases         []struct {
			Image  int
			Name   string
			Args   []float64
			Pixels []int
		}
	}
	if err := json.Unmarshal(raw, &numbers); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &rest); err != nil {
		t.Fatal(err)
	}
	v.Height, v.Width, v.Cases = rest.Height, rest.Width, rest.Cases
	for _, image := range numbers.Images {
		bytes := make([]byte, len(image))
		for i, x := range image {
			bytes[i] = byte(x)
		}
		v.Images = append(v.Images, bytes)
	}
	return v
}

func TestOperationsAreTorchvisions(t *testing.T) {
	v := readTorchvision(t)
	// How many pixels may differ, and by how much: where a picture is moved, a pixel half way between two may fall to the other one.
	type bound struct{ pixels, by int }
	bounds := map[string]bound{"ShearX": {3, 255}, "ShearY": {3, 255}, "Rotate": {3, 255}, "crop": {12, 1}, "hue": {12, 1}}
	seen := map[string]bool{}
	for _, c := range v.Cases {
		m := v.image(c.Image)
		seen[c.Name] = true
		switch c.Name {
		case "hue":
			m.Hue(c.Args[0])
		case "crop":
			m.Crop(int(c.Args[0]), int(c.Args[1]), int(c.Args[2]), int(c.Args[3]))
		default:
			i := slices.IndexFunc(operations, func(o operation) bool { return o.name == c.Name })
			operations[i].apply(m, int(c.Args[0]))
		}
		differ, most := 0, 0
		for i, want := range c.Pixels {
			if d := max(int(m.Pixels[i])-want, want-int(m.Pixels[i])); d > 0 {
				differ, most = differ+1, max(most, d)
			}
		}
		if b := bounds[c.Name]; differ > b.pixels*m.Channels || most > b.by {
			t.Errorf("%s%v of image %d: %d of %d pixels differ, by up to %d", c.Name, c.Args, c.Image, differ, len(c.Pixels), most)
		}
	}
	for _, o := range operations {
		if !seen[o.name] {
			t.Errorf("torchvision.json has no %s", o.name)
		}
	}
}

func TestAPolicyDrawsByPositionAndKeepsTheBytesInTheirPlace(t *testing.T) {
	v := readTorchvision(t)
	all := Policy{
		Scale: [2]float64{0.08, 1}, Ratio: [2]float64{0.75, 4.0 / 3}, Operations: 2, Magnitude: 9,
		Brightness: 0.4, Contrast: 0.4, Saturation: 0.4, Hue: 0.1, Erasing: 0.25,
	}
	if err := all.Validate(); err != nil {
		t.Fatal(err)
	}
	for i := range v.Images {
		other := 0
		for position := range 50 {
			a, b, c := v.image(i), v.image(i), v.image(i)
			all.Apply(a, 1, position)
			all.Apply(b, 1, position)
			all.Apply(c, 2, position)
			if !slices.Equal(a.Pixels, b.Pixels) {
				t.Fatalf("image %d at position %d: two draws differ", i, position)
			}
			if !slices.Equal(a.Pixels, c.Pixels) {
				other++
			}
		}
		if other < 45 {
			t.Errorf("image %d: only %d of 50 positions depend on the seed", i, other)
		}
	}
	none := v.image(1)
	if (Policy{Erasing: 1}).ChangesBytes() || (Policy{}).ChangesBytes() || !all.ChangesBytes() {
		t.Error("ChangesBytes is wrong")
	}
	Policy{}.Apply(none, 1, 0)
	if !slices.Equal(none.Pixels, v.Images[1]) {
		t.Error("no policy changed the image")
	}
}

func TestPoliciesThatNoImageCanUndergoAreRefused(t *testing.T) {
	for _, p := range []Policy{
		{Scale: [2]float64{0.5, 1.5}, Ratio: [2]float64{1, 1}}, {Scale: [2]float64{1, 0.5}, Ratio: [2]float64{1, 1}}, {Scale: [2]float64{0.1, 1}},
		{Operations: 1, Magnitude: 31}, {Hue: 0.6}, {Brightness: -0.1}, {Erasing: 1.1}, {Operations: -1},
	} {
		if p.Validate() == nil {
			t.Errorf("%+v was accepted", p)
		}
	}
	if (Mix{Mixup: -1}).Validate() == nil || (Mix{CutMix: math.NaN()}).Validate() == nil {
		t.Error("a negative alpha was accepted")
	}
}

func TestPiecesLieInThePictureAndHaveTheSharesAskedFor(t *testing.T) {
	r := rng.New(1, "pieces")
	for _, ratio := range [][2]float64{{0.75, 4.0 / 3}, {9, 10}, {0.1, 0.11}} {
		for range 500 {
			top, left, h, w := piece(r, 20, 30, [2]float64{0.2, 0.9}, ratio)
			if top < 0 || left < 0 || h < 1 || w < 1 || top+h > 20 || left+w > 30 {
				t.Fatalf("%v: %d x %d from (%d, %d)", ratio, h, w, top, left)
			}
			if share := float64(h*w) / 600; ratio[0] == 0.75 && (share < 0.15 || share > 1) {
				t.Errorf("a piece of %v of the picture", share)
			}
		}
	}
}

func TestErasingClearsOneRectangleOfAllChannels(t *testing.T) {
	erased := 0
	for position := range 400 {
		x := make([]float32, 2*12*10)
		for i := range x {
			x[i] = 1
		}
		Policy{Erasing: 0.5}.Erase(x, 12, 10, 7, position)
		zero := 0
		for i, v := range x[:120] {
			if v != x[120+i] {
				t.Fatal("the channels are erased in different places")
			}
			if v == 0 {
				zero++
			}
		}
		if zero > 0 {
			erased++
			if zero > 50 {
				t.Errorf("%d of 120 pixels are erased", zero)
			}
		}
	}
	if erased < 160 || erased > 240 {
		t.Errorf("%d of 400 are erased, want half", erased)
	}
}
