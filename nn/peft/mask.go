package peft

import (
	"fmt"
	"path"
	"slices"
	"strconv"
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

// MaskError is what is wrong with one part of a mask.
type MaskError struct {
	Part, Message string // blocks, layers, or an element of them, such as layers[1]
}

func (e *MaskError) Error() string { return e.Part + ": " + e.Message }

// cut keeps the edits that the mask leaves.
func (m Mask) cut(edits []layer.Edit, s layer.Sites) ([]layer.Edit, error) {
	for at, i := range m.Blocks {
		if i < 0 || i >= s.Blocks {
			there := "it has none: leave blocks out, or name layers"
			if s.Blocks > 0 {
				there = fmt.Sprintf("it has %d, numbered from 0: %s", s.Blocks, strings.Join(runs(blockNames(s)), ", "))
			}
			return nil, &MaskError{fmt.Sprintf("blocks[%d]", at), fmt.Sprintf("the network has no block %d, %s", i, there)}
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
	for at, l := range m.Layers {
		if !slices.ContainsFunc(places, func(p string) bool { return lies(p, l) }) {
			known := segments(places)
			return nil, &MaskError{fmt.Sprintf("layers[%d]", at), fmt.Sprintf("layer %q is nowhere in the network%s", l, suggestOf(l, known, len(known)))}
		}
	}
	kept := slices.DeleteFunc(slices.Clone(edits), func(e layer.Edit) bool {
		out := m.Blocks != nil && !slices.Contains(m.Blocks, block[e.At()])
		return out || m.Layers != nil && !slices.ContainsFunc(m.Layers, func(l string) bool { return lies(e.At(), l) })
	})
	if len(kept) == 0 && len(edits) > 0 {
		return nil, m.missed(edits, block)
	}
	return kept, nil
}

// missed says where a method acts of which the mask leaves nothing.
func (m Mask) missed(edits []layer.Edit, block map[string]int) error {
	const shown = 4
	var places []string
	for _, e := range edits {
		if m.Layers == nil && block[e.At()] < 0 || slices.Contains(places, e.At()) { // outside of all blocks
			continue
		}
		places = append(places, e.At())
	}
	part, with := "blocks", ""
	switch {
	case m.Layers != nil && m.Blocks != nil:
		part, with = "layers", "together with blocks "
	case m.Layers != nil:
		part = "layers"
	}
	hint := "it acts outside of blocks only: leave blocks out"
	if n := len(places); n > 0 {
		hint = "it acts on " + strings.Join(places[:min(n, shown)], ", ")
		if n > shown {
			hint += fmt.Sprintf(" and %d more", n-shown)
		}
		hint += ": take some of these"
	}
	return &MaskError{part, with + "they leave nothing of where the method acts; " + hint}
}

// blockNames are the paths of the blocks, by number.
func blockNames(s layer.Sites) []string {
	names := make([]string, s.Blocks)
	for _, x := range s.Sites {
		if x.Kind == layer.KindBlock || x.Kind == layer.KindTokens {
			names[x.Block] = x.Path
		}
	}
	return names
}

// runs writes names that differ by a number that rises as one: blocks.0 to blocks.11.
func runs(names []string) (out []string) {
	for i := 0; i < len(names); {
		stem := strings.TrimRight(names[i], "0123456789")
		first, err := strconv.Atoi(names[i][len(stem):])
		n := 1
		for err == nil && i+n < len(names) && names[i+n] == stem+strconv.Itoa(first+n) {
			n++
		}
		if out = append(out, names[i]); n > 1 {
			out[len(out)-1] += " to " + names[i+n-1]
		}
		i += n
	}
	return out
}

// Blocks lists the blocks of a network in the order of their numbers from 0; a run of them is one element, "blocks.0 to blocks.11".
func Blocks(model Model) (list []string, count int, err error) {
	s, err := record(model, layer.NewWeights(0), nil)
	return runs(blockNames(s)), s.Blocks, err
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
