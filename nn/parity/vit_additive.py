"""Additive and selective fine-tuning methods on timm's VisionTransformer, written from their papers and reference code.

The modules hang where our parameters do, so that their names are ours. What the papers leave open is as the published code has it, dropout apart.
"""

import re

import timm
import torch
import torch.nn.functional as F
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from parity import Case, inputs


class Vectors(nn.Module):
    """Parameters by name and shape."""

    def __init__(self, **shapes):
        super().__init__()
        for name, shape in shapes.items():
            self.register_parameter(name, nn.Parameter(torch.zeros(shape)))


def behind(module, f):
    """Puts f behind what the module computes, f being given input and output."""
    module.register_forward_hook(lambda m, args, y: f(args[0], y))


class Adapter(nn.Module):
    """Houlsby et al. 2019 (google-research/adapter-bert)."""

    def __init__(self, dim, bottleneck):
        super().__init__()
        self.down, self.up = nn.Linear(dim, bottleneck), nn.Linear(bottleneck, dim)

    def forward(self, x):
        return x + self.up(F.gelu(self.down(x)))


def adapter(net, dim, bottleneck=64, style="houlsby"):
    for block in net.blocks:
        for module in [block.mlp] if style == "pfeiffer" else [block.attn, block.mlp]:
            module.adapter = Adapter(dim, bottleneck)
            behind(module, lambda x, y, m=module: m.adapter(y))


class AdaptMLP(nn.Module):
    """Chen et al. 2022 (ShoufaChen/AdaptFormer), without its residual."""

    def __init__(self, dim, bottleneck, scale):
        super().__init__()
        self.down_proj, self.up_proj, self.scale = nn.Linear(dim, bottleneck), nn.Linear(bottleneck, dim), scale

    def forward(self, x):
        return self.up_proj(F.relu(self.down_proj(x))) * self.scale


def adaptformer(net, dim, bottleneck=64, scale=0.1, **_):
    for block in net.blocks:
        block.mlp.adaptmlp = AdaptMLP(dim, bottleneck, scale)

        def forward(x, block=block, **_):
            x = x + block.attn(block.norm1(x))
            return x + (block.mlp(block.norm2(x)) + block.mlp.adaptmlp(x))

        block.forward = forward


def vpt(net, dim, tokens=5, deep=True):
    """Jia et al. 2022 (KMnP/vpt): prompts behind the class token, which deep ones replace before each further block. Nothing takes them away
    behind the last, since the head reads the class token."""
    for i, block in enumerate(net.blocks if deep else net.blocks[:1]):
        block.register_parameter("prompt_embeddings", nn.Parameter(torch.zeros(1, tokens, dim)))

        def insert(m, args, first=i == 0):
            x, prompts = args[0], m.prompt_embeddings.expand(len(args[0]), -1, -1)
            return (torch.cat([x[:, :1], prompts, x[:, 1 if first else 1 + tokens :]], 1), *args[1:])

        block.register_forward_pre_hook(insert)


