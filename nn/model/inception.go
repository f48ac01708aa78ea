package model

import (
	"fmt"

	"github.com/pipe-ml/pipe/accel/kernel"
	"github.com/pipe-ml/pipe/nn/layer"
)

// Inception is torchvision's Inception-v3 (Szegedy et al. 2016, arXiv:1512.00567) without its second head, as FID is
// defined on it: the network that TensorFlow published in 2015, whose average pools do not count padding and whose last block
// takes the maximum (pytorch-fid's fid_inception_v3, whose checkpoint it loads by its keys: pt_inception-2015-12-05 has 1008
// classes). FID is of the features [B, 2048]. BatchNorm's epsilon is 1e-3.
type Inception struct {
	InceptionConfig
	in Input
}

// InceptionConfig chooses the width.
type InceptionConfig struct {
	Width      int `json:"width"` // channels of the first convolution, 32 in the published network; a multiple of 2
	NumClasses int `json:"num_classes"`
}

const inceptionEps = 1e-3

func init() {
	register(Variant{Name: "inception_v3_fid", Kind: CNN, Params: 21_785_568, Input: input(299, 3),
		Doc: "the Inception-v3 of FID", Source: Source{"pytorch-fid", "pt_inception-2015-12-05 converted to safetensors"},
		make: func(in Input, classes int, _ string) (Classifier, error) {
			return NewInception(InceptionConfig{Width: 32, NumClasses: classes}, in)
		}})
}

// NewInception is an Inception-v3 of any width.
func NewInception(c InceptionConfig, in Input) (*Inception, error) {
	if c.Width < 2 || c.Width%2 != 0 {
		return nil, fmt.Errorf("width %d: want a multiple of 2", c.Width)
	}
	if in.Size < 75 {
		return nil, fmt.Errorf("images of %d pixels: want 75 or more, so that something is left at the end", in.Size)
	}
	return &Inception{c, in}, nil
}

// of is the number of channels where the published network has n.
func (m *Inception) of(n int) int { return n * m.Width / 32 }

// unit is torchvision's BasicConv2d: a convolution to as many channels as the published network has, norm and ReLU.
func (m *Inception) unit(b *layer.Builder, name string, x *layer.Node, c layer.Conv) *layer.Node {
	b = b.Sub(name)
	c.Out, c.NoBias = m.of(c.Out), true
	return b.ReLU(b.BatchNorm("bn", b.Conv2d("conv", x, c), inceptionEps))
}

// Features implements Classifier. Shapes are for 299 pixels.
func (m *Inception) Features(b *layer.Builder, images *layer.Node) *layer.Node {
	b = b.Init(layer.KaimingFanOut, layer.Zeros)
	x := m.unit(b, "Conv2d_1a_3x3", images, layer.Conv{Out: 32, Kernel: 3, Stride: 2}) // [B, 32, 149, 149]
	x = m.unit(b, "Conv2d_2a_3x3", x, layer.Conv{Out: 32, Kernel: 3})                  // [B, 32, 147, 147]
	x = m.unit(b, "Conv2d_2b_3x3", x, layer.Conv{Out: 64, Kernel: 3, Pad: 1})
	x = b.MaxPool2d(x, reducing)                                       // [B, 64, 73, 73]
	x = m.unit(b, "Conv2d_3b_1x1", x, layer.Conv{Out: 80, Kernel: 1})  // [B, 80, 73, 73]
	x = m.unit(b, "Conv2d_4a_3x3", x, layer.Conv{Out: 192, Kernel: 3}) // [B, 192, 71, 71]
	x = b.MaxPool2d(x, reducing)                                       // [B, 192, 35, 35]
	for _, block := range m.blocks() {
		x = b.Block(block.name, x, block.build)
	}
	return b.Features("pre_logits", b.GlobalAvgPool2d(x)) // [B, 2048]
}

// inceptionBlock is one of the Mixed blocks: branches side by side, whose outputs are joined.
type inceptionBlock struct {
	name  string
	build func(b *layer.Builder, x *layer.Node) *layer.Node
}

func (m *Inception) blocks() []inceptionBlock {
	return []inceptionBlock{
		{"Mixed_5b", m.blockA(32)}, // [B, 256, 35, 35]
		{"Mixed_5c", m.blockA(64)}, // [B, 288, 35, 35]
		{"Mixed_5d", m.blockA(64)},
		{"Mixed_6a", m.blockB},      // [B, 768, 17, 17]
		{"Mixed_6b", m.blockC(128)}, // [B, 768, 17, 17]
		{"Mixed_6c", m.blockC(160)},
		{"Mixed_6d", m.blockC(160)},
		{"Mixed_6e", m.blockC(192)},
		{"Mixed_7a", m.blockD},                                     // [B, 1280, 8, 8]
		{"Mixed_7b", m.blockE((*layer.Builder).AvgPool2d, inside)}, // [B, 2048, 8, 8]
		{"Mixed_7c", m.blockE((*layer.Builder).MaxPool2d, inside)},
	}
}

