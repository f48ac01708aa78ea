"""torchvision's DenseNet, and torchxrayvision's, which has its structure on one channel."""

import torch
import torchvision

from parity import Case, inputs

SMALL = {"growth_rate": 3, "block_config": [1, 2, 1, 2], "num_init_features": 6, "bn_size": 2, "num_classes": 5}


def create(name, classes):
    net = torchvision.models.densenet121(num_classes=classes)
    if name.startswith("densenet121-res224"):
        net.features.conv0 = torch.nn.Conv2d(1, 64, 7, 2, 3, bias=False)
    return net


def small(name, size, train=False):
    def build():
        net = torchvision.models.DenseNet(**SMALL)
        net.features.conv0 = torch.nn.Conv2d(1, 6, 7, 2, 3, bias=False)
        return net

    return Case(
        name,
        build,
        {"images": inputs(1, "input.images", 3, 1, size, size)},
        SMALL,
        ["features.denseblock1.denselayer1", "features.denseblock2.denselayer2", "features.transition2.conv", "features.norm5"],
        fixture=True,
        train=train,
        vanishing=r"norm0\.weight" if train else "",  # all that reads it normalises: beside a small bias, its scale is nothing
    )


CASES = [
    small("small", 34),
    small("small_train", 66, train=True),
    Case(
        "densenet121",
        lambda: create("densenet121", 10),
        {"images": inputs(1, "input.images", 2, 3, 224, 224, faint=False)},
        {"variant": "densenet121", "classes": 10},
        ["features.conv0", "features.denseblock1.denselayer1", "features.denseblock3.denselayer24", "features.norm5"],
        double=True,
        margin=6,
    ),
]

KEYS = (lambda name: name.startswith("densenet121"), create)
