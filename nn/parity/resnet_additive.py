"""On torchvision's ResNet: TinyTL's lite residual modules, after mit-han-lab/tinyml, and methods that train parameters that are there."""

import dataclasses

import torch
import torch.nn.functional as F
from torch import nn

import resnet
from parity import Case, inputs, matches


class LiteResidual(nn.Module):
    """Its batch norms normalise by the batch and learn their statistics, whatever the network's do."""

    def __init__(self, channels, out, side, stride, expand=1.0, groups=2, kernel=5):
        super().__init__()
        side //= 2
        if side <= 1:
            kernel, self.pool = 1, nn.AdaptiveAvgPool2d(1)
        else:
            self.pool = nn.AvgPool2d(2, 2)
            while side < kernel:
                kernel -= 2
        middle = max(8, int(channels * expand + 4) // 8 * 8)
        middle += 8 * (middle < 0.9 * channels * expand)
        self.conv1 = nn.Conv2d(channels, middle, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.bn1 = nn.BatchNorm2d(middle)
        self.conv2 = nn.Conv2d(middle, out, 1, bias=False)
        self.final_bn = nn.BatchNorm2d(out)

    def train(self, mode=True):
        return super().train()

    def forward(self, x, size):
        x = self.final_bn(self.conv2(F.relu(self.bn1(self.conv1(self.pool(x))))))
        return F.interpolate(x, size, mode="bilinear")


def wrap(net, size, **options):
    side = -(-size // 4)
    for stage in net.layer1, net.layer2, net.layer3, net.layer4:
        for block in stage:
            bottleneck = hasattr(block, "conv3")
            last = block.bn3 if bottleneck else block.bn2
            stride = (block.conv2 if bottleneck else block.conv1).stride[0]
            block.residual = nn.Module()
            block.residual.lite_residual = LiteResidual(block.conv1.in_channels, last.num_features, side, stride, **options)
            block.register_forward_pre_hook(lambda m, args: setattr(m, "seen", args[0]))
            last.register_forward_hook(lambda m, args, y, b=block: y + b.residual.lite_residual(b.seen, y.shape[2:]))
            side = -(-side // stride)
    return net


def lite(case, size, batch, **options):
    plain = case.build
    return Case(
        case.name + "_lite_residual",
        lambda: wrap(plain(), size, **options),
        {"images": inputs(1, "input.images", batch, 3, size, size, faint=False)},  # the modules normalise by the batch, at last of a number a sample
        case.config,
        [t for t in case.taps if t != "conv1"],
        fixture=case.fixture,
        double=case.double,
        margin=case.margin,
        vanishing=r"lite_residual\.bn1\.bias" if case.margin else "",  # shifts that the next norm takes away where no ReLU cuts
        method="lite_residual",
        options=options,
        trains=lambda n: "lite_residual" in n or n.startswith("fc."),
    )


def selects(method, pattern, **options):
    """Of six images of 17 x 17, for batch norms in training mode are among them."""
    plain = resnet.tiny(method, resnet.BasicBlock, [1, 1, 1, 1], 4, train=method == "batch_norm")
    images = {"images": inputs(1, "input.images", 6, 3, 17, 17, faint=False)}
    return dataclasses.replace(plain, inputs=images, method=method, options=options, trains=matches(pattern + r"|^fc\."))


CASES = [
    selects("batch_norm", r"bn\d|downsample\.1"),
    selects("norm", r"bn\d|downsample\.1"),
    selects("bitfit", r"bias$"),
    lite(resnet.tiny("basic", resnet.BasicBlock, [2, 1, 1, 1], 4), 25, 6),
    lite(resnet.real("resnet18"), 224, 4),  # of ResNet-50's gradients here float32 knows two digits: torch's own differ from float64 by 8e-3
]
