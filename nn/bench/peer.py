"""The PyTorch side of nn/bench: peer.py CASE THREADS. It says "started" once the libraries are loaded and "ready" once the
network stands; for each line "step" on stdin it makes a step and answers with its seconds
by the clock and of the processor."""

import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

CLASSES, BATCH, RANK = 10, 8, 8


class QVLoRA(nn.Module):
    """A fused qkv whose q and v have a low-rank change, alpha = rank."""

    def __init__(self, qkv):
        super().__init__()
        self.qkv, d = qkv, qkv.in_features
        self.a = nn.ModuleList(nn.Linear(d, RANK, bias=False) for _ in range(2))
        self.b = nn.ModuleList(nn.Linear(RANK, d, bias=False) for _ in range(2))
        for b in self.b:
            nn.init.zeros_(b.weight)

    def forward(self, x):
        y = self.qkv(x)
        d = x.shape[-1]
        y[..., :d] += self.b[0](self.a[0](x))
        y[..., 2 * d:] += self.b[1](self.a[1](x))
        return y


class ScaledNorm(nn.Module):
    """A batch norm with frozen statistics and SSF, computed on gain and bias."""

    def __init__(self, norm):
        super().__init__()
        self.norm = norm
        self.scale = nn.Parameter(torch.ones_like(norm.weight))
        self.shift = nn.Parameter(torch.zeros_like(norm.bias))

    def forward(self, x):
        n = self.norm
        return F.batch_norm(x, n.running_mean, n.running_var, n.weight * self.scale, n.bias * self.scale + self.shift, False, 0.0, n.eps)


def trained(model, images):
    """A training step of a classifier on what requires a gradient."""
    labels = torch.arange(BATCH) % CLASSES
    opt = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-4, weight_decay=0.01, fused=True)

    def step():
        opt.zero_grad(set_to_none=True)
        F.cross_entropy(model(images), labels).backward()
        opt.step()

    return step


def vit_lora():
    import timm

    model = timm.create_model("vit_base_patch16_224", num_classes=CLASSES)
    model.requires_grad_(False)
    model.head.requires_grad_(True)
    for block in model.blocks:
        block.attn.qkv = QVLoRA(block.attn.qkv)
    return lambda: trained(model, torch.randn(BATCH, 3, 224, 224))


def resnet50():
    import timm

    return timm.create_model("resnet50", num_classes=CLASSES).to(memory_format=torch.channels_last)


def images():
    return torch.randn(BATCH, 3, 224, 224).contiguous(memory_format=torch.channels_last)


def resnet_ssf():
    model = resnet50()
    model.requires_grad_(False)
    model.fc.requires_grad_(True)
    for module in list(model.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.BatchNorm2d):
                norm = ScaledNorm(child)
                if hasattr(child, "act"):  # timm's norms carry the activation
                    norm = nn.Sequential(norm, child.act)
                setattr(module, name, norm)
    return lambda: trained(model, images())


def resnet_full():
    model = resnet50().train()
    return lambda: trained(model, images())


def unet():
    from diffusers import UNet2DConditionModel

    model = UNet2DConditionModel(
        sample_size=64, in_channels=4, out_channels=4, layers_per_block=2, cross_attention_dim=768, attention_head_dim=8,
        block_out_channels=(320, 640, 1280, 1280),
    ).eval().to(memory_format=torch.channels_last)
    x = torch.randn(1, 4, 32, 32).contiguous(memory_format=torch.channels_last)
    text = torch.randn(1, 77, 768)

    def step():
        with torch.inference_mode():
            model(x, 500, text)

    return lambda: step


def main():
    case, threads = sys.argv[1], int(sys.argv[2])
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    if case == "unet_forward":
        import diffusers.models  # noqa: F401
    else:
        import timm  # noqa: F401
    print("started", flush=True)
    step = {"vit_lora": vit_lora, "resnet_ssf": resnet_ssf, "resnet_full": resnet_full, "unet_forward": unet}[case]()()
    print("ready", flush=True)
    for line in sys.stdin:
        if line.strip() != "step":
            break
        wall, cpu = time.perf_counter(), time.process_time()
        step()
        print(time.perf_counter() - wall, time.process_time() - cpu, flush=True)


main()
