package peft

import (
	"strings"

	"github.com/pipe-ml/pipe/nn/layer"
)

// part is a branch of a transformer block.
type part struct {
	layer.Site
	maps []layer.Site // the linear maps in it, in order of computation
}

// parts finds the branches of transformer blocks by what lies below their paths: an attention, or without one linear maps.
// Branches of convolutional blocks are neither.
func parts(s layer.Sites) (attentions, feedForwards []part) {
	for _, branch := range ofKind(s, func(x layer.Site) bool { return x.Kind == layer.KindBranch }) {
		p, attends := part{Site: branch}, false
		for _, x := range s.Sites {
			if !strings.HasPrefix(x.Path, branch.Path+".") {
				continue
			}
			switch x.Kind {
			case layer.KindLinear:
				p.maps = append(p.maps, x)
			case layer.KindAttention:
				attends = true
			}
		}
		switch {
		case attends:
			attentions = append(attentions, p)
		case len(p.maps) > 0:
			feedForwards = append(feedForwards, p)
		}
	}
	return attentions, feedForwards
}

// inAttention tells which parameters belong to attentions: their projections' weights and biases.
func inAttention(s layer.Sites) func(layer.Param) bool {
	attentions, _ := parts(s)
	return func(q layer.Param) bool {
		for _, p := range attentions {
			if strings.HasPrefix(q.Name, p.Path+".") {
				return true
			}
		}
		return false
	}
}
