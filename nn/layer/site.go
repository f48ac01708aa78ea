package layer

import (
	"slices"
	"strings"

	"github.com/pipe-ml/pipe/accel"
)

// Kind is what a site is.
type Kind string

// The kinds of sites.
const (
	KindLinear    Kind = "linear" // y = x W^T + b
	KindConv      Kind = "conv"   // 2-d convolution
	KindLayerNorm Kind = "layer_norm"
	KindGroupNorm Kind = "group_norm"
	KindBatchNorm Kind = "batch_norm"
	KindEmbedding Kind = "embedding" // table lookup
	KindAttention Kind = "attention" // queries on keys and values, without the projections, e.g. "blocks.3.attn.heads"
	KindBranch    Kind = "branch"    // a branch of a residual block, e.g. "blocks.3.mlp"
	KindBlock     Kind = "block"     // a whole block
	KindTokens    Kind = "tokens"    // a block on token sequences, where tokens may be inserted
	KindFeatures  Kind = "features"  // what the head reads
)

// IsNorm tells whether k is a normalisation.
func (k Kind) IsNorm() bool { return k == KindLayerNorm || k == KindGroupNorm || k == KindBatchNorm }

// Site is a place of the network where edits act.
type Site struct {
	Path    string
	Root    string // of the network, see Builder.Root; "" if it has none
	Kind    Kind
	In, Out int      // channels; of a norm, block or branch Out is its width
	Weight  []int    // shape of Path.weight, nil if the site has none
	Bias    bool     // whether Path.bias exists
	Groups  int      // of a convolution
	Stride  int      // of a convolution
	Pad     int      // of a convolution, on all sides; -1 if they differ
	Slices  []string // names of the equal parts of Out, e.g. q, k, v of a fused projection
	Block   int      // index of the enclosing block in order of computation, -1 outside
	Prefix  int      // tokens before the place of inserted ones (the class token)
	Grid    [2]int   // of a branch: rows and columns, see Builder.OnGrid; 0, 0 without
	Sum     bool     // of a branch: its output is added to the residual stream
	Last    string   // of a branch: path of the linear map or convolution whose output is the branch's, LayerScale apart; "" if another operation ends it
	Head    bool     // part of the task head
}

// Name is the last segment of the path that is not a number, e.g. "qkv" or "to_out" of "to_out.0".
func (s Site) Name() string {
	parts := strings.Split(s.Path, ".")
	for i := len(parts) - 1; i >= 0; i-- {
		if strings.Trim(parts[i], "0123456789") != "" {
			return parts[i]
		}
	}
	return s.Path
}

// sliceIndex is the place of a slice in the site.
func (s Site) sliceIndex(slice string) int { return slices.Index(s.Slices, slice) }

// Param is a parameter or buffer as the network declared it.
type Param struct {
	Name     string
	Shape    []int
	Buffer   bool
	Constant bool // a buffer that follows from other weights
	Head     bool
	Added    bool // by an edit
	Block    int  // as in Site
}

// Len is the number of elements.
func (p Param) Len() int { return accel.Volume(p.Shape) }

// Sites is all that a network declared, in order of computation.
type Sites struct {
	Sites  []Site
	Params []Param
	Blocks int // number of blocks
}

// Find returns the site at path.
func (s Sites) Find(path string) (Site, bool) {
	for _, x := range s.Sites {
		if x.Path == path {
			return x, true
		}
	}
	return Site{}, false
}
