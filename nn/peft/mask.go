package peft

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/pipe-ml/pipe/nn/layer"
)

// Mask says where in a network a method acts. Both parts hold: an edit stays if it lies in one of the blocks and in one of the layers. Searches over
// where to fine-tune write their bits so: FairTune's, of the norms, the attention and the MLP of each block, as Layers "blocks.0.norm?", "blocks.0.attn",
// "blocks.0.mlp" and so on; MemControl's, of each attention of a U-Net, as "down_blocks.0.attentions.1" and so on.
type Mask struct {
	// Blocks by number, in order of computation; nil: all.
	Blocks []int
	// Layers by name: one or more whole segments of a path, anywhere in it, each of which may be a pattern of path.Match: "attn", "norm?",
	// "blocks.[0-5].mlp". nil: all. Each must be found in the network.
	Layers []string
}

// cut keeps the edits that the mask leaves.
func (m Mask) cut(edits []layer.Edit, s layer.Sites) ([]layer.Edit, error) {
	for _, i := range m.Blocks {
		if i < 0 || i >= s.Blocks {
			return nil, fmt.Errorf("block %d of a network with %d blocks", i, s.Blocks)
		}
	}
	block := map[string]int{}
	for _, x := range s.Sites {
		block[x.Path] = x.Block
	}
	for _, p := range s.Params {
		block[p.Name] = p.Block
	}
	places := sortedKeys(block)
	for _, l := range m.Layers {
		if !slices.ContainsFunc(places, func(p string) bool { return lies(p, l) }) {
			return nil, fmt.Errorf("layer %q is nowhere in the network%s", l, suggest(l, segments(places)))
		}
	}
	return slices.DeleteFunc(edits, func(e layer.Edit) bool {
		out := m.Blocks != nil && !slices.Contains(m.Blocks, block[e.At()])
		return out || m.Layers != nil && !slices.ContainsFunc(m.Layers, func(l string) bool { return lies(e.At(), l) })
	}), nil
}

// lies tells whether the segments of name are a run of those of the path.
func lies(at, name string) bool {
	have, want := strings.Split(at, "."), strings.Split(name, ".")
	for ; len(have) >= len(want); have = have[1:] {
		if slices.EqualFunc(have[:len(want)], want, func(h, w string) bool {
			ok, err := path.Match(w, h)
			return ok && err == nil
		}) {
			return true
		}
	}
	return false
}

// segments are those of all paths that are no numbers, each once, sorted.
func segments(paths []string) []string {
	seen := map[string]bool{}
	for _, p := range paths {
		for _, s := range strings.Split(p, ".") {
			if strings.Trim(s, "0123456789") != "" {
				seen[s] = true
			}
		}
	}
	return sortedKeys(seen)
}
