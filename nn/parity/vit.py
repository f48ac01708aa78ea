"""timm's VisionTransformer."""

import timm
from timm.models.vision_transformer import VisionTransformer

from parity import Case, inputs

TAPS = ["patch_embed.proj", "blocks.0", "blocks.1", "norm"]


def tiny(name, **options):
    """Two narrow blocks; config has timm's argument names on both sides."""
    config = dict(patch_size=8, embed_dim=12, depth=2, num_heads=3, num_classes=5) | options

    def build():
        return VisionTransformer(img_size=24, in_chans=2, **config)

    return Case(name, build, {"images": inputs(1, "input.images", 3, 2, 24, 24)}, config | {"mlp_ratio": 4}, TAPS, fixture=True)


def real(name, taps=TAPS):
    size = 224
    return Case(
        name,
        lambda: timm.create_model(name, num_classes=10),
        {"images": inputs(1, "input.images", 2, 3, size, size)},
        {"variant": name, "classes": 10},
        taps,
    )


CASES = [tiny("plain"), real("vit_base_patch16_224")]
