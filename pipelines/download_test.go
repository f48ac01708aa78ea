package pipelines

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pipe-ml/pipe/dag"
)

// An address in the place of a path is one stage of its own, whoever names it, and has the key of one that is written out.
func TestAnAddressIsADownloadThatItsReadersShare(t *testing.T) {
	x := expandText(t, `
variable "backbone" {
  type    = string
  default = "hf://timm/vit"
}

stage "preprocess" "cxr" {
  data = "."
  size = 64
}

stage "finetune" "a" {
  matrix = { seed = [0, 1] }
  model  = var.backbone
  data   = preprocess.cxr.images
  method = "linear"
  seed   = each.seed
}

stage "command" "b" {
  inputs  = { vit = "hf://timm/vit", other = "hf://o/n@v1/unet" }
  outputs = { x = "x" }
  command = ["true"]
}

stage "download" "vit" {
  source = "hf://timm/vit"
}
`)
	var addresses []string
	nodes := map[string]*dag.Node{}
	for _, n := range x.Nodes {
		addresses = append(addresses, n.Address)
		nodes[n.Address] = n
	}
	const vit, other = `download.hf["hf://timm/vit"]`, `download.hf["hf://o/n@v1/unet"]`
	want := []string{"preprocess.cxr", vit, "finetune.a[0]", "finetune.a[1]", other, "command.b", "download.vit"}
	if d := cmp.Diff(want, addresses); d != "" {
		t.Fatal(d)
	}
	for reader, input := range map[string]string{"finetune.a[1]": "model", "command.b": "vit"} {
		found := false
		for _, in := range nodes[reader].Inputs {
			found = found || in.Name == input && *in.From == dag.Ref{Address: vit, Output: "files"}
		}
		if !found {
			t.Errorf("%s does not read the download: %+v", reader, nodes[reader].Inputs)
		}
	}
	made, written := *nodes[vit], *nodes["download.vit"]
	if made.Pos["source"].Line != 14 {
		t.Errorf("the address is told to be written at %v", made.Pos["source"])
	}
	for _, n := range []*dag.Node{&made, &written} {
		n.Address, n.Stage, n.Axes, n.Pos = "", "", nil, nil
	}
	if d := cmp.Diff(written, made); d != "" {
		t.Errorf("written out it is another one: %s", d)
	}
	s, err := ParseSelector(`download.hf[source=hf://o/n@v1/unet]`)
	if err != nil || !s.Match(nodes[other]) || s.Match(nodes[vit]) {
		t.Errorf("the selector of an address: %v", err)
	}
}
