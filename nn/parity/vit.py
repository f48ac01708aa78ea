"""timm's VisionTransformer."""

import functools

import timm
import torch
from timm.models.vision_transformer import VisionTransformer

from parity import Case, inputs


def tiny(name, norm="norm", **options):
    """Two narrow blocks. The config has timm's argument names on both sides, and norm_eps."""
    config = dict(patch_size=8, embed_dim=12, depth=2, num_heads=3, num_classes=5) | options

    def build():
        arguments = dict(config)
        eps = arguments.pop("norm_eps", 1e-6)
        return VisionTransformer(img_size=24, in_chans=2, norm_layer=functools.partial(torch.nn.LayerNorm, eps=eps), **arguments)

    taps = ["patch_embed.proj", "blocks.0", "blocks.1", norm]
    return Case(name, build, {"images": inputs(1, "input.images", 3, 2, 24, 24)}, config, taps, fixture=True)


def real(name, batch=2, size=224):
    return Case(
        name,
        lambda: timm.create_model(name, num_classes=10),
        {"images": inputs(1, "input.images", batch, 3, size, size)},
        {"variant": name, "classes": 10},
        ["patch_embed.proj", "blocks.0", "blocks.6", "norm"],
    )


CASES = [
    tiny("plain"),
    tiny("mae", norm="fc_norm", global_pool="avg"),
    tiny("clip", pre_norm=True, norm_eps=1e-5, act_layer="quick_gelu"),
    tiny("registers", init_values=1e-5, reg_tokens=2, no_embed_class=True),
    tiny("layer_scale", init_values=1e-5, reg_tokens=1),
    real("vit_base_patch16_224"),
    real("vit_base_patch16_224.mae"),
    real("vit_base_patch16_clip_quickgelu_224"),
    real("vit_small_patch14_reg4_dinov2", batch=2, size=518),
]

KEYS = (lambda name: name.startswith("vit_") and "_224" in name or "dinov2" in name, lambda name, classes: timm.create_model(name, num_classes=classes))
