"""Additive methods on transformers' CLIPTextModel: what causal attention and separate projections make of them. (IA)3 is the PEFT library's."""

import torch
from peft import IA3Config, LoraConfig, get_peft_model
from peft.tuners.ia3 import IA3Layer
from torch import nn

import clip_text
from parity import Case, matches
from vit_additive import Adapter, Vectors


def prefix(net, tokens):
    """Every query sees the prefix; the others are masked as before."""
    for layer in net.text_model.encoder.layers:
        attn = layer.self_attn
        attn.heads = Vectors(prefix_key=(tokens, attn.embed_dim), prefix_value=(tokens, attn.embed_dim))

        def forward(hidden_states, attn=attn, **_):
            q, k, v = (p(hidden_states) for p in (attn.q_proj, attn.k_proj, attn.v_proj))
            k = torch.cat([attn.heads.prefix_key.expand(len(k), -1, -1), k], 1)
            v = torch.cat([attn.heads.prefix_value.expand(len(v), -1, -1), v], 1)
            q, k, v = (t.unflatten(-1, (attn.num_heads, -1)).transpose(1, 2) for t in (q, k, v))
            scores = q @ k.transpose(-2, -1) * attn.scale
            later = torch.ones(scores.shape[-2:]).triu(tokens + 1).bool()
            p = scores.masked_fill(later, -torch.inf).softmax(-1)
            return attn.out_proj((p @ v).transpose(1, 2).flatten(2)), None

        attn.forward = forward
    return net


def adapter(net, bottleneck):
    def behind(_module, _args, out, a):
        return (a(out[0]), *out[1:]) if isinstance(out, tuple) else a(out)

    for layer in net.text_model.encoder.layers:
        for module in layer.self_attn, layer.mlp:
            module.adapter = Adapter(layer.embed_dim, bottleneck)
            module.register_forward_hook(lambda m, args, out: behind(m, args, out, m.adapter))
    return net


IA3 = IA3Config(target_modules=["k_proj", "v_proj", "fc2"], feedforward_modules=["fc2"])


def ia3(net):
    net = get_peft_model(net, IA3)
    for m in net.modules():
        if isinstance(m, IA3Layer):  # which flattens its vector
            m.ia3_l["default"] = nn.Parameter(torch.zeros(m.ia3_l["default"].numel()))
    return net


def lora(net, rank, alpha):
    return get_peft_model(net, LoraConfig(r=rank, lora_alpha=alpha, target_modules=["q_proj", "v_proj"]))


def ours(name):
    return name.replace("base_model.model.", "").replace(".base_layer", "").replace(".default", "")


def case(method, apply, pattern, plain=None, **options):
    """On the small network, or on a plain case of real size."""
    plain = plain or clip_text.tiny(method, hidden_act="quick_gelu")
    library = method in ("ia3", "lora")
    return Case(
        method if plain.fixture else f"{plain.name}_{method}",
        lambda: apply(plain.build(), **options),
        plain.inputs,
        plain.config,
        [("base_model.model." if library else "") + t for t in plain.taps],
        fixture=plain.fixture,
        method=method,
        options=options,
        trains=matches(pattern),
        rename=ours,
        forward=plain.forward,
    )


LARGE = clip_text.real("clip_vit_large_patch14_text")
CASES = [
    case("prefix", prefix, r"\.prefix_", tokens=2),
    case("adapter", adapter, r"\.adapter\.", bottleneck=3),
    case("ia3", ia3, r"ia3_l$"),
    case("lora", lora, r"lora_", rank=2, alpha=3),
    # of real size
    case("lora", lora, r"lora_", LARGE, rank=16, alpha=17),
    case("ia3", ia3, r"ia3_l$", LARGE),
]