var (
	reducing = kernel.Pool2d{Kernel: 3, Stride: 2}
	inside   = kernel.Pool2d{Kernel: 3, Stride: 1, Pad: 1, ExcludePad: true}
)

// The windows of the factorised convolutions.
func row(out, n int) layer.Conv    { return layer.Conv{Out: out, Kernel: 1, KernelW: n, PadW: n / 2} }
func column(out, n int) layer.Conv { return layer.Conv{Out: out, Kernel: n, Pad: n / 2, KernelW: 1} }
func square(out, n int) layer.Conv { return layer.Conv{Out: out, Kernel: n, Pad: n / 2} }
func halving(out int) layer.Conv   { return layer.Conv{Out: out, Kernel: 3, Stride: 2} }

// chain is a branch: convolutions one behind the other, named prefix_1, prefix_2 and so on.
func (m *Inception) chain(b *layer.Builder, prefix string, x *layer.Node, convs ...layer.Conv) *layer.Node {
	for i, c := range convs {
		x = m.unit(b, fmt.Sprintf("%s_%d", prefix, i+1), x, c)
	}
	return x
}

func (m *Inception) blockA(pooled int) func(b *layer.Builder, x *layer.Node) *layer.Node {
	return func(b *layer.Builder, x *layer.Node) *layer.Node {
		return b.Concat(1,
			m.unit(b, "branch1x1", x, square(64, 1)),
			m.chain(b, "branch5x5", x, square(48, 1), square(64, 5)),
			m.chain(b, "branch3x3dbl", x, square(64, 1), square(96, 3), square(96, 3)),
			m.unit(b, "branch_pool", b.AvgPool2d(x, inside), square(pooled, 1)))
	}
}

func (m *Inception) blockB(b *layer.Builder, x *layer.Node) *layer.Node {
	return b.Concat(1,
		m.unit(b, "branch3x3", x, halving(384)),
		m.chain(b, "branch3x3dbl", x, square(64, 1), square(96, 3), halving(96)),
		b.MaxPool2d(x, reducing))
}

func (m *Inception) blockC(c7 int) func(b *layer.Builder, x *layer.Node) *layer.Node {
	return func(b *layer.Builder, x *layer.Node) *layer.Node {
		return b.Concat(1,
			m.unit(b, "branch1x1", x, square(192, 1)),
			m.chain(b, "branch7x7", x, square(c7, 1), row(c7, 7), column(192, 7)),
			m.chain(b, "branch7x7dbl", x, square(c7, 1), column(c7, 7), row(c7, 7), column(c7, 7), row(192, 7)),
			m.unit(b, "branch_pool", b.AvgPool2d(x, inside), square(192, 1)))
	}
}

func (m *Inception) blockD(b *layer.Builder, x *layer.Node) *layer.Node {
	return b.Concat(1,
		m.chain(b, "branch3x3", x, square(192, 1), halving(320)),
		m.chain(b, "branch7x7x3", x, square(192, 1), row(192, 7), column(192, 7), halving(192)),
		b.MaxPool2d(x, reducing))
}

// blockE splits two of its branches once more, into a row and a column.
func (m *Inception) blockE(pool func(b *layer.Builder, x *layer.Node, p kernel.Pool2d) *layer.Node, p kernel.Pool2d) func(b *layer.Builder, x *layer.Node) *layer.Node {
	return func(b *layer.Builder, x *layer.Node) *layer.Node {
		y := m.unit(b, "branch3x3_1", x, square(384, 1))
		z := m.chain(b, "branch3x3dbl", x, square(448, 1), square(384, 3))
		return b.Concat(1,
			m.unit(b, "branch1x1", x, square(320, 1)),
			m.unit(b, "branch3x3_2a", y, row(384, 3)),
			m.unit(b, "branch3x3_2b", y, column(384, 3)),
			m.unit(b, "branch3x3dbl_3a", z, row(384, 3)),
			m.unit(b, "branch3x3dbl_3b", z, column(384, 3)),
			m.unit(b, "branch_pool", pool(b, x, p), square(192, 1)))
	}
}

// Head implements Classifier.
func (m *Inception) Head(b *layer.Builder, features *layer.Node) *layer.Node {
	return b.Head().Linear("fc", features, m.NumClasses)
}

// ResetHead implements Classifier.
func (m *Inception) ResetHead(classes int) Classifier {
	c := *m
	c.NumClasses = classes
	return &c
}

// Groups implements Classifier.
func (m *Inception) Groups() []Group {
	groups := []Group{{"stem", []string{"Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "Conv2d_3b_1x1", "Conv2d_4a_3x3"}}}
	for _, block := range m.blocks() {
		groups = append(groups, Group{block.name, []string{block.name}})
	}
	return append(groups, Group{"head", []string{"fc"}})
}

// NoDecay implements Classifier.
func (m *Inception) NoDecay(string) bool { return false }

// Input implements Classifier.
func (m *Inception) Input() Input { return m.in }

// Pool implements Classifier.
func (m *Inception) Pool() string { return "avg" }

// Classes implements Classifier.
func (m *Inception) Classes() int { return m.NumClasses }
