"""The Inception-v3 of FID: torchvision's network with the differences of the one that TensorFlow published in 2015, as pytorch-fid
lists them (pytorch_fid/inception.py): averages over the pixels inside, and a maximum in the last block."""

import torch
from torch import nn
from torch.nn import functional
from torchvision.models import inception

from parity import Case, inputs


class Inside:
    """Stands in for torch.nn.functional: its avg_pool2d does not count padding."""

    def __getattr__(self, name):
        return getattr(functional, name)

    def avg_pool2d(self, *arguments, **named):
        return functional.avg_pool2d(*arguments, **named, count_include_pad=False)


class Maximum(Inside):
    """Takes maxima for averages."""

    def avg_pool2d(self, *arguments, **named):
        return functional.max_pool2d(*arguments, **named)


def with_pools(block, pools):
    """The block with other pools, which it finds in its module under the name F."""
    forward = block.forward

    def changed(x):
        inception.F, kept = pools, inception.F
        try:
            return forward(x)
        finally:
            inception.F = kept

    block.forward = changed


def create(width, classes, channels=3):
    """The network with as many channels as the published one times width / 32, and without its second head."""

    def unit(inputs, outputs, **named):
        inputs = channels if inputs == 3 else inputs * width // 32
        return inception.BasicConv2d(inputs, outputs * width // 32, **named)

    def block(kind):
        return lambda *arguments, **named: kind(*arguments, **named, conv_block=unit)

    kinds = [inception.InceptionA, inception.InceptionB, inception.InceptionC, inception.InceptionD, inception.InceptionE]
    blocks = [unit, *map(block, kinds), inception.InceptionAux]
    net = inception.Inception3(classes, aux_logits=False, inception_blocks=blocks, init_weights=False, dropout=0)
    net.fc = nn.Linear(2048 * width // 32, classes)
    for name, module in net.named_children():
        if name.startswith("Mixed"):
            with_pools(module, Maximum() if name == "Mixed_7c" else Inside())
    return net


TAPS = ["Conv2d_1a_3x3.conv", "Mixed_5b", "Mixed_6b", "Mixed_7b", "Mixed_7c"]

CASES = [
    Case(
        "small",
        lambda: create(2, 3, channels=1),
        {"images": inputs(1, "input.images", 2, 1, 75, 75)},
        {"width": 2, "num_classes": 3},
        TAPS[1:],
        fixture=True,
        seed=5,  # with which none of the 1 or 2 channels of a branch is dead
    ),
    Case(
        "inception_v3_fid",
        lambda: create(32, 10),
        {"images": inputs(1, "input.images", 2, 3, 299, 299)},
        {"variant": "inception_v3_fid", "classes": 10},
        TAPS,
        gradients=False,  # of 2 million maxima, some are decided by the last bit
    ),
]

KEYS = (lambda name: name == "inception_v3_fid", lambda name, classes: create(32, classes))
