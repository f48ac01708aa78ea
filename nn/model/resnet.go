package model

import (
	"fmt"

	"github.com/pipe-ml/pipe/accel/kernel"
	"github.com/pipe-ml/pipe/nn/layer"
)

// ResNet is torchvision's ResNet (He et al. 2016, arXiv:1512.03385), version 1.5: in a bottleneck the 3x3
// convolution has the stride. It loads torchvision's and timm's resnet18 to resnet152 checkpoints by their keys.
// The variants at 64 pixels keep the structure with fewer channels. BatchNorm's epsilon is 1e-5.
type ResNet struct {
	ResNetConfig
	in Input
}

// ResNetConfig has torchvision's argument names.
type ResNetConfig struct {
	Block         string `json:"block"`  // "basic" or "bottleneck"
	Layers        [4]int `json:"layers"` // blocks of each stage
	WidthPerStage int    `json:"width"`  // channels of the stem and of the first stage
	NumClasses    int    `json:"num_classes"`
}

const resnetEps = 1e-5

func init() {
	row := func(name string, from Source, params int, in Input, c ResNetConfig, doc string) Variant {
		return Variant{Name: name, Kind: CNN, Params: params, Input: in, Doc: doc, Source: from,
			make: func(in Input, classes int, _ string) (Classifier, error) {
				c := c
				c.NumClasses = classes
				return NewResNet(c, in)
			}}
	}
	register(
		row("resnet10_64", untrained, 307_888, input(64, 1), ResNetConfig{Block: "basic", Layers: [4]int{1, 1, 1, 1}, WidthPerStage: 16},
			"four narrow blocks at 64 pixels: for quick studies"),
		row("resnet18_64", untrained, 700_528, input(64, 1), ResNetConfig{Block: "basic", Layers: [4]int{2, 2, 2, 2}, WidthPerStage: 16},
			"ResNet-18 at 64 pixels, a quarter as wide"),
		row("resnet18", torchvision("resnet18.a1_in1k"), 11_176_512, imageNet, ResNetConfig{Block: "basic", Layers: [4]int{2, 2, 2, 2}, WidthPerStage: 64},
			"torchvision's resnet18"),
		row("resnet34", torchvision("resnet34.a1_in1k"), 21_284_672, imageNet, ResNetConfig{Block: "basic", Layers: [4]int{3, 4, 6, 3}, WidthPerStage: 64},
			"torchvision's resnet34"),
		row("resnet50", torchvision("resnet50.a1_in1k"), 23_508_032, imageNet, ResNetConfig{Block: "bottleneck", Layers: [4]int{3, 4, 6, 3}, WidthPerStage: 64},
			"torchvision's resnet50"),
		row("resnet101", torchvision("resnet101.a1_in1k"), 42_500_160, imageNet, ResNetConfig{Block: "bottleneck", Layers: [4]int{3, 4, 23, 3}, WidthPerStage: 64},
			"torchvision's resnet101"),
		row("resnet152", torchvision("resnet152.a1_in1k"), 58_143_808, imageNet, ResNetConfig{Block: "bottleneck", Layers: [4]int{3, 8, 36, 3}, WidthPerStage: 64},
			"torchvision's resnet152"),
	)
}

// NewResNet is a ResNet of any width and depth.
func NewResNet(c ResNetConfig, in Input) (*ResNet, error) {
	if c.Block != "basic" && c.Block != "bottleneck" {
		return nil, fmt.Errorf("block %q: there are basic and bottleneck", c.Block)
	}
	return &ResNet{c, in}, nil
}

// Features implements Classifier.
func (m *ResNet) Features(b *layer.Builder, images *layer.Node) *layer.Node {
	b = b.Init(layer.KaimingFanOut, layer.Zeros)
	x := b.ReLU(convNorm(b, "1", images, layer.Conv{Out: m.WidthPerStage, Kernel: 7, Stride: 2, Pad: 3})) // [B, W, S/2, S/2]
	x = b.MaxPool2d(x, kernel.Pool2d{Kernel: 3, Stride: 2, Pad: 1})                                       // [B, W, S/4, S/4]
	in := m.WidthPerStage
	for stage, blocks := range m.Layers {
		width := m.WidthPerStage << stage
		for i := range blocks {
			stride := 1
			if stage > 0 && i == 0 {
				stride = 2
			}
			name := fmt.Sprintf("layer%d.%d", stage+1, i)
			x = b.Block(name, x, m.block(in, width, stride)) // [B, out, S/4>>stage, S/4>>stage]
			in = width * m.expansion()
		}
	}
	return b.Features("pre_logits", b.GlobalAvgPool2d(x)) // [B, out]
}

// expansion is the ratio of a block's output to its width.
func (m *ResNet) expansion() int {
	if m.Block == "basic" {
		return 1
	}
	return 4
}

// block is relu(shortcut(x) + branch(x)). The branch is 3x3, 3x3, or in a bottleneck 1x1, 3x3, 1x1, each with its norm.
func (m *ResNet) block(in, width, stride int) func(b *layer.Builder, x *layer.Node) *layer.Node {
	out := width * m.expansion()
	return func(b *layer.Builder, x *layer.Node) *layer.Node {
		var h *layer.Node
		if m.Block == "basic" {
			h = b.ReLU(convNorm(b, "1", x, layer.Conv{Out: width, Kernel: 3, Stride: stride, Pad: 1}))
			h = convNorm(b, "2", h, layer.Conv{Out: width, Kernel: 3, Pad: 1})
		} else {
			h = b.ReLU(convNorm(b, "1", x, layer.Conv{Out: width, Kernel: 1}))
			h = b.ReLU(convNorm(b, "2", h, layer.Conv{Out: width, Kernel: 3, Stride: stride, Pad: 1}))
			h = convNorm(b, "3", h, layer.Conv{Out: out, Kernel: 1})
		}
		h = b.Branch("residual", x, x, h)
		if in != out || stride != 1 {
			d := b.Sub("downsample")
			x = d.Conv2d("0", x, layer.Conv{Out: out, Kernel: 1, Stride: stride, NoBias: true})
			x = d.BatchNorm("1", x, resnetEps)
		}
		return b.ReLU(b.Add(h, x))
	}
}

// convNorm is the convolution conv<n> without bias, then the norm bn<n>.
func convNorm(b *layer.Builder, n string, x *layer.Node, c layer.Conv) *layer.Node {
	c.NoBias = true
	return b.BatchNorm("bn"+n, b.Conv2d("conv"+n, x, c), resnetEps)
}

// Head implements Classifier.
func (m *ResNet) Head(b *layer.Builder, features *layer.Node) *layer.Node {
	return b.Head().Linear("fc", features, m.NumClasses)
}

// ResetHead implements Classifier.
func (m *ResNet) ResetHead(classes int) Classifier {
	c := *m
	c.NumClasses = classes
	return &c
}

// Groups implements Classifier.
func (m *ResNet) Groups() []Group {
	groups := []Group{{"stem", []string{"conv1", "bn1"}}}
	for stage, blocks := range m.Layers {
		for i := range blocks {
			name := fmt.Sprintf("layer%d.%d", stage+1, i)
			groups = append(groups, Group{name, []string{name}})
		}
	}
	return append(groups, Group{"head", []string{"fc"}})
}

// NoDecay implements Classifier.
func (m *ResNet) NoDecay(string) bool { return false }

// Input implements Classifier.
func (m *ResNet) Input() Input { return m.in }

// Pool implements Classifier.
func (m *ResNet) Pool() string { return "avg" }

// Classes implements Classifier.
func (m *ResNet) Classes() int { return m.NumClasses }
