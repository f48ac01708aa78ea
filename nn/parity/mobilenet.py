"""Keras Applications' MobileNet-v1, written here for want of a PyTorch one: keras/src/applications/mobilenet.py."""

import torch
from torch import nn

from parity import Case, inputs

PAIRS = [(2, 1), (4, 2), (4, 1), (8, 2), (8, 1), (16, 2), (16, 1), (16, 1), (16, 1), (16, 1), (16, 1), (32, 2), (32, 1)]


class Same(nn.Conv2d):
    """TensorFlow's "same" padding: of two strides over an even side, the odd pixel lies below and to the right."""

    def forward(self, x):
        size, (kernel, _), (stride, _) = x.shape[-1], self.kernel_size, self.stride
        pad = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        before, after = pad // 2, pad - pad // 2
        return super().forward(nn.functional.pad(x, (before, after, before, after)))


class MobileNet(nn.Module):
    def __init__(self, channels, width, pairs, classes):
        super().__init__()
        self.body = []

        def add(name, conv):
            setattr(self, name, conv)
            setattr(self, name + "_bn", nn.BatchNorm2d(conv.out_channels, eps=1e-3))
            self.body.append(name)

        add("conv1", Same(channels, width, 3, 2, bias=False))
        last = width
        for i, (times, stride) in enumerate(PAIRS[:pairs], 1):
            add(f"conv_dw_{i}", Same(last, last, 3, stride, groups=last, bias=False))
            add(f"conv_pw_{i}", nn.Conv2d(last, times * width, 1, bias=False))
            last = times * width
        self.head = nn.Linear(last, classes)

    def forward(self, x):
        for name in self.body:
            x = nn.functional.relu6(getattr(self, name + "_bn")(getattr(self, name)(x)))
        return self.head(x.mean((2, 3)))


CASES = [
    Case(
        "small",
        lambda: MobileNet(1, 3, 6, 4),
        {"images": 5 * inputs(1, "input.images", 3, 1, 26, 26)},  # above 6, where ReLU6 ends
        {"width": 3, "pairs": 6, "num_classes": 4},
        ["conv1", "conv_dw_2", "conv_pw_6"],
        fixture=True,
    ),
    Case(
        "mobilenet_v1_224",
        lambda: MobileNet(3, 32, 13, 10),
        {"images": inputs(1, "input.images", 2, 3, 224, 224, faint=False)},
        {"variant": "mobilenet_v1_224", "classes": 10},
        ["conv1", "conv_dw_2", "conv_pw_6", "conv_pw_13"],
        double=True,
        margin=3,
    ),
]
