package layer

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/accel"
)

// Node is a node of the expression graph.
type Node = gorgonia.Node

// Builder adds layers to a graph below a path. Copies made by Sub, At, Init, Head and OnGrid share one build.
//
// Errors stick: after the first one every call returns nil and Err tells it with its path. A Builder serves one
// goroutine.
type Builder struct {
	*build
	path         string
	root         string // see Root
	weight, bias Init
	head         bool
	block        int
	base         func(w *Weights) []float32 // the weight at which an edit acts, for Derive
	grid         [2]int
}

// build is what all builders of one network share.
type build struct {
	graph   *gorgonia.ExprGraph
	weights *Weights
	plan    *Plan
	leaves  map[string]*Node
	blocks  map[string]*Node // outputs by path
	sites   Sites
	stats   []RunningStat
	step    *Node
	made    map[*Node]string // path of the linear map or convolution whose output, unsliced and perhaps scaled by channel, a node is
	adding  bool             // an edit is building
	tokens  *Tokens          // those that are in the sequence, nil without
	err     error
}

// RunningStat ties a batch norm's running statistics to the nodes of the batch's: after a training step
// running = (1 - Momentum) * running + Momentum * batch.
type RunningStat struct {
	MeanName, VarName string
	Mean, Var         *Node // [C], var unbiased
	Momentum          float32
}

// NewBuilder starts a network in g on the weights w; plan may be nil: no edits, and all parameters train.
func NewBuilder(g *gorgonia.ExprGraph, w *Weights, plan *Plan) *Builder {
	if plan == nil {
		plan = &Plan{all: true}
	}
	return &Builder{
		build:  &build{graph: g, weights: w, plan: plan, leaves: map[string]*Node{}, made: map[*Node]string{}, blocks: map[string]*Node{}},
		weight: FanIn, bias: FanIn, block: -1,
	}
}

// Sub descends into name, which may be dotted.
func (b *Builder) Sub(name string) *Builder {
	c := *b
	c.path = b.join(name)
	return &c
}

// Root descends into name, which is the whole of a network that may lie beside another one in the same weights: what edits share there lies
// below name too.
func (b *Builder) Root(name string) *Builder {
	c := b.Sub(name)
	c.root = c.path
	return c
}

// At descends into element i of a list.
func (b *Builder) At(i int) *Builder { return b.Sub(strconv.Itoa(i)) }

// Init sets the initial values of weights and biases of linear maps and convolutions built from the result.
// The default is PyTorch's, FanIn for both.
func (b *Builder) Init(weight, bias Init) *Builder {
	c := *b
	c.weight, c.bias = weight, bias
	return &c
}

// Head marks what is built from the result as the task head: always trained and saved, never a site of a method.
func (b *Builder) Head() *Builder {
	c := *b
	c.head = true
	return &c
}

// OnGrid tells that the tokens of the sequences built from the result are, but for the first ones, an image of h rows and w columns
// in row-major order.
func (b *Builder) OnGrid(h, w int) *Builder {
	c := *b
	c.grid = [2]int{h, w}
	return &c
}

// Grid is what OnGrid told, 0, 0 without; to an edit of a branch on images [B, C, H, W] it gives the rows and columns of the branch's output.
func (b *Builder) Grid() (h, w int) { return b.grid[0], b.grid[1] }

// Err is the first error.
func (b *Builder) Err() error { return b.err }

// Sites is what has been declared so far.
func (b *Builder) Sites() Sites { return b.sites }

// Finish returns the first error of the build; an edit that met no site is one.
func (b *Builder) Finish() error {
	if b.err != nil {
		return b.err
	}
	if b.tokens != nil {
		return fmt.Errorf("%s: tokens inserted here never leave: no block %s follows", b.tokens.Site, b.tokens.Until)
	}
	return b.plan.unmet(b.sites)
}

// RunningStats lists the batch norms that update their running statistics, in order of computation.
func (b *Builder) RunningStats() []RunningStat { return b.stats }

// Step is the int32 [1] input that counts training steps for dropout; nil if the network has no dropout.
func (b *Builder) Step() *Node { return b.step }

// Trainable lists the parameters that the plan trains, in order of computation; without a plan all but buffers.
func (b *Builder) Trainable() []Param {
	var out []Param
	for _, p := range b.sites.Params {
		if b.plan.trains(p) {
			out = append(out, p)
		}
	}
	return out
}

