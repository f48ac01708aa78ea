package model

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/nn/layer"
)

var update = flag.Bool("update", false, "write the key lists in testdata/keys")

// recorder is a builder on an empty graph, for structure only.
func recorder() *layer.Builder {
	return layer.NewBuilder(gorgonia.NewGraph(), layer.NewWeights(0), nil)
}

// buildClassifier builds features and head for a batch of two.
func buildClassifier(t *testing.T, m Classifier) (*layer.Builder, *layer.Node) {
	t.Helper()
	b, in := recorder(), m.Input()
	logits := m.Head(b, m.Features(b, b.Input("images", tensor.Float32, 2, in.Channels, in.Size, in.Size)))
	if err := b.Finish(); err != nil {
		t.Fatal(err)
	}
	return b, logits
}

// checkKeys compares the names and shapes of the parameters with the golden list.
func checkKeys(t *testing.T, name string, params []layer.Param) {
	t.Helper()
	lines := make([]string, len(params))
	for i, p := range params {
		lines[i] = fmt.Sprintf("%s %v", p.Name, p.Shape)
	}
	sort.Strings(lines)
	got := strings.Join(lines, "\n") + "\n"
	path := filepath.Join("testdata", "keys", name+".txt")
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("keys differ from %s:\n%s", path, diff)
	}
}

func count(params []layer.Param, keep func(layer.Param) bool) (n int) {
	for _, p := range params {
		if !p.Buffer && keep(p) {
			n += p.Len()
		}
	}
	return n
}

func body(p layer.Param) bool { return !p.Head }

func TestEveryVariantHasItsKeysAndCount(t *testing.T) {
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			v, err := Lookup(name)
			if err != nil {
				t.Fatal(err)
			}
			m, err := v.New(Options{Classes: 5})
			if err != nil {
				t.Fatal(err)
			}
			b, logits := buildClassifier(t, m)
			if got := logits.Shape(); got[0] != 2 || got[1] != 5 || len(got) != 2 {
				t.Errorf("logits have shape %v", got)
			}
			params := b.Sites().Params
			if got := count(params, body); got != v.Params {
				t.Errorf("the body has %d parameters, the row says %d", got, v.Params)
			}
			checkKeys(t, name, params)
			checkGroups(t, m, params)
		})
	}
}

// checkGroups holds that every parameter belongs to exactly one group and that every group has one.
func checkGroups(t *testing.T, m Classifier, params []layer.Param) {
	t.Helper()
	used := map[string]bool{}
	for _, p := range params {
		var in []string
		for _, g := range m.Groups() {
			if g.Has(p.Name) {
				in = append(in, g.Name)
				used[g.Name] = true
			}
		}
		if len(in) != 1 {
			t.Errorf("%s is in the groups %v", p.Name, in)
		}
	}
	for _, g := range m.Groups() {
		if !used[g.Name] {
			t.Errorf("group %s holds nothing", g.Name)
		}
	}
}

func TestPublishedCounts(t *testing.T) {
	counted := map[string]bool{}
	// timm, torchvision and Keras Applications print these for the bodies.
	for name, want := range map[string]int{
		"vit_base_patch16_224": 85_798_656, "vit_tiny_patch16_224": 5_524_416,
		"vit_large_patch16_224": 303_301_632, "vit_base_patch14_dinov2": 86_579_712, "vit_base_patch16_clip_224": 85_799_424,
		"resnet18": 11_176_512, "resnet50": 23_508_032, "resnet101": 42_500_160, "densenet121": 6_953_856, "mobilenet_v1_224": 3_206_976,
		"inception_v3_fid": 21_785_568,
	} {
		if got := variants[name].Params; got != want {
			t.Errorf("%s: %d, published %d", name, got, want)
		}
		counted[network(t, name)] = true
	}
	for _, name := range Names() {
		if n := network(t, name); !counted[n] {
			t.Errorf("%s: no variant of %s has a published count", name, n)
		}
	}
}

// network is the type that a variant is of.
func network(t *testing.T, name string) string {
	t.Helper()
	m, err := variants[name].New(Options{Classes: 5})
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%T", m)
}

