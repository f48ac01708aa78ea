package peft

import (
	"fmt"

	"github.com/pipe-ml/pipe/accel/kernel"
	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
)

// LiteResidual adds a lite residual module beside each branch of a CNN: y + upsample(bn(conv1x1(relu(bn(conv5x5(avgpool(x))))))), at half the
// resolution, with a grouped convolution that has the branch's stride.
//
// Where the halved image is smaller than the window, the window shrinks to it, and where one pixel is left, it is the mean of the image under a
// 1x1 convolution. The last gain starts at 0, so that step 0 equals the frozen model. The modules' own batch norms normalise by the batch
// and learn their statistics; those of the network stay frozen.
//
// Paper: Cai et al. 2020 (TinyTL), arXiv:2007.11622; reference code mit-han-lab/tinyml: 2 groups, expansion 1, 5x5, downsampling 2, Kaiming
// (fan-out) convolutions; middle channels are a multiple of 8. The method is that code's tinytl-lite_residual. Deviations: its default also trains
// biases and then freezes the last shift; it replaces batch norms by group norms and standardises weights, for which it pretrains anew; it
// decides the windows for images of 256 pixels, here by the sizes at hand. A branch is a residual block's up to the sum, and a pair of MobileNet-v1,
// which has no shortcut, up to its last activation, as that code wraps blocks without shortcut too. The ReLU forbids merging.
//
// The code's networks are narrow where the modules stand (ProxylessNAS). Beside the wide ends of bottlenecks, dense layers and MobileNet-v1's pairs
// the modules hold more weights than the network itself (up to 216 million beside ResNet-50's 24, fewer where windows shrink): that is refused, and a smaller expansion is the remedy.
//
// Counts: ResNet-18 3,912,320; ResNet-50 refused, 9,368,944 with expand = 0.0625.
//
// Learning rate: that of bitfit on CNNs; the code's is 0.05 for Adam at first.
type LiteResidual struct {
	Groups int     `pipe:"groups" default:"2" min:"1" doc:"groups of the first convolution"`
	Expand float64 `pipe:"expand" default:"1" min:"0.01" doc:"middle channels over input channels"`
	Kernel int     `pipe:"kernel" default:"5" min:"1" doc:"side of the first convolution's window, odd"`
}

// liteDownsample is how much smaller the modules' images are.
const liteDownsample = 2

func init() {
	register(Method{
		Name: "lite_residual", Title: "Lite residual (TinyTL)", Formula: "x + f(x) + up(bn(conv1x1(relu(bn(conv5x5(pool(x)))))))", Paper: "arXiv:2007.11622",
		Step0: Equal, Merge: None, Statistics: layer.FrozenStatistics, PEFTType: "LITE_RESIDUAL",
		Rates: Rates{model.CNN: 1e-2},
		New:   func() Config { return &LiteResidual{} },
	})
}

// Apply implements Config.
func (c *LiteResidual) Apply(s layer.Sites) ([]layer.Edit, error) {
	if c.Kernel%2 == 0 {
		return nil, fmt.Errorf("kernel: a window of %d has no centre, it must be odd", c.Kernel)
	}
	if len(ofKind(s, func(x layer.Site) bool { return x.Kind == layer.KindBatchNorm })) == 0 {
		return nil, nil // a U-Net: it has no batch statistics to go by
	}
	attentions, feedForwards := parts(s)
	transformer := map[string]bool{}
	for _, p := range append(attentions, feedForwards...) {
		transformer[p.Path] = true
	}
	branches := ofKind(s, func(x layer.Site) bool { return x.Kind == layer.KindBranch && !transformer[x.Path] })
	var channels []int
	for _, x := range branches {
		channels = append(channels, x.In)
	}
	var edits []layer.Edit
	size, body := 0, 0
	for _, x := range branches {
		if x.In%c.Groups != 0 {
			return nil, unfit("groups", "%d do not divide the %d channels of %s: %d divide those of all", c.Groups, x.In, x.Path, commonDivisor(channels, c.Groups))
		}
		middle := c.middle(x.In)
		size += middle*(x.In/c.Groups*c.Kernel*c.Kernel+2+x.Out) + 2*x.Out
		edits = append(edits, layer.Parallel{Site: x.Path, Fn: func(b *layer.Builder, in *layer.Node) *layer.Node { return c.module(b, in, x.Out) }})
	}
	for _, p := range s.Params {
		if !p.Buffer {
			body += p.Len()
		}
	}
	if size > body {
		return nil, unfit("expand", "lite residual modules of up to %d weights beside a network of %d: lower expand or kernel, or raise groups", size, body)
	}
	return edits, nil
}

// middle is the number of middle channels for in.
func (c *LiteResidual) middle(in int) int { return divisible(float64(float64(in)*c.Expand), 8) }

// module maps x [B, C, H, W] to [B, out, OH, OW], the grid of b.
func (c *LiteResidual) module(b *layer.Builder, x *layer.Node, out int) *layer.Node {
	height, width := b.Grid()
	in, h, w := x.Shape()[1], x.Shape()[2], x.Shape()[3]
	b = b.Sub("lite_residual").Init(layer.KaimingFanOut, layer.Zeros)
	conv := layer.Conv{Out: c.middle(in), Kernel: c.Kernel, Stride: (h + height - 1) / height, Groups: c.Groups, NoBias: true}
	if side := min(h, w) / liteDownsample; side <= 1 {
		x = b.Reshape(b.GlobalAvgPool2d(x), x.Shape()[0], in, 1, 1)
		conv.Kernel = 1
	} else {
		x = b.AvgPool2d(x, kernel.Pool2d{Kernel: liteDownsample, Stride: liteDownsample})
		for side < conv.Kernel {
			conv.Kernel -= 2
		}
	}
	conv.Pad = conv.Kernel / 2
	x = b.ReLU(b.BatchNorm("bn1", b.Conv2d("conv1", x, conv), 1e-5))
	x = b.Conv2d("conv2", x, layer.Conv{Out: out, Kernel: 1, NoBias: true})
	x = b.BatchNorm("final_bn", x, 1e-5, layer.WithInit(layer.Zeros, layer.Zeros))
	return b.UpsampleBilinear2d(x, height, width)
}

// divisible rounds n to a multiple of by, not below nine tenths of n.
func divisible(n float64, by int) int {
	r := max(by, int(n+float64(by)/2)/by*by)
	if float64(r) < float64(.9*n) {
		r += by
	}
	return r
}
