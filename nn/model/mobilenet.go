package model

import (
	"fmt"

	"github.com/pipe-ml/pipe/nn/layer"
)

// MobileNet is MobileNet-v1 (Howard et al. 2017, arXiv:1704.04861) as Keras Applications builds it: a strided
// convolution, then pairs of a depthwise 3x3 and a pointwise 1x1 convolution, each with BatchNorm of
// epsilon 1e-3 and ReLU6, strided ones padded as TensorFlow's "same" does (the odd pixel below and to
// the right). Paths are Keras' layer names; parameters are named as in PyTorch. nn/checkpoint reads the
// published TF.js weights. The full network has 13 pairs; the trunk ends after conv_pw_12, where the copy of the
// weights at hand ends. The head is a linear map of the pooled features.
type MobileNet struct {
	MobileNetConfig
	in Input
}

// MobileNetConfig chooses width and depth.
type MobileNetConfig struct {
	Width      int `json:"width"` // channels of conv1; 32 is alpha 1.0
	Pairs      int `json:"pairs"` // 1 to 13
	NumClasses int `json:"num_classes"`
}

const mobilenetEps = 1e-3

// mobilenetPairs are the depthwise-pointwise pairs: output channels over Width, and the stride.
var mobilenetPairs = [13]struct{ widths, stride int }{
	{2, 1}, {4, 2}, {4, 1}, {8, 2}, {8, 1}, {16, 2},
	{16, 1}, {16, 1}, {16, 1}, {16, 1}, {16, 1}, {32, 2}, {32, 1},
}

func init() {
	row := func(name string, from Source, params int, in Input, c MobileNetConfig, doc string) Variant {
		return Variant{Name: name, Kind: CNN, Params: params, Input: in, Doc: doc, Source: from,
			make: func(in Input, classes int, _ string) (Classifier, error) {
				c := c
				c.NumClasses = classes
				return NewMobileNet(c, in)
			}}
	}
	keras := Source{"Keras", "TensorFlow.js: model.json and its shards"}
	register(
		row("mobilenet_v1_trunk_224", keras, 2_145_088, input(224, 3), MobileNetConfig{Width: 32, Pairs: 12},
			"MobileNet-v1 1.0 up to conv_pw_12, the depth of the published weights at hand"),
		row("mobilenet_v1_224", keras, 3_206_976, input(224, 3), MobileNetConfig{Width: 32, Pairs: 13},
			"Keras Applications' MobileNet-v1 1.0"),
		row("mobilenet_v1_micro_64", untrained, 144_064, input(64, 1), MobileNetConfig{Width: 8, Pairs: 12},
			"a quarter as wide, at 64 pixels: for quick studies"),
	)
}

// NewMobileNet is a MobileNet of any width and depth.
func NewMobileNet(c MobileNetConfig, in Input) (*MobileNet, error) {
	if c.Pairs < 1 || c.Pairs > len(mobilenetPairs) {
		return nil, fmt.Errorf("%d pairs: there are 1 to %d", c.Pairs, len(mobilenetPairs))
	}
	return &MobileNet{c, in}, nil
}

// Features implements Classifier.
func (m *MobileNet) Features(b *layer.Builder, images *layer.Node) *layer.Node {
	b = b.Init(layer.KaimingFanOut, layer.Zeros)
	x := strided(b, "conv1", images, layer.Conv{Out: m.Width, Kernel: 3, Stride: 2}) // [B, W, S/2, S/2]
	x = b.ReLU6(b.BatchNorm("conv1_bn", x, mobilenetEps))
	for i, p := range mobilenetPairs[:m.Pairs] {
		x = pair(b, i+1, x, p.widths*m.Width, p.stride)
	}
	return b.Features("pre_logits", b.GlobalAvgPool2d(x)) // [B, 32W]
}

// pair is the depthwise convolution number i with its pointwise one. It has no shortcut; the branch that it declares is the whole pair
// up to its last activation.
func pair(b *layer.Builder, i int, x *layer.Node, out, stride int) *layer.Node {
	if x == nil {
		return nil
	}
	in := x.Shape()[1]
	dw, pw := fmt.Sprintf("conv_dw_%d", i), fmt.Sprintf("conv_pw_%d", i)
	y := strided(b, dw, x, layer.Conv{Out: in, Kernel: 3, Stride: stride, Groups: in})
	y = b.ReLU6(b.BatchNorm(dw+"_bn", y, mobilenetEps))
	y = b.Conv2d(pw, y, layer.Conv{Out: out, Kernel: 1, NoBias: true})
	y = b.BatchNorm(pw+"_bn", y, mobilenetEps)
	return b.ReLU6(b.BranchWithoutSum(fmt.Sprintf("pairs.%d", i), x, x, y))
}

// strided is a 3x3 convolution without bias under "same" padding.
func strided(b *layer.Builder, name string, x *layer.Node, c layer.Conv) *layer.Node {
	c.NoBias, c.Pad = true, 1
	if c.Stride == 2 && x != nil && x.Shape()[2]%2 == 0 {
		c.Pad, c.PadEnd = 0, 1
	}
	return b.Conv2d(name, x, c)
}

// Head implements Classifier.
func (m *MobileNet) Head(b *layer.Builder, features *layer.Node) *layer.Node {
	return b.Head().Linear("head", features, m.NumClasses)
}

// ResetHead implements Classifier.
func (m *MobileNet) ResetHead(classes int) Classifier {
	c := *m
	c.NumClasses = classes
	return &c
}

// Groups implements Classifier.
func (m *MobileNet) Groups() []Group {
	groups := []Group{{"stem", []string{"conv1", "conv1_bn"}}}
	for i := range m.Pairs {
		dw, pw := fmt.Sprintf("conv_dw_%d", i+1), fmt.Sprintf("conv_pw_%d", i+1)
		groups = append(groups, Group{fmt.Sprintf("pairs.%d", i+1), []string{dw, dw + "_bn", pw, pw + "_bn"}})
	}
	return append(groups, Group{"head", []string{"head"}})
}

// NoDecay implements Classifier.
func (m *MobileNet) NoDecay(string) bool { return false }

// Input implements Classifier.
func (m *MobileNet) Input() Input { return m.in }

// Pool implements Classifier.
func (m *MobileNet) Pool() string { return "avg" }

// Classes implements Classifier.
func (m *MobileNet) Classes() int { return m.NumClasses }