// Node returns the leaf of a parameter, nil if no parameter has that name.
func (b *Builder) Node(name string) *Node { return b.leaves[name] }

// BlockOutput returns what the block at path computes, nil if there is none.
func (b *Builder) BlockOutput(path string) *Node { return b.blocks[path] }

// Input adds a leaf that the caller sets before each run.
func (b *Builder) Input(name string, t tensor.Dtype, shape ...int) *Node {
	if b.err != nil {
		return nil
	}
	return b.leaf(b.join(name), t, shape)
}

// Param declares the parameter path.name and returns its leaf. Declaring it again with the same shape ties the
// two uses. Fans are taken as of a weight [out, in, ...].
func (b *Builder) Param(name string, shape []int, init Init) *Node {
	in, out := fans(shape)
	return b.param(name, shape, weight{init: init, fanIn: in, fanOut: out})
}

// Constant declares numbers at path.name that nothing trains, drawn as a Param's. Those of an edit are saved with what it trains.
func (b *Builder) Constant(name string, shape []int, init Init) *Node {
	in, out := fans(shape)
	return b.param(name, shape, weight{buffer: true, init: init, fanIn: in, fanOut: out})
}

func (b *Builder) param(name string, shape []int, w weight) *Node {
	if b.err != nil {
		return nil
	}
	full := b.join(name)
	if n, ok := b.leaves[full]; ok {
		if !slices.Equal([]int(n.Shape()), shape) {
			b.fail(name, fmt.Errorf("declared with shape %v and with %v", n.Shape(), shape))
			return nil
		}
		return n
	}
	w.shape = slices.Clone(shape)
	if err := b.weights.declare(full, w); err != nil {
		b.err = err
		return nil
	}
	b.sites.Params = append(b.sites.Params, Param{
		Name: full, Shape: w.shape, Buffer: w.buffer, Constant: w.buffer && w.from != nil, Head: b.head, Added: b.adding, Block: b.block,
	})
	return b.leaf(full, tensor.Float32, shape)
}

func (b *Builder) leaf(full string, t tensor.Dtype, shape []int) *Node {
	if b.leaves[full] != nil {
		b.err = fmt.Errorf("%s: input and parameter of one name", full)
		return nil
	}
	n := gorgonia.NewTensor(b.graph, t, len(shape), gorgonia.WithShape(shape...), gorgonia.WithName(full))
	b.leaves[full] = n
	return n
}

// site records s at path.name and returns it completed. The layers that an edit builds are no sites.
func (b *Builder) site(name string, s Site) Site {
	s.Path, s.Root, s.Block, s.Head = b.join(name), b.root, b.block, b.head
	if !b.adding {
		b.sites.Sites = append(b.sites.Sites, s)
	}
	return s
}

// do adds one op under the sticky error.
func (b *Builder) do(what string, f func() (*Node, error)) *Node {
	if b.err != nil {
		return nil
	}
	n, err := f()
	if err != nil {
		b.fail(what, err)
		return nil
	}
	return n
}

func (b *Builder) fail(what string, err error) {
	if b.err == nil {
		b.err = fmt.Errorf("%s: %w", b.join(what), err)
	}
}

var errRank = errors.New("input has the wrong rank")

// width returns the size of x's dimension axis (negative counts from the end) and fails below the wanted rank.
func (b *Builder) width(name string, x *Node, axis, rank int) int {
	if b.err != nil {
		return 0
	}
	if x == nil {
		b.fail(name, errors.New("input is nil"))
		return 0
	}
	s := x.Shape()
	if len(s) < rank {
		b.fail(name, fmt.Errorf("%w: shape %v, want rank %d or more", errRank, s, rank))
		return 0
	}
	if axis < 0 {
		axis += len(s)
	}
	return s[axis]
}

func (b *Builder) join(name string) string {
	return strings.Trim(b.path+"."+name, ".")
}

// fans are PyTorch's: of a weight [out, in, window...] fanIn = in * window and fanOut = out * window.
func fans(shape []int) (in, out int) {
	if len(shape) < 2 {
		n := max(1, accel.Volume(shape))
		return n, n
	}
	window := accel.Volume(shape[2:])
	return shape[1] * window, shape[0] * window
}
