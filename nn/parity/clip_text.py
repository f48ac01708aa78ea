"""transformers' CLIPTextModel."""

import json

import numpy as np
from transformers import CLIPTextConfig, CLIPTextModelWithProjection

from parity import HERE, Case, matches, uniform

PUBLISHED = HERE.parent / "model" / "testdata"


def case(name, config, batch, tokens, taps, **options):
    """Ids are any but the marks, with the end mark, the last of the vocabulary, at another place in each row and behind it."""
    vocabulary = config["vocab_size"]
    ids = ((uniform(1, "input.ids", batch * tokens) + 1) / 2 * (vocabulary - 1)).astype(np.int64).reshape(batch, tokens)
    ends = tokens // 2 + np.arange(batch)
    for row, end in zip(ids, ends):
        row[end:] = vocabulary - 1

    def build():
        return CLIPTextModelWithProjection(CLIPTextConfig(**config, attn_implementation="eager"))

    def forward(module, ids):
        return module(ids).last_hidden_state

    taps = ["text_model." + t for t in taps]
    return Case(name, build, {"ids": ids}, config, taps, trains=matches("^text_model"), vanishing=r"k_proj\.bias$", forward=forward, **options)


def tiny(name, **options):
    config = dict(
        vocab_size=40,
        hidden_size=12,
        intermediate_size=20,
        num_hidden_layers=2,
        num_attention_heads=3,
        max_position_embeddings=9,
        projection_dim=7,
        eos_token_id=39,
    )
    taps = ["encoder.layers.0", "encoder.layers.1", "final_layer_norm"]
    return case(name, config | options, 3, 7, taps, fixture=True)


def real(name):
    config = json.loads((PUBLISHED / f"{name}.json").read_text())
    last = config["num_hidden_layers"] - 1
    return case(name, config, 2, 77, ["encoder.layers.0", f"encoder.layers.{last // 2}", f"encoder.layers.{last}"])


CASES = [
    tiny("quick_gelu", hidden_act="quick_gelu"),
    tiny("gelu", hidden_act="gelu"),
    real("clip_vit_large_patch14_text"),
    real("clip_vit_h_14_text"),
]
