package pipelines

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pipe-ml/pipe/dag"
)

// splitStudy puts the text-to-image half of the shipped study into a module, and gives the folder of the result. It is
// made of the shipped text, so that it stays the same study.
func splitStudy(t *testing.T) string {
	t.Helper()
	text, err := shipped.ReadFile("chestxray.hcl")
	if err != nil {
		t.Fatal(err)
	}
	cut := func(text, from, to string) (half, rest string) {
		t.Helper()
		i, j := strings.Index(text, from), len(text)
		if to != "" {
			j = strings.Index(text, to)
		}
		if i < 0 || j < i {
			t.Fatalf("chestxray.hcl has no part from %q to %q any more", from, to)
		}
		return text[i:j], text[:i] + text[j:]
	}
	half, main := cut(string(text), "# Text-to-image:", "# What apply leaves")
	outputs, main := cut(main, `output "diffusion_before"`, "")
	main += `
module "drawing" {
  source   = "./drawing"
  captions = var.captions
  data     = dataset.cxr.data
  films    = { data = dataset.films.data, images = preprocess.films.images }
  judge    = var.backbone != "" ? var.backbone : pretrain.cnn.model
}
`
	for from, to := range map[string]string{
		"dataset.cxr.data":        "var.data",
		"dataset.films.data":      "var.films.data",
		"preprocess.films.images": "var.films.images",
		`var.backbone != "" ? var.backbone : pretrain.cnn.model`: "var.judge",
	} {
		if !strings.Contains(half, from) {
			t.Fatalf("the text-to-image half does not use %s any more", from)
		}
		half = strings.ReplaceAll(half, from, to)
	}
	return writeFiles(t, map[string]string{
		"main.hcl": main,
		"drawing/drawing.hcl": `variable "captions" {
  type = bool
}
variable "data" {
  description = "A data set with captions"
}
variable "films" {
  type        = object({ data = string, images = string })
  description = "The data set that the diffusion model is pretrained on, and its preprocessed images"
}
variable "judge" {
  description = "A network that a judge of the images is fine-tuned from"
}
` + half + outputs,
	})
}

// withoutModule gives the nodes and publications by address, as if no stage were in the module.
func withoutModule(x *Expansion, module string) (map[string]dag.Node, map[string]dag.Ref) {
	plain := func(s string) string { return strings.ReplaceAll(s, module+".", "") }
	nodes := map[string]dag.Node{}
	for _, n := range x.Nodes {
		c := *n
		c.Address, c.Stage, c.Pos, c.Root = plain(n.Address), plain(n.Stage), nil, ""
		c.Inputs, c.Group = nil, nil
		for _, in := range n.Inputs {
			if in.From != nil {
				in.From = &dag.Ref{Address: plain(in.From.Address), Output: in.From.Output}
			}
			in.Group = plain(in.Group)
			c.Inputs = append(c.Inputs, in)
		}
		for _, m := range n.Group {
			m.Ref.Address = plain(m.Ref.Address)
			c.Group = append(c.Group, m)
		}
		nodes[c.Address] = c
	}
	refs := map[string]dag.Ref{}
	for _, pub := range x.Publications {
		refs[filepath.Base(pub.Path)] = dag.Ref{Address: plain(pub.Ref.Address), Output: pub.Ref.Output}
	}
	return nodes, refs
}

// A key is made of what this test compares: type, version, config, inputs, outputs, code, probe and salt. The rest,
// that a store with the results of the whole study has nothing to do for the split one, is in modules.txtar.
func TestSplittingTheStudyIntoModulesChangesNoKey(t *testing.T) {
	whole, wholePublished := withoutModule(expand(t, "chestxray.hcl"), "module.drawing")
	for _, settings := range [][]Setting{nil, {{Name: "seeds", Text: "[3]", Origin: "-var"}}, {{Name: "captions", Text: "false", Origin: "-var"}}} {
		if settings != nil {
			whole, wholePublished = withoutModule(expand(t, "chestxray.hcl", settings...), "module.drawing")
		}
		x := expand(t, filepath.Join(splitStudy(t), "main.hcl"), settings...)
		in := 0
		for _, n := range x.Nodes {
			if strings.HasPrefix(n.Stage, "module.drawing.") {
				in++
			}
		}
		if on := fmt.Sprint(settings) == "[]" || settings[0].Name == "seeds"; on != (in > 10) {
			t.Errorf("%v: %d instances are in the module", settings, in)
		}
		split, splitPublished := withoutModule(x, "module.drawing")
		if diff := cmp.Diff(whole, split); diff != "" {
			t.Errorf("%v: nodes -whole +split:\n%s", settings, diff)
		}
		if diff := cmp.Diff(wholePublished, splitPublished); diff != "" {
			t.Errorf("%v: publications -whole +split:\n%s", settings, diff)
		}
	}
}
