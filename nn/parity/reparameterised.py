"""Methods that change weights, on timm's ViT and torchvision's ResNet: LoRA and DoRA by the PEFT library, the others as their papers define them.

New parameters hang on the modules whose site they belong to, so that their paths are ours; hooks compute with them.
"""

import dataclasses
import re

import torch
import torch.nn.functional as F
from peft import LoraConfig, VeraConfig, get_peft_model
from torch import nn
from torch.nn.utils import parametrize

import resnet
import vit
from parity import matches
from torchvision.models.resnet import BasicBlock


def holder(module, *path):
    """The submodule of module at path, made where it is not there."""
    for name in path:
        if not hasattr(module, name):
            module.add_module(name, nn.Module())
        module = getattr(module, name)
    return module


def parameter(module, name, *shape):
    if not hasattr(module, name):
        setattr(module, name, nn.Parameter(torch.empty(*shape)))
    return getattr(module, name)


class Weight(nn.Module):
    """A function of a weight and of its own parameters. With slices, each part of the rows has such a function or none."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, w):
        return self.function(self, w)


class Slices(nn.Module):
    def __init__(self, names, parts):
        super().__init__()
        self.names = names
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, w):
        rows = w.chunk(len(self.names))
        return torch.cat([getattr(self, n)(r) if hasattr(self, n) else r for n, r in zip(self.names, rows)])


def lora(rank, scale, out, inner):
    def function(m, w):
        return w + scale * m.lora_B.weight @ m.lora_A.weight

    m = Weight(function)
    m.lora_A, m.lora_B = nn.Linear(inner, rank, bias=False), nn.Linear(rank, out, bias=False)
    return m


def dora(rank, scale, out, inner):
    def function(m, w):
        v = w + scale * m.lora_B.weight @ m.lora_A.weight
        return m.lora_magnitude_vector[:, None] * v / v.norm(dim=1, keepdim=True).detach()

    m = lora(rank, scale, out, inner)
    m.function = function
    parameter(m, "lora_magnitude_vector", out)
    return m


def loralib(rank, scale, conv):
    """microsoft/LoRA's convolution: B A in row-major order is the kernel."""

    def function(m, w):
        return w + scale * (m.lora_B @ m.lora_A).view(w.shape)

    m, k = Weight(function), conv.kernel_size[0]
    parameter(m, "lora_A", rank * k, conv.in_channels * k)
    parameter(m, "lora_B", conv.out_channels // conv.groups * k, rank * k)
    return m


def vera(rank, shared, out, inner):
    """Kopiczko et al. 2024: random matrices of all layers, scaled by vectors."""

    def function(m, w):
        return w + m.vera_lambda_b[:, None] * (shared.vera_B[:out] * m.vera_lambda_d) @ shared.vera_A[:, :inner]

    m = Weight(function)
    parameter(m, "vera_lambda_d", rank)
    parameter(m, "vera_lambda_b", out)
    return m


def krona(factor, scale, out, inner):
    a1, a2 = (max(d for d in range(1, factor + 1) if n % d == 0) for n in (out, inner))

    def function(m, w):
        return w + scale * torch.kron(m.krona_a, m.krona_b)

    m = Weight(function)
    parameter(m, "krona_a", a1, a2)
    parameter(m, "krona_b", out // a1, inner // a2)
    return m


def kadaptation(n, rank, scale, out, inner, left, right):
    def function(m, w):
        h = sum(torch.kron(left[i] @ right[i], m.kadaptation_left[i] @ m.kadaptation_right[i]) for i in range(n))
        return w + scale * h.T

    m = Weight(function)
    parameter(m, "kadaptation_left", n, inner // n, rank)
    parameter(m, "kadaptation_right", n, rank, out // n)
    return m


def svdiff(scale, shape):
    def function(m, w):
        u, s, v = torch.linalg.svd(w.detach().reshape(w.shape[0] if w.dim() > 1 else 1, -1), full_matrices=False)
        return (u @ torch.diag(F.relu(s + scale * m.svdiff_delta)) @ v).reshape(w.shape)

    m = Weight(function)
    rows = shape[0] if len(shape) > 1 else 1
    parameter(m, "svdiff_delta", min(rows, shape.numel() // rows))
    return m


def change(module, function):
    parametrize.register_parametrization(module, "weight", function, unsafe=True)


def attentions(part):
    """Changes q and v of a ViT by part(name, out, in)."""

    def apply(net):
        for block in net.blocks:
            qkv = block.attn.qkv
            change(qkv, Slices("qkv", {n: part(net, n, qkv.out_features // 3, qkv.in_features) for n in "qv"}))

    return apply


def convolutions(net):
    return [m for n, m in net.named_modules() if n.startswith("layer") and isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3)]


def apply_loralib(rank, scale):
    def apply(net):
        for m in convolutions(net):
            change(m, loralib(rank, scale, m))

    return apply


def apply_vera(rank):
    def part(net, _name, out, inner):
        shared = holder(net, "shared")
        for name, shape in ("vera_A", (rank, inner)), ("vera_B", (out, rank)):
            shared.register_buffer(name, torch.empty(shape))
        return vera(rank, shared, out, inner)

    return attentions(part)


def apply_kadaptation(n, rank, scale):
    def part(net, name, out, inner):
        shared = holder(net, "shared")
        left = parameter(shared, f"kadaptation_{name}_left", n, n, 1)
        right = parameter(shared, f"kadaptation_{name}_right", n, 1, n)
        return kadaptation(n, rank, scale, out, inner, left, right)

    return attentions(part)


def apply_svdiff(scale):
    return lambda net: svdiffs(net, scale)


def svdiffs(net, scale):
    for name, m in list(net.named_modules()):
        if isinstance(m, (nn.Linear, nn.Conv2d, nn.LayerNorm, nn.GroupNorm, nn.BatchNorm2d)) and name not in ("head", "fc"):
            change(m, svdiff(scale, m.weight.shape))


def add_to_output(module, function):
    module.register_forward_hook(lambda _m, args, y: y + function(args[0]))


def apply_tsa(net):
    for m in convolutions(net):
        alpha = parameter(m, "tsa_alpha", m.out_channels, m.in_channels, 1, 1)
        add_to_output(m, lambda x, alpha=alpha, stride=m.stride: F.conv2d(x, alpha, stride=stride))
    beta = parameter(holder(net, "pre_logits"), "tsa_beta", net.fc.in_features, net.fc.in_features)
    net.fc.register_forward_pre_hook(lambda _m, args: F.conv2d(args[0][:, :, None, None], beta[:, :, None, None]).flatten(1))


def apply_ssf(net):
    modules = [net.patch_embed.proj, net.norm]
    for b in net.blocks:
        modules += [b.norm1, b.norm2, b.attn.qkv, b.attn.proj, b.mlp.fc1, b.mlp.fc2]
    ssf(modules)


def apply_ssf_conv(net):
    """Behind each batch norm; the convolutions have no bias."""
    ssf([m for m in net.modules() if isinstance(m, nn.BatchNorm2d)])


def ssf(modules):
    for m in modules:
        width = m.bias.shape[0]
        scale, shift = parameter(m, "ssf_scale", width), parameter(m, "ssf_shift", width)
        if isinstance(m, (nn.Conv2d, nn.BatchNorm2d, nn.GroupNorm)):
            m.register_forward_hook(lambda _m, _a, y, s=scale, t=shift: y * s[:, None, None] + t[:, None, None])
        else:
            m.register_forward_hook(lambda _m, _a, y, s=scale, t=shift: y * s + t)


def apply_fact(net, rank, scale, core):
    """FacT: core(m, name, parts) is a function from r * inputs to r * outputs for a map that has so many parts of the width."""
    d = net.embed_dim
    u, v = parameter(holder(net, "shared"), "fact_u", rank, d), parameter(holder(net, "shared"), "fact_v", d, rank)

    def up(y):  # V on each part of y
        return F.linear(y.unflatten(-1, (-1, rank)), v).flatten(-2)

    def down(x):
        return F.linear(x.unflatten(-1, (-1, d)), u).flatten(-2)

    for block in net.blocks:
        cores = [core(holder(block.attn.qkv, n), 1, 1) for n in "qkv"]
        add_to_output(block.attn.qkv, lambda x, cores=cores: scale * torch.cat([up(c(down(x))) for c in cores], -1))
        for m in (block.attn.proj, block.mlp.fc1, block.mlp.fc2):
            c = core(m, m.in_features // d, m.out_features // d)
            add_to_output(m, lambda x, c=c: scale * up(c(down(x))))


def apply_fact_tt(rank, scale):
    def core(m, a, c):
        s = parameter(m, "fact_s", c * rank, a * rank)
        return lambda x: F.linear(x, s)

    return lambda net: apply_fact(net, rank, scale, core)


def apply_fact_tk(rank, scale):
    def apply(net):
        shared = parameter(holder(net, "shared"), "fact_c", rank, rank, rank)

        def core(m, a, c):
            p = parameter(m, "fact_p", rank, max(a, c))

            def function(x):
                s = (shared @ p).reshape(rank, -1)  # as fact_tk.py reads FacTc @ FacTp
                return x @ s.T if a > 1 else x @ s

            return function

        apply_fact(net, rank, scale, core)

    return apply


def library(name):
    return lambda net: get_peft_model(net, configuration(name))


def configuration(name, **more):
    return (VeraConfig if name.startswith("vera") else LoraConfig)(**LIBRARY[name], **more)


def ours(name):
    name = name.replace("parametrizations.weight.original", "weight").replace("parametrizations.weight.0.", "")
    name = name.replace(".base_layer", "").replace(".default", "")
    name = re.sub(r"^.*\.vera_([AB])$", r"shared.vera_\1", name)
    return name.replace("lora_magnitude_vector.weight", "lora_magnitude_vector")


# What the PEFT library's cases ask of it; adapters.py saves them.
LIBRARY = {
    "lora_library": dict(r=2, lora_alpha=3, target_modules=["qkv", "fc1"], rank_pattern={"fc1": 3}, use_rslora=True),
    "lora_conv_library": dict(r=2, lora_alpha=3, target_modules=["conv2", "downsample.0"]),
    "dora_library": dict(r=2, lora_alpha=3, target_modules=["qkv", "fc2"], use_dora=True),
    "dora_conv_library": dict(r=2, lora_alpha=3, target_modules=["conv2", "downsample.0"], use_dora=True),
    "vera_library": dict(r=3, target_modules=["qkv", "fc1"]),
}
NEW = r"lora_|vera_lambda|krona_|kadaptation_|svdiff_|tsa_|ssf_|fact_|^head\.|^fc\."


def case(name, base, method, apply, seed=1, **options):
    def build():
        net = base.build()
        apply(net)
        return net

    taps = [t for t in base.taps if t.startswith(("blocks", "layer"))]  # the others are found by their weight, which methods change
    return dataclasses.replace(base, name=name, build=build, taps=taps, method=method, options=options, trains=matches(NEW), rename=ours, seed=seed)


VIT = vit.tiny("")
RESNET = resnet.tiny("", BasicBlock, [1, 1, 1, 1], 4)
VIT_BASE, VIT_TINY, RESNET50 = vit.real("vit_base_patch16_224"), vit.real("vit_tiny_patch16_224"), resnet.real("resnet50")


def slices(part, *options):
    return attentions(lambda _net, _name, out, inner: part(*options, out, inner))


def library_case(name, base, method, suffix="", seed=1):
    o = LIBRARY[name]
    options = dict(rank=o["r"], targets=o["target_modules"])
    if "lora_alpha" in o:
        options["alpha"] = o["lora_alpha"]
    if "rank_pattern" in o:
        options |= dict(rank_pattern=o["rank_pattern"], rslora=o["use_rslora"])
    if "conv" in name and method == "lora":
        options |= dict(conv="peft")
    return case(name + suffix, base, method, library(name), seed, **options)


CASES = [
    case("lora_slices", VIT, "lora", slices(lora, 2, 1.5), rank=2, alpha=3),
    library_case("lora_library", VIT, "lora"),
    library_case("lora_conv_library", RESNET, "lora"),
    case("lora_conv_loralib", RESNET, "lora", apply_loralib(2, 1.5), rank=2, alpha=3),
    case("dora_slices", VIT, "dora", slices(dora, 2, 1.5), rank=2, alpha=3),
    library_case("dora_library", VIT, "dora"),
    library_case("dora_conv_library", RESNET, "dora"),
    case("vera_slices", VIT, "vera", apply_vera(3), rank=3),
    library_case("vera_library", VIT, "vera"),
    case("krona", VIT, "krona", slices(krona, 4, 0.5), factor=4, scale=0.5),
    case("kadaptation", VIT, "kadaptation", apply_kadaptation(3, 2, 0.7), division=3, rank=2, scale=0.7),
    case("fact_tt", VIT, "fact_tt", apply_fact_tt(2, 1.5), rank=2, scale=1.5, dropout=0),
    case("fact_tk", VIT, "fact_tk", apply_fact_tk(2, 1.5), rank=2, scale=1.5, dropout=0),
    case("svdiff", VIT, "svdiff", apply_svdiff(-0.3), scale=-0.3),
    case("svdiff_conv", RESNET, "svdiff", apply_svdiff(0.03), scale=0.03),
    case("ssf", VIT, "ssf", apply_ssf),
    case("ssf_conv", RESNET, "ssf", apply_ssf_conv),
    case("tsa", RESNET, "tsa", apply_tsa),
    # of real size
    case("lora_vit_base", VIT_BASE, "lora", slices(lora, 8, 1)),
    library_case("lora_library", VIT_BASE, "lora", "_vit_base"),
    case("lora_resnet50", RESNET50, "lora", apply_loralib(8, 1)),
    library_case("dora_library", VIT_BASE, "dora", "_vit_base"),
    library_case("dora_conv_library", RESNET50, "dora", "_resnet50"),
    case("vera_vit_base", VIT_BASE, "vera", apply_vera(256)),
    case("krona_vit_base", VIT_BASE, "krona", slices(krona, 32, 1)),
    case("kadaptation_vit_base", VIT_BASE, "kadaptation", apply_kadaptation(32, 1, 1), scale=1),
    case("fact_tt_vit_base", VIT_BASE, "fact_tt", apply_fact_tt(16, 1), dropout=0),
    case("fact_tk_vit_base", VIT_BASE, "fact_tk", apply_fact_tk(32, 1), dropout=0),
    # In float64: where singular values lie near each other, float32 finds other vectors. What is left is the gradient
    # of a norm's one shift, a sum in which most cancels: 5e-5 here, and torch's own float32 is off by 3e-5 there.
    dataclasses.replace(case("svdiff_vit_tiny", VIT_TINY, "svdiff", apply_svdiff(0.3), scale=0.3), double=True),
    case("ssf_vit_base", VIT_BASE, "ssf", apply_ssf),
    case("tsa_resnet50", RESNET50, "tsa", apply_tsa),
]
