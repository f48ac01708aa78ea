"""diffusers' AutoencoderKL."""

import json

from diffusers import AutoencoderKL

from parity import HERE, Case, inputs

PUBLISHED = HERE.parent / "model" / "testdata"


def forward(module, images, noise):
    """Decodes mean + noise * logvar, so that gradients reach both halves of the moments."""
    mean, logvar = module.quant_conv(module.encoder(images)).chunk(2, dim=1)
    return module.decode(mean + noise * logvar).sample


def case(name, config, height, width, batch, taps, fixture=False):
    shrink = 2 ** (len(config["block_out_channels"]) - 1)
    arguments = {
        "images": inputs(1, "input.images", batch, 3, height, width, faint=False),
        "noise": inputs(1, "input.noise", batch, 4, height // shrink, width // shrink, faint=False),
    }
    build = lambda: AutoencoderKL.from_config(config)
    return Case(name, build, arguments, config, taps, fixture=fixture, vanishing=r"to_k\.bias$", forward=forward)


def tiny():
    config = dict(
        block_out_channels=[8, 12],
        down_block_types=["DownEncoderBlock2D"] * 2,
        up_block_types=["UpDecoderBlock2D"] * 2,
        layers_per_block=1,
        norm_num_groups=4,
    )
    taps = ["encoder.down_blocks.0", "encoder.mid_block", "quant_conv", "post_quant_conv", "decoder.mid_block", "decoder.up_blocks.0"]
    return case("tiny", config, 6, 10, 2, taps, fixture=True)


def real():
    config = json.loads((PUBLISHED / "stable_diffusion_v1_5_vae.json").read_text())
    taps = ["encoder.conv_in", *(f"encoder.down_blocks.{i}" for i in range(4)), "encoder.mid_block", "quant_conv"]
    taps += ["decoder.conv_in", "decoder.mid_block", *(f"decoder.up_blocks.{i}" for i in range(4))]
    return case("stable_diffusion_v1_5", config, 256, 256, 1, taps)


CASES = [tiny(), real()]
