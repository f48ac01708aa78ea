"""diffusers' UNet2DConditionModel, as Stable Diffusion 1.x and 2.x configure it."""

import json

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.embeddings import get_timestep_embedding

from parity import HERE, Case, inputs

PUBLISHED = HERE.parent / "model" / "testdata"


def forward(module, sample, time, text):
    """The features of the timesteps are an input, so that float32's rounding of them is not compared."""
    module.time_proj.forward = lambda timesteps: time
    return module(sample, 0, text).sample


def case(name, config, side, batch, tokens, timesteps, taps, fixture=False):
    width = config["block_out_channels"][0]
    time = get_timestep_embedding(torch.tensor(timesteps).double(), width, flip_sin_to_cos=True, downscale_freq_shift=0)
    arguments = {
        "sample": inputs(1, "input.sample", batch, 4, side, side, faint=fixture),
        "time": time.float().numpy(),
        "text": inputs(1, "input.text", batch, tokens, config["cross_attention_dim"], faint=False),
    }
    build = lambda: UNet2DConditionModel.from_config(config)
    return Case(name, build, arguments, config, taps, fixture=fixture, forward=forward)


def tiny(name, **options):
    config = dict(
        sample_size=6,
        block_out_channels=[8, 12],
        down_block_types=["CrossAttnDownBlock2D", "DownBlock2D"],
        up_block_types=["UpBlock2D", "CrossAttnUpBlock2D"],
        layers_per_block=1,
        cross_attention_dim=10,
        norm_num_groups=4,
    )
    taps = ["conv_in", "down_blocks.0", "mid_block", "up_blocks.0", "up_blocks.1"]
    return case(name, config | options, 6, 3, 5, [3, 500, 999], taps, fixture=True)


def real(name):
    config = json.loads((PUBLISHED / f"{name}_unet.json").read_text())
    taps = ["conv_in", *(f"down_blocks.{i}" for i in range(4)), "mid_block", *(f"up_blocks.{i}" for i in range(4))]
    return case(name, config, 32, 1, 77, [321], taps)


CASES = [
    tiny("version1", attention_head_dim=2),
    tiny("version2", attention_head_dim=[2, 4], use_linear_projection=True, upcast_attention=True),
    real("stable_diffusion_v1_5"),
    real("stable_diffusion_2_1"),
]
