"""Writes torchvision.json beside this file: what torchvision makes of two small images, uint8 tensors, which augment_test.go compares."""

import json
import pathlib

import torch
import torchvision
from torchvision.transforms import InterpolationMode, autoaugment
from torchvision.transforms import functional as F

H, W = 11, 14


def picture(channels):
    """A gradient with a bright square and a dark one: edges to move, tones to stretch."""
    y, x = torch.meshgrid(torch.arange(H), torch.arange(W), indexing="ij")
    planes = []
    for c in range(channels):
        p = (40 + 9 * x + (5 + 3 * c) * y + (x * y * (c + 3)) % 23) % 230
        p[2:5, 3:7] = 240 - 30 * c
        p[7:10, 8:12] = 12 + 40 * c
        planes.append(p)
    return torch.stack(planes).to(torch.uint8)


def main():
    rand = autoaugment.RandAugment()
    out = {"torchvision": torchvision.__version__, "height": H, "width": W, "images": [], "cases": []}
    for channels in (1, 3):
        image = picture(channels)
        out["images"].append(image.flatten().tolist())

        def add(name, result, *args):
            out["cases"].append({"image": len(out["images"]) - 1, "name": name, "args": args, "pixels": result.flatten().tolist()})

        for magnitude in (9, 17, 30):
            for name, (values, signed) in rand._augmentation_space(31, (H, W)).items():
                value = float(values[magnitude]) if values.ndim else 0.0
                for sign in (1, -1)[: 1 + signed]:
                    result = autoaugment._apply_op(image, name, sign * value, InterpolationMode.NEAREST, None)
                    add(name, result, sign * magnitude)
        for factor in (-0.4, 0.1, 0.37):
            add("hue", F.adjust_hue(image, factor), factor)
        for box in ((0, 0, H, W), (2, 1, 6, 9), (4, 5, 3, 4), (0, 3, 11, 5)):
            add("crop", F.resized_crop(image, *box, [H, W], antialias=True), *box)
    path = pathlib.Path(__file__).with_name("torchvision.json")
    path.write_text(json.dumps(out, separators=(",", ":")).replace("},{", "},\n{") + "\n")


main()