func TestOptionsAdaptTheInput(t *testing.T) {
	v, err := Lookup("resnet18")
	if err != nil {
		t.Fatal(err)
	}
	m, err := v.New(Options{Size: 96, Channels: 1, Classes: 2})
	if err != nil {
		t.Fatal(err)
	}
	in := m.Input()
	if in.Size != 96 || in.Channels != 1 || len(in.Mean) != 1 || in.Mean[0] < 0.44 || in.Mean[0] > 0.45 {
		t.Errorf("the input is %+v", in)
	}
	buildClassifier(t, m)
	if got := m.ResetHead(7); got.Classes() != 7 || m.Classes() != 2 {
		t.Errorf("the new head has %d classes, the old one %d", got.Classes(), m.Classes())
	}
}

func TestWrongInputsAreRefused(t *testing.T) {
	for name, want := range map[string]string{
		"vit_giant": "the nearest are ",
		"ResNet_50": `there is no network "ResNet_50": did you mean "resnet50"? (see pipe docs models)`,
	} {
		if _, err := Lookup(name); err == nil || !strings.Contains(err.Error(), want) || len(err.Error()) > 160 {
			t.Errorf("an unknown name gave %v", err)
		}
	}
	v, err := Lookup("vit_micro_patch8_64")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.New(Options{Size: 60}); err == nil {
		t.Error("60 pixels were cut into patches of 8")
	}
}

func TestDecaySparesVectorsAndPositions(t *testing.T) {
	v, err := Lookup("vit_micro_patch8_64")
	if err != nil {
		t.Fatal(err)
	}
	m, err := v.New(Options{Classes: 2})
	if err != nil {
		t.Fatal(err)
	}
	b, _ := buildClassifier(t, m)
	for _, p := range b.Sites().Params {
		want := strings.HasSuffix(p.Name, ".weight") && !strings.Contains(p.Name, "norm")
		if got := Decays(m, p.Name, p.Shape); got != want {
			t.Errorf("%s: decays %v", p.Name, got)
		}
	}
}

// As timm: of the reg tokens too.
func TestLearnedTokensOfAViTDoNotDecay(t *testing.T) {
	for _, name := range []string{"pos_embed", "cls_token", "reg_token"} {
		if Decays(&ViT{}, name, []int{1, 2, 3}) {
			t.Errorf("%s decays", name)
		}
	}
}

// Addresses are of weights whose folder names the network, which a test of the Hub could not hold.
func TestEveryVariantTellsWhereItsWeightsAre(t *testing.T) {
	for _, name := range Names() {
		v, err := Lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		if (v.Source == untrained) != strings.HasSuffix(name, "_64") {
			t.Errorf("%s: %+v", name, v.Source)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("a variant without a source is registered")
		}
		delete(variants, "nobody's")
	}()
	register(Variant{Name: "nobody's", Source: Source{Library: "timm"}})
}

func TestFeaturesArePooledAsOptionsSay(t *testing.T) {
	for _, c := range []struct{ name, pool, want string }{
		{"vit_micro_patch16_64", "", "token"},
		{"vit_micro_patch16_64", "avg", "avg"},
		{"vit_base_patch16_224.mae", "token", "token"},
		{"vit_micro_patch16_64", "max", `model vit_micro_patch16_64: global_pool "max": there are token and avg`},
		{"resnet10_64", "", "avg"},
		{"resnet10_64", "avg", "avg"},
		{"densenet121", "token", `model densenet121: global_pool "token": there is avg`},
		{"inception_v3_fid", "token", `model inception_v3_fid: global_pool "token": there is avg`},
		{"mobilenet_v1_micro_64", "token", `model mobilenet_v1_micro_64: global_pool "token": there is avg`},
	} {
		v, err := Lookup(c.name)
		if err != nil {
			t.Fatal(err)
		}
		m, err := v.New(Options{GlobalPool: c.pool})
		if err != nil && err.Error() != c.want || err == nil && m.Pool() != c.want {
			t.Errorf("%s with %q: %v, %v, want %s", c.name, c.pool, m, err, c.want)
		}
	}
}
