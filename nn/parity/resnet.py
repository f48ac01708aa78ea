"""torchvision's ResNet."""

import torch
import torchvision
from torchvision.models.resnet import BasicBlock, Bottleneck

from parity import Case, inputs

TAPS = ["conv1", "layer1.0", "layer2.0", "layer4.0"]


def tiny(name, block, layers, width, train=False):
    def build():
        net = torchvision.models.ResNet(block, layers, num_classes=5)
        net.inplanes = width
        net.conv1 = torch.nn.Conv2d(3, width, 7, 2, 3, bias=False)
        net.bn1 = torch.nn.BatchNorm2d(width)
        for i, blocks in enumerate(layers):
            setattr(net, f"layer{i + 1}", net._make_layer(block, width << i, blocks, stride=min(i + 1, 2)))
        net.fc = torch.nn.Linear(net.inplanes, 5)
        return net

    config = {"block": "basic" if block is BasicBlock else "bottleneck", "layers": layers, "width": width, "num_classes": 5}
    return Case(name, build, {"images": inputs(1, "input.images", 3, 3, 33, 33)}, config, TAPS, fixture=True, train=train)


def real(name, train=False, batch=2):
    """In training, a batch norm takes away nearly all of a gradient that comes through the next one: only values are compared."""
    return Case(
        name + ("_train" if train else ""),
        lambda: getattr(torchvision.models, name)(num_classes=10),
        {"images": inputs(1, "input.images", batch, 3, 224, 224, faint=False)},
        {"variant": name, "classes": 10},
        TAPS,
        train=train,
        double=True,
        margin=0 if train else 8,
        gradients=not train,
    )


CASES = [
    tiny("basic", BasicBlock, [2, 1, 1, 1], 4),
    tiny("basic_train", BasicBlock, [1, 1, 1, 1], 4, train=True),
    tiny("bottleneck", Bottleneck, [1, 2, 1, 1], 3),
    real("resnet18"),
    real("resnet50"),
    real("resnet50", train=True),
]

KEYS = (lambda name: name in ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152"), lambda name, classes: getattr(torchvision.models, name)(num_classes=classes))
