package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pipe-ml/pipe/accel/cpu"
	"github.com/pipe-ml/pipe/nn/op"
	"github.com/pipe-ml/pipe/nn/peft"
)

func TestEveryMethodHasAFixture(t *testing.T) {
	compared := map[string]bool{}
	for _, c := range fixtures(t) {
		compared[c.Method] = true
	}
	for _, name := range peft.Names() {
		if !compared[name] {
			t.Errorf("no fixture compares %s with a reference", name)
		}
	}
}

// TestEveryMethodHasAMutant: a mistake in it that its fixtures must see.
func TestEveryMethodHasAMutant(t *testing.T) {
	for _, name := range peft.Names() {
		if !slices.ContainsFunc(methodMutants, func(m mutant) bool { return m.of == name }) {
			t.Errorf("no mutant is a mistake in %s", name)
		}
	}
}

// familyOf is the family whose cases compare a network of nn/model.
var familyOf = map[string]string{
	"AutoencoderKL": "vae", "CLIPText": "clip_text", "DenseNet": "densenet", "Inception": "inception", "MobileNet": "mobilenet",
	"ResNet": "resnet", "UNet": "unet", "ViT": "vit",
}

// TestEveryNetworkHasAFixture: a network is a type of nn/model that builds features, a prediction or latents.
func TestEveryNetworkHasAFixture(t *testing.T) {
	files, err := filepath.Glob("../model/*.go")
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]bool{}
	for _, path := range files {
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv == nil || !slices.Contains([]string{"Features", "Build", "Encode"}, f.Name.Name) {
				continue
			}
			if star, ok := f.Recv.List[0].Type.(*ast.StarExpr); ok {
				types[star.X.(*ast.Ident).Name] = true
			}
		}
	}
	if want := slices.Sorted(maps.Keys(familyOf)); !slices.Equal(want, slices.Sorted(maps.Keys(types))) {
		t.Errorf("nn/model has the networks %v, families compare %v", slices.Sorted(maps.Keys(types)), want)
	}
	plain := map[string]bool{}
	for _, c := range fixtures(t) {
		plain[c.Family] = plain[c.Family] || c.Method == ""
	}
	for name, family := range familyOf {
		if !plain[family] {
			t.Errorf("no fixture of the family %q compares %s as it is published", family, name)
		}
	}
}

// elsewhere are the operators that no fixture's network has, and what compares them with a reference implementation instead. All of them have
// their float64 reference in nn/op/optest.
var elsewhere = map[string]string{
	"bce_with_logits":    "PyTorch's values in nn/op/loss_test.go",
	"cross_entropy":      "PyTorch's values in nn/op/loss_test.go",
	"soft_cross_entropy": "timm's values in nn/op/loss_test.go",
}

func TestEveryOperatorIsInAFixture(t *testing.T) {
	dev := cpu.New(1)
	defer dev.Close()
	used := map[string]bool{}
	for _, c := range fixtures(t) {
		n, err := Runner{Device: dev}.build(c)
		if err != nil {
			t.Fatal(err)
		}
		for _, node := range n.loss.Graph().AllNodes() {
			if o := op.Of(node); o != nil {
				used[o.Name()] = true
			}
		}
		if err := n.mem.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range op.Names() {
		_, _, form := strings.Cut(name, ".") // what a mode makes of an operator: batch_norm.train, dropout.train
		if !op.Defined(name) || form {
			continue
		}
		if err := compared(name, used[name]); err != nil {
			t.Error(err)
		}
	}
}

// compared is an error where nothing but its own reference says what an operator computes, or where elsewhere is out of date.
func compared(name string, used bool) error {
	switch _, other := elsewhere[name]; {
	case !used && !other:
		return fmt.Errorf("operator %s is in no fixture: write one whose network has it (CONTRIBUTING.md), or a line in elsewhere that says what compares it", name)
	case used && other:
		return fmt.Errorf("operator %s is in a fixture: take its line out of elsewhere", name)
	}
	return nil
}

func TestAnOperatorThatNothingComparesIsToldWithWhatToDo(t *testing.T) {
	for _, c := range []struct {
		name string
		used bool
		want string
	}{
		{"square", false, "operator square is in no fixture: write one"},
		{"cross_entropy", true, "take its line out of elsewhere"},
		{"cross_entropy", false, ""},
		{"square", true, ""},
	} {
		if got := fmt.Sprint(compared(c.name, c.used)); c.want == "" && got != "<nil>" || !strings.Contains(got, c.want) {
			t.Errorf("%s, used %v: %s", c.name, c.used, got)
		}
	}
}
