"""PyTorch's times for the cases of package roofline: a list of them as JSON on stdin, microseconds on stdout, 0 where a case fails."""

import json
import statistics
import sys
import time

import torch
import torch.nn.functional as F

torch.backends.cuda.matmul.allow_tf32 = False
torch.backends.cudnn.allow_tf32 = False
torch.backends.cudnn.benchmark = True
aten = torch.ops.aten


def operation(case, x, out):
    """A function without arguments that computes the case from its inputs."""
    attrs, name = case["Attrs"], case["Kernel"]
    if name == "linear":
        return lambda: F.linear(*x)
    if name == "linear.dx":
        return lambda: x[0] @ x[1]
    if name == "linear.dw":
        return lambda: x[1].T @ x[0]
    if name.startswith("conv2d"):
        stride, pad = [attrs["StrideH"], attrs["StrideW"]], [attrs["PadTop"], attrs["PadLeft"]]
        if name == "conv2d":
            return lambda: F.conv2d(*x, stride=stride, padding=pad)
        dx = name == "conv2d.dx"
        dy, image, weight = (x[0], torch.empty_like(out[0]), x[1]) if dx else (x[1], x[0], torch.empty_like(out[0]))
        wanted = [dx, not dx, False]
        return lambda: aten.convolution_backward(dy, image, weight, None, stride, pad, [1, 1], False, [0, 0], 1, wanted)
    if name.startswith("attention"):
        q, k, v = (t.unflatten(2, (attrs["Heads"], -1)).transpose(1, 2).detach().requires_grad_(name != "attention") for t in x[:3])
        if name == "attention":
            return lambda: F.scaled_dot_product_attention(q, k, v)
        y = F.scaled_dot_product_attention(q, k, v)
        dy = x[3].unflatten(2, (attrs["Heads"], -1)).transpose(1, 2)
        return lambda: torch.autograd.grad(y, (q, k, v), dy, retain_graph=True)
    if name == "layer_norm":
        return lambda: F.layer_norm(x[0], x[1].shape, x[1], x[2], attrs["Eps"])
    if name == "layer_norm.dx":
        shape = list(x[1].shape)
        _, mean, rstd = aten.native_layer_norm(x[0], shape, x[1], None, attrs["Eps"])
        return lambda: aten.native_layer_norm_backward(x[2], x[0], shape, mean, rstd, x[1], None, [True, False, False])
    if name == "group_norm":
        return lambda: F.group_norm(x[0], attrs["Groups"], x[1], x[2], attrs["Eps"])
    if name == "batch_norm.train":
        return lambda: F.batch_norm(x[0], None, None, x[1], x[2], training=True, eps=attrs["Eps"])
    if name == "permute":
        return lambda: x[0].permute(attrs["Perm"][: attrs["N"]]).contiguous()
    if name == "adamw":
        p = torch.nn.Parameter(out[0])
        p.grad = x[0]
        return torch.optim.AdamW([p], lr=attrs["LR"], fused=True).step
    return {"gelu": lambda: F.gelu(x[0]), "relu": lambda: F.relu(x[0]), "add": lambda: x[0] + x[1]}[name]


def timed(device, f, times):
    """Microseconds of one of some calls in a row."""
    if device == "cpu":
        start = time.perf_counter()
        for _ in range(times):
            f()
        return (time.perf_counter() - start) * 1e6 / times
    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    start.record()
    for _ in range(times):
        f()
    end.record()
    end.synchronize()
    return start.elapsed_time(end) * 1e3 / times


def main(device):
    results = []
    for case in json.load(sys.stdin):
        try:
            dtype = torch.bfloat16 if case["BF16"] else torch.float32
            x = [torch.randn(shape, device=device, dtype=dtype) for shape in case["In"]]
            out = [torch.zeros(shape, device=device, dtype=dtype) for shape in case["Out"]]
            f = operation(case, x, out)
            with torch.set_grad_enabled(case["Kernel"] == "attention.grad"):
                for _ in range(3):
                    f()
                times = min(max(1, int(2000 / max(timed(device, f, 1), 0.01))), 200)
                results.append(statistics.median(timed(device, f, times) for _ in range(15)))
        except Exception as fault:  # the others are still worth having
            print(f"; {case['Kernel']} {case['In']}: {fault}", file=sys.stderr)
            results.append(0)
    json.dump(results, sys.stdout)


main(sys.argv[1])