class PHMLinear(nn.Module):
    """Compacter (rabeehk/compacter), rank 1, with the rule that all layers share: y = x sum_i kron(A_i, s_i t_i) + b."""

    def __init__(self, fan_in, fan_out, n, rule):
        super().__init__()
        self.W_left = nn.Parameter(torch.zeros(n, fan_in // n, 1))
        self.W_right = nn.Parameter(torch.zeros(n, 1, fan_out // n))
        self.b = nn.Parameter(torch.zeros(fan_out))
        self.rule = rule

    def forward(self, x):
        w = torch.bmm(self.W_left, self.W_right)
        return x @ sum(torch.kron(a, b) for a, b in zip(self.rule(), w)) + self.b


class HyperComplexAdapter(nn.Module):
    def __init__(self, dim, bottleneck, n, rule):
        super().__init__()
        self.down_sampler, self.up_sampler = PHMLinear(dim, bottleneck, n, rule), PHMLinear(bottleneck, dim, n, rule)

    def forward(self, x):
        return x + self.up_sampler(F.gelu(self.down_sampler(x), approximate="tanh"))


def compacter(net, dim, bottleneck=24, division=4, attention=True):
    net.shared = Vectors(phm_rule=(division, division, division))
    for block in net.blocks:
        for module in [block.attn, block.mlp] if attention else [block.mlp]:
            module.compacter = HyperComplexAdapter(dim, bottleneck, division, lambda: net.shared.phm_rule)
            behind(module, lambda x, y, m=module: m.compacter(y))


def prefix(net, dim, tokens=10):
    """Li and Liang 2021, without the MLP that makes the prefix in training."""
    for block in net.blocks:
        attn = block.attn
        attn.heads = Vectors(prefix_key=(tokens, dim), prefix_value=(tokens, dim))

        def forward(x, attn=attn, **_):
            q, k, v = attn.qkv(x).chunk(3, -1)
            k = torch.cat([attn.heads.prefix_key.expand(len(x), -1, -1), k], 1)
            v = torch.cat([attn.heads.prefix_value.expand(len(x), -1, -1), v], 1)
            q, k, v = (t.unflatten(-1, (attn.num_heads, -1)).transpose(1, 2) for t in (q, k, v))
            p = (q @ k.transpose(-2, -1) * attn.head_dim**-0.5).softmax(-1)
            return attn.proj((p @ v).transpose(1, 2).flatten(2))

        attn.forward = forward


class Convpass(nn.Module):
    """Jie and Deng 2022 (JieShibo/PETL-ViT)."""

    def __init__(self, dim, bottleneck, grid):
        super().__init__()
        self.adapter_conv = nn.Conv2d(bottleneck, bottleneck, 3, 1, 1)
        self.adapter_down, self.adapter_up = nn.Linear(dim, bottleneck), nn.Linear(bottleneck, dim)
        self.grid = grid

    def forward(self, x):
        def act(v):
            return v * torch.sigmoid(1.702 * v)

        h = act(self.adapter_down(x)).transpose(1, 2)
        first = h.shape[2] - self.grid[0] * self.grid[1]
        patches = self.adapter_conv(h[:, :, first:].unflatten(2, self.grid)).flatten(2)
        tokens = [self.adapter_conv(h[:, :, i : i + 1, None]).flatten(2) for i in range(first)]
        return self.adapter_up(act(torch.cat([*tokens, patches], 2).transpose(1, 2)))


def convpass(net, dim, bottleneck=8, scale=1.0, **_):
    for block in net.blocks:
        for module in block.attn, block.mlp:
            module.convpass = Convpass(dim, bottleneck, net.patch_embed.grid_size)
            behind(module, lambda x, y, m=module: y + m.convpass(x) * scale)


def ia3(net, dim):
    """Liu et al. 2022 (r-three/t-few): keys, values, and hidden units behind the activation."""
    for block in net.blocks:
        qkv, fc2 = block.attn.qkv, block.mlp.fc2
        qkv.k, qkv.v = Vectors(ia3_l=(dim,)), Vectors(ia3_l=(dim,))
        behind(qkv, lambda x, y, m=qkv: y * torch.cat([torch.ones_like(m.k.ia3_l), m.k.ia3_l, m.v.ia3_l]))
        fc2.register_parameter("ia3_l", nn.Parameter(torch.zeros(fc2.in_features)))
        plain = fc2.forward
        fc2.forward = lambda x, m=fc2, f=plain: f(x * m.ia3_l)


def difffit(net, dim):
    """Xie et al. 2023, in the form of Raman1121/Diffusion_Memorization_HPO: vectors on q, k, v, out and on the branches."""
    for block in net.blocks:
        for module, width in (block.attn.qkv, 3 * dim), (block.attn.proj, dim), (block.attn, dim), (block.mlp, dim):
            module.register_parameter("gamma", nn.Parameter(torch.zeros(width)))
            behind(module, lambda x, y, m=module: y * m.gamma)


def selects(pattern):
    """A method that trains parameters that are there."""
    return lambda net, dim, **_: None, pattern


METHODS = {
    "adapter": (adapter, r"\.adapter\."),
    "compacter": (compacter, r"\.compacter\.|^shared\."),
    "prefix": (prefix, r"\.prefix_"),
    "convpass": (convpass, r"\.convpass\."),
    "ia3": (ia3, r"ia3_l$"),
    "difffit": (difffit, r"gamma$|norm|bias$"),
    "adaptformer": (adaptformer, r"adaptmlp"),
    "vpt": (vpt, r"prompt_embeddings"),
    "full": selects(r""),
    "linear": selects(r"^head\."),
    "bitfit": selects(r"bias$"),
    "norm": selects(r"norm"),
    "layer_norm": selects(r"norm"),
    "norm_bias": selects(r"norm|bias$"),
    "attention": selects(r"\.attn\.|pos_embed"),
    "norm_bias_attention": selects(r"norm|bias$|\.attn\."),
}


def case(name, base, config, taps, size, channels, dim, method, fixture, **options):
    apply, pattern = METHODS[method]

    def build():
        net = base()
        apply(net, dim, **options)
        return net

    return Case(
        name,
        build,
        {"images": inputs(1, "input.images", 2, channels, size, size)},
        config,
        [] if method == "vpt" else taps,  # prompts that the next block replaces are there in the reference only
        fixture=fixture,
        method=method,
        options=options,
        trains=lambda n: re.search(pattern, n) is not None or n.startswith("head."),
    )


def tiny(method, variant="", **options):
    """Two narrow blocks on 2 x 2 patches."""
    config = dict(patch_size=8, embed_dim=12, depth=2, num_heads=3, num_classes=5)
    name = method + (variant and "_" + variant)
    return case(
        name, lambda: VisionTransformer(img_size=16, in_chans=2, **config), config, ["blocks.0", "blocks.1"], 16, 2, 12, method, True, **options
    )


def real(method, variant="", **options):
    name = "vit_base_patch16_224"
    return case(
        f"{name}_{method}" + (variant and "_" + variant),
        lambda: timm.create_model(name, num_classes=10),
        {"variant": name, "classes": 10},
        ["blocks.0", "blocks.6"],
        224,
        3,
        768,
        method,
        False,
        **options,
    )


CASES = [
    tiny("adapter", bottleneck=3),
    tiny("adapter", "pfeiffer", bottleneck=3, style="pfeiffer"),
    tiny("compacter", bottleneck=9, division=3),
    tiny("prefix", tokens=2),
    tiny("convpass", bottleneck=3, scale=0.5, dropout=0),
    tiny("ia3"),
    tiny("difffit"),
    tiny("attention"),
    tiny("norm_bias"),
    tiny("adaptformer", bottleneck=3, scale=0.7, dropout=0),
    tiny("vpt", tokens=2, deep=True),
    tiny("vpt", "shallow", tokens=2, deep=False),
    tiny("full"),
    tiny("linear"),
    tiny("bitfit"),
    tiny("norm"),
    tiny("layer_norm"),
    real("adapter"),
    real("adaptformer", dropout=0),
    real("vpt", deep=True),
    real("vpt", "shallow", deep=False),
    real("compacter"),
    real("prefix"),
    real("convpass", dropout=0),
    real("ia3"),
    real("difffit"),
    real("layer_norm"),
    real("attention"),
    real("norm_bias_attention"),
]
