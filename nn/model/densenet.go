package model

import (
	"fmt"

	"github.com/pipe-ml/pipe/accel/kernel"
	"github.com/pipe-ml/pipe/nn/layer"
)

// DenseNet is torchvision's DenseNet-BC (Huang et al. 2017, arXiv:1608.06993): each layer of a block reads what all layers before
// it made. It loads the checkpoints of torchvision, timm and torchxrayvision (Cohen et al. 2022, arXiv:2111.00595; one channel from -1024 to
// 1024, 18 findings) by their keys. BatchNorm's epsilon is 1e-5.
type DenseNet struct {
	DenseNetConfig
	in Input
}

// DenseNetConfig has torchvision's argument names.
type DenseNetConfig struct {
	GrowthRate      int    `json:"growth_rate"`       // channels that a layer adds
	BlockConfig     [4]int `json:"block_config"`      // layers of each block
	NumInitFeatures int    `json:"num_init_features"` // channels of the stem
	BNSize          int    `json:"bn_size"`           // of a layer's bottleneck, by GrowthRate
	NumClasses      int    `json:"num_classes"`
}

const densenetEps = 1e-5

func init() {
	densenet121 := DenseNetConfig{GrowthRate: 32, BlockConfig: [4]int{6, 12, 24, 16}, NumInitFeatures: 64, BNSize: 4}
	row := func(name string, from Source, params int, in Input, doc string) Variant {
		return Variant{Name: name, Kind: CNN, Params: params, Input: in, Doc: doc, Source: from,
			make: func(in Input, classes int, _ string) (Classifier, error) {
				c := densenet121
				c.NumClasses = classes
				return NewDenseNet(c, in)
			}}
	}
	// (x/255 - 1/2) * 2048 is torchxrayvision's range.
	film := Input{Size: 224, Channels: 1, Mean: []float32{.5}, Std: []float32{1. / 2048}}
	register(
		row("densenet121", torchvision("densenet121.ra_in1k"), 6_953_856, imageNet, "torchvision's densenet121"),
		row("densenet121-res224-all", Source{"torchxrayvision", "its file converted to safetensors"}, 6_947_584, film, "torchxrayvision's DenseNet of chest radiographs"),
	)
}

// NewDenseNet is a DenseNet of any width and depth.
func NewDenseNet(c DenseNetConfig, in Input) (*DenseNet, error) {
	if c.GrowthRate < 1 || c.BNSize < 1 || c.NumInitFeatures < 1 {
		return nil, fmt.Errorf("growth rate %d, bottleneck of %d, %d channels of the stem: want 1 or more", c.GrowthRate, c.BNSize, c.NumInitFeatures)
	}
	return &DenseNet{c, in}, nil
}

// Features implements Classifier.
func (m *DenseNet) Features(b *layer.Builder, images *layer.Node) *layer.Node {
	b = b.Init(layer.KaimingFanIn, layer.Zeros)
	f := b.Sub("features")
	x := f.Conv2d("conv0", images, layer.Conv{Out: m.NumInitFeatures, Kernel: 7, Stride: 2, Pad: 3, NoBias: true}) // [B, C, S/2, S/2]
	x = f.ReLU(f.BatchNorm("norm0", x, densenetEps))
	x = f.MaxPool2d(x, kernel.Pool2d{Kernel: 3, Stride: 2, Pad: 1}) // [B, C, S/4, S/4]
	channels := m.NumInitFeatures
	for i, layers := range m.BlockConfig {
		for k := range layers {
			y := b.Block(fmt.Sprintf("features.denseblock%d.denselayer%d", i+1, k+1), x, m.layer)
			x = b.Concat(1, x, y)
		}
		channels += layers * m.GrowthRate
		if i < len(m.BlockConfig)-1 {
			channels /= 2
			x = transition(f.Sub(fmt.Sprintf("transition%d", i+1)), x, channels) // [B, C, S/4>>i+1, S/4>>i+1]
		}
	}
	x = b.GlobalAvgPool2d(b.ReLU(f.BatchNorm("norm5", x, densenetEps)))
	return b.Features("pre_logits", x) // [B, C]
}

// layer makes GrowthRate channels of all that there are: a bottleneck, then a 3x3 convolution, each behind its norm.
func (m *DenseNet) layer(b *layer.Builder, x *layer.Node) *layer.Node {
	y := b.ReLU(b.BatchNorm("norm1", x, densenetEps))
	y = b.Conv2d("conv1", y, layer.Conv{Out: m.BNSize * m.GrowthRate, Kernel: 1, NoBias: true})
	y = b.ReLU(b.BatchNorm("norm2", y, densenetEps))
	y = b.Conv2d("conv2", y, layer.Conv{Out: m.GrowthRate, Kernel: 3, Pad: 1, NoBias: true})
	return b.BranchWithoutSum("dense", x, x, y)
}

// transition halves channels and sides.
func transition(b *layer.Builder, x *layer.Node, out int) *layer.Node {
	x = b.ReLU(b.BatchNorm("norm", x, densenetEps))
	x = b.Conv2d("conv", x, layer.Conv{Out: out, Kernel: 1, NoBias: true})
	return b.AvgPool2d(x, kernel.Pool2d{Kernel: 2, Stride: 2})
}

// Head implements Classifier.
func (m *DenseNet) Head(b *layer.Builder, features *layer.Node) *layer.Node {
	return b.Head().Linear("classifier", features, m.NumClasses)
}

// ResetHead implements Classifier.
func (m *DenseNet) ResetHead(classes int) Classifier {
	c := *m
	c.NumClasses = classes
	return &c
}

// Groups implements Classifier.
func (m *DenseNet) Groups() []Group {
	groups := []Group{{"stem", []string{"features.conv0", "features.norm0"}}}
	for i, layers := range m.BlockConfig {
		for k := range layers {
			name := fmt.Sprintf("features.denseblock%d.denselayer%d", i+1, k+1)
			groups = append(groups, Group{name, []string{name}})
		}
		if i < len(m.BlockConfig)-1 {
			name := fmt.Sprintf("features.transition%d", i+1)
			groups = append(groups, Group{name, []string{name}})
		}
	}
	return append(groups, Group{"head", []string{"features.norm5", "classifier"}})
}

// NoDecay implements Classifier.
func (m *DenseNet) NoDecay(string) bool { return false }

// Input implements Classifier.
func (m *DenseNet) Input() Input { return m.in }

// Pool implements Classifier.
func (m *DenseNet) Pool() string { return "avg" }

// Classes implements Classifier.
func (m *DenseNet) Classes() int { return m.NumClasses }
