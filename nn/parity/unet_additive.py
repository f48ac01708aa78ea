"""Additive and selective methods on diffusers' UNet2DConditionModel."""

import math

import torch
import torch.nn.functional as F
from diffusers.models.resnet import ResnetBlock2D
from peft import LoraConfig, get_peft_model
from torch import nn

import reparameterised
import unet
from parity import Case, matches
from vit_additive import AdaptMLP, Adapter, Convpass, Vectors, behind


def transformers(net):
    return [(n, m) for n, m in net.named_modules() if n.endswith("transformer_blocks.0")]


def branches(net):
    return [(block.norm1.normalized_shape[0], m) for _, block in transformers(net) for m in (block.attn1, block.attn2, block.ff)]


def difffit(net):
    """Raman1121/Diffusion_Memorization_HPO: eleven vectors a block."""

    def gamma(module, width):
        module.register_parameter("gamma", nn.Parameter(torch.zeros(width)))
        behind(module, lambda x, y, m=module: y * m.gamma)

    for width, module in branches(net):
        gamma(module, width)
        if hasattr(module, "to_q"):
            for m in module.to_q, module.to_k, module.to_v, module.to_out[0]:
                gamma(m, width)


def adapter(net, bottleneck):
    for width, module in branches(net):
        module.adapter = Adapter(width, bottleneck)
        behind(module, lambda x, y, m=module: m.adapter(y))


def adaptformer(net, bottleneck, scale, **_):
    """Beside the feed-forward, on what the block's last norm reads."""
    for _, block in transformers(net):
        ff = block.ff
        ff.adaptmlp = AdaptMLP(block.norm3.normalized_shape[0], bottleneck, scale)
        block.norm3.register_forward_pre_hook(lambda _m, args, ff=ff: setattr(ff, "seen", args[0]))
        behind(ff, lambda _x, y, m=ff: y + m.adaptmlp(m.seen))


def ssf(net):
    """Behind all that has a bias."""
    reparameterised.ssf([m for m in net.modules() if getattr(m, "bias", None) is not None])


def tsa(net):
    for m in net.modules():
        if isinstance(m, ResnetBlock2D):
            for conv in m.conv1, m.conv2:
                conv.register_parameter("tsa_alpha", nn.Parameter(torch.zeros(conv.out_channels, conv.in_channels, 1, 1)))
                behind(conv, lambda x, y, m=conv: y + F.conv2d(x, m.tsa_alpha))


def convpass(net, bottleneck, **_):
    for width, module in branches(net):
        module.convpass = Convpass(width, bottleneck, None)

        def add(x, y, m=module):
            m.convpass.grid = (math.isqrt(x.shape[1]),) * 2
            return y + m.convpass(x)

        behind(module, add)


def prefix(net, tokens):
    """The vectors hang under another name here, since attentions have a number of heads."""
    for width, module in branches(net):
        if not hasattr(module, "to_q"):
            continue
        module.learned = Vectors(prefix_key=(tokens, width), prefix_value=(tokens, width))

        def processor(attn, x, encoder_hidden_states=None, attention_mask=None):
            text = x if encoder_hidden_states is None else encoder_hidden_states
            q, k, v = attn.to_q(x), attn.to_k(text), attn.to_v(text)
            k = torch.cat([attn.learned.prefix_key.expand(len(k), -1, -1), k], 1)
            v = torch.cat([attn.learned.prefix_value.expand(len(v), -1, -1), v], 1)
            q, k, v = (t.unflatten(-1, (attn.heads, -1)).transpose(1, 2) for t in (q, k, v))
            p = (q @ k.transpose(-2, -1) * attn.scale).softmax(-1)
            return attn.to_out[0]((p @ v).transpose(1, 2).flatten(2))

        module.processor = processor


def ia3(net):
    def scale(module, width):
        module.register_parameter("ia3_l", nn.Parameter(torch.zeros(width)))

    for width, module in branches(net):
        if hasattr(module, "to_q"):
            for m in module.to_k, module.to_v:
                scale(m, width)
                behind(m, lambda x, y, m=m: y * m.ia3_l)
        else:
            last = module.net[2]
            scale(last, last.in_features)
            last.register_forward_pre_hook(lambda m, args: args[0] * m.ia3_l)


def case(method, apply, pattern, plain=None, without=None, vanishing="", **options):
    """On the small network, or on a plain case of real size."""
    plain = plain or unet.tiny(method, attention_head_dim=2)

    def build():
        net = plain.build()
        apply(net, **options)
        return net

    return Case(
        method if plain.fixture else f"{plain.name}_{method}",
        build,
        plain.inputs,
        plain.config,
        [t for t in plain.taps if "block" in t],
        fixture=plain.fixture,
        method=method,
        options=options,
        vanishing=vanishing,
        trains=lambda n: matches(pattern)(n) and not (without and matches(without)(n)),
        rename=lambda n: reparameterised.ours(n).replace(".learned.", ".heads."),
        forward=plain.forward,
    )


def lora(net, rank, alpha):
    """The PEFT library's, in place."""
    get_peft_model(net, LoraConfig(r=rank, lora_alpha=alpha, target_modules=["to_q", "to_v"]))


def selects(net):
    """Trains parameters that are there."""


VERSION1 = unet.real("stable_diffusion_v1_5")
CASES = [
    case("lora", lora, r"lora_", rank=2, alpha=1),
    case("bitfit", selects, r"bias$"),
    case("norm", selects, r"norm"),
    case("difffit", difffit, r"gamma$|norm|bias$"),
    case("adapter", adapter, r"\.adapter\.", bottleneck=3),
    case("convpass", convpass, r"\.convpass\.", bottleneck=3, dropout=0),
    case("prefix", prefix, r"prefix_", tokens=2),
    case("ia3", ia3, r"ia3_l$"),
    case("attention_blocks", selects, r"(^|\.)attentions\."),
    case("norm_bias_attention", selects, r"norm|bias$|(^|\.)attentions\."),
    case("attention", selects, r"\.attn[12]\."),
    case("group_norm", selects, r"(^|\.)(attentions\.\d\.norm|norm[12]|conv_norm_out)\.(weight|bias)$", without=r"transformer_blocks"),
    case("adaptformer", adaptformer, r"adaptmlp", bottleneck=3, scale=0.7, dropout=0),
    case("svdiff", reparameterised.svdiffs, r"svdiff_", vanishing=r"norm\w*\.svdiff_delta", scale=-0.1),  # a gain's one shift, which later norms take away in part
    case("ssf", ssf, r"ssf_"),
    case("tsa", tsa, r"tsa_alpha"),
    # of real size
    case("lora", lora, r"lora_", VERSION1, rank=16, alpha=27),
    case("bitfit", selects, r"bias$", VERSION1),
    case("norm", selects, r"norm", VERSION1),
    case("difffit", difffit, r"gamma$|norm|bias$", VERSION1),
    case("attention_blocks", selects, r"(^|\.)attentions\.", VERSION1),
]
