"""What the families share: weights from names, and the files in which a reference's numbers go to Go.

A family is a file FAMILY.py beside this one with a list CASES of Case. A case is a network of the reference library, its inputs,
and the modules whose outputs are compared. Its file holds input.*, tap.*, loss, and the gradient of the loss of the input and
of every parameter; a checked-in one (fixture) has sketches in place of large gradients, and three steps of AdamW.
No file holds weights: both sides make them from (seed, name, shape), as accel/rng and nn/parity/weights.go do.
"""

import dataclasses
import datetime
import hashlib
import importlib.metadata
import json
import math
import pathlib
import re
import struct
from typing import Any, Callable

import numpy as np
import torch
from safetensors.numpy import save_file

HERE = pathlib.Path(__file__).parent
SKETCHES = 8
FULL = 12_000  # numbers in the gradients of a fixture that is small enough to hold them
ADAMW = dict(lr=3e-3, betas=(0.9, 0.999), eps=1e-4, weight_decay=0.05)


def words(seed: int, name: str, n: int) -> np.ndarray:
    """The first n 32-bit words of accel/rng's stream of seed and name: Philox4x32-10."""
    digest = hashlib.sha256(struct.pack("<Q", seed) + name.encode()).digest()
    key0, key1, hi = struct.unpack("<IIQ", digest[:16])
    low, half = np.uint64(0xFFFFFFFF), np.uint64(32)
    out = np.empty(-(-n // 4) * 4, np.uint32)
    for start in range(0, len(out) // 4, 1 << 15):
        c0 = np.arange(start, min(start + (1 << 15), len(out) // 4), dtype=np.uint64)
        c1 = c0 >> half
        c0 &= low
        c2 = np.full_like(c0, hi & 0xFFFFFFFF)
        c3 = np.full_like(c0, hi >> 32)
        k0, k1 = key0, key1
        for _ in range(10):
            c0 *= np.uint64(0xD2511F53)
            c2 *= np.uint64(0xCD9E8D57)
            c0, c1, c2, c3 = (c2 >> half) ^ c1 ^ np.uint64(k0), c2 & low, (c0 >> half) ^ c3 ^ np.uint64(k1), c0 & low
            k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
        block = out[4 * start : 4 * (start + len(c0))].reshape(-1, 4)
        for i, c in enumerate((c0, c1, c2, c3)):
            block[:, i] = c
    return out[:n]


def uniform(seed: int, name: str, n: int) -> np.ndarray:
    """n numbers in [-1, 1), multiples of 2^-23: exact in float32 and float64."""
    return (words(seed, name, n) >> 8).astype(np.float64) * 2.0**-23 - 1


def spread(name: str, shape: tuple) -> tuple[float, float]:
    """The centre and half the width of the uniform distribution of a parameter's values; weights.go has the same rules."""
    last = name.rsplit(".", 1)[-1]
    if last == "running_var":
        return 1.0, 0.5
    if last == "running_mean":
        return 0.0, 0.2
    if "magnitude" in last:  # DoRA's, one a row of the weight
        return 1.0, 0.3
    if len(shape) in (2, 4) or len(shape) == 3 and shape[0] > 1:  # a matrix, a convolution or a stack of matrices: keeps the variance of its input
        return 0.0, math.sqrt(3 / math.prod(shape[1:]))
    if len(shape) > 2 or "bias" in last or "shift" in last:  # tokens, positions; biases
        return 0.0, 0.05
    return 1.0, 0.3  # gains and scales


def values(seed: int, name: str, shape: tuple) -> np.ndarray:
    """The float32 values of a parameter. The first channel of weights and running statistics is nearly dead, since without
    a small variance nobody sees which epsilon a norm has."""
    centre, half = spread(name, shape)
    v = uniform(seed, name, math.prod(shape)) * half + centre
    if name.endswith("running_var"):
        v[0] *= 1e-4
    elif name.endswith(("running_mean", "magnitude_vector")):
        v[0] *= 1e-2
    elif len(shape) in (2, 4):
        v[: math.prod(shape[1:])] *= 1e-2
    return v.astype(np.float32).reshape(shape)


def inputs(seed: int, name: str, *shape: int, faint: bool = True) -> np.ndarray:
    """An input of unit variance. A faint one's last sample has less, so that norms divide by little."""
    v = (uniform(seed, name, math.prod(shape)) * math.sqrt(3)).reshape(shape)
    if faint:
        v[-1] *= 0.02
    return v.astype(np.float32)


def sketch(seed: int, name: str, v: np.ndarray) -> np.ndarray:
    """A tensor's norm and its products with random vectors: what is left of it in a small file."""
    v = np.asarray(v, np.float64).ravel()
    r = uniform(seed, "sketch." + name, SKETCHES * v.size).reshape(SKETCHES, v.size)
    return np.concatenate([[np.sqrt((v * v).sum())], r @ v]).astype(np.float32)


@dataclasses.dataclass
class Case:
    name: str
    build: Callable[[], torch.nn.Module]  # the reference, with any weights
    inputs: dict[str, np.ndarray]  # float32 or int64, in the order of the module's arguments
    config: dict[str, Any]  # read by the family on Go's side (nn/parity/FAMILY.go)
    taps: list[str]  # modules whose outputs are compared, by their path; beside the output
    fixture: bool = False  # checked in, and compared in float64 by make test; the others are of real size
    train: bool = False  # batch norms use the batch's statistics
    method: str = ""  # a fine-tuning method of nn/peft, and its options; build returns the network with it
    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    trains: Callable[[str], bool] = lambda name: True  # which parameters, by our name
    rename: Callable[[str], str] = lambda name: name  # from the reference's name of a parameter or tap to ours
    vanishing: str = ""  # pattern of the parameters whose gradient is 0 but for rounding
    forward: Callable[..., torch.Tensor] = lambda module, *inputs: module(*inputs)
    seed: int = 1
    double: bool = False  # computes a real size in float64 too
    gradients: bool = True  # False: only values
    margin: float = 0  # raises the biases of batch norms and fits running statistics, so that no value lies at a ReLU's kink, where float32
    # cannot tell which gradient is right: of ten million values a dozen do. 8 is above what a gain of 1.3 makes of 5.5 standard deviations

    def run(self, family: str) -> tuple[dict[str, np.ndarray], dict[str, str]]:
        """Tensors and metadata of the case's file."""
        torch.manual_seed(0)
        kind = torch.float64 if self.fixture or self.double else torch.float32
        with torch.device("cpu"):
            module = self.build().train(self.train).to(kind)
        parameters = self.fill(module)
        out: dict[str, np.ndarray] = {}
        inputs = [torch.from_numpy(v) for v in self.inputs.values()]
        inputs = [v.to(kind).requires_grad_(True) if v.is_floating_point() else v for v in inputs]
        if self.margin:
            self.settle(module, inputs, out)
        hooks = [module.get_submodule(t).register_forward_hook(self.tap(out, t)) for t in self.taps]
        output = self.forward(module, *inputs)
        for h in hooks:
            h.remove()
        out["tap.output"] = array(output)
        target = torch.from_numpy((uniform(self.seed, "input.target", output.numel()) * math.sqrt(3)).astype(np.float32)).reshape(output.shape)
        loss = torch.nn.functional.mse_loss(output, target.to(kind))
        out["loss"] = array(loss)
        gradients = {}
        if self.gradients:
            loss.backward()
            gradients = {n: array(p.grad) for n, p in parameters.items()}
        for name, given, v in zip(self.inputs, self.inputs.values(), inputs):
            out["input." + name] = given.astype(np.int32) if given.dtype == np.int64 else given
            if v.grad is not None:
                out["grad.input." + name] = array(v.grad)
        whole = not self.fixture or sum(g.size for g in gradients.values()) <= FULL
        for n, g in gradients.items():
            out["grad." + n if whole else "sketch." + n] = g if whole else sketch(self.seed, n, g)
        out["input.target"] = array(target)
        if self.fixture:
            self.steps(module, parameters, inputs, target.to(kind), out)
        return out, self.metadata(family)

    def fill(self, module: torch.nn.Module) -> dict[str, torch.nn.Parameter]:
        """Gives every parameter, running statistic and random matrix its values, and returns those that train by our names."""
        trained = {}
        with torch.no_grad():
            for n, p in [*module.named_parameters(), *module.named_buffers()]:
                ours = self.rename(n)
                if not p.is_floating_point() or isinstance(p, torch.nn.Parameter) is False and "running_" not in n and "vera_" not in n:
                    continue
                p.copy_(torch.from_numpy(values(self.seed, ours, tuple(p.shape))))
                if isinstance(p, torch.nn.Parameter):
                    p.requires_grad_(self.trains(ours))
                    if p.requires_grad:
                        trained[ours] = p
        return trained

    def settle(self, module: torch.nn.Module, inputs: list, out: dict[str, np.ndarray]) -> None:
        """Raises the norms' biases by the margin and fits each norm's running statistics to what it reads, the earlier ones fitted. The file holds both."""

        def fit(name):
            def hook(m, args):
                x = args[0]
                var = x.var((0, 2, 3), correction=0)
                # Not quite its mean: the gradient of a gain would be the mean of what they make 0.
                aside = var.sqrt() * torch.from_numpy(uniform(self.seed, f"settle.{name}", m.num_features)) / 2
                for p, v in dict(bias=m.bias + self.margin, running_mean=x.mean((0, 2, 3)) + aside, running_var=var).items():
                    getattr(m, p).copy_(v.float())
                    out["param." + self.rename(f"{name}.{p}")] = array(getattr(m, p))

            return hook

        hooks = [m.register_forward_pre_hook(fit(n)) for n, m in module.named_modules() if isinstance(m, torch.nn.BatchNorm2d)]
        with torch.no_grad():
            self.forward(module, *inputs)
        for h in hooks:
            h.remove()

    def tap(self, out: dict[str, np.ndarray], name: str) -> Callable:
        def hook(_module, _args, output):
            out["tap." + self.rename(name)] = array(output[0] if isinstance(output, tuple) else output)

        return hook

    def steps(self, module, parameters, inputs, target, out) -> None:
        """Three steps of AdamW: the losses before each and behind the last, and sketches of what they changed."""
        state = dict(parameters)
        for prefix, m in module.named_modules():
            if m.training:  # of a method's own norms also where the network's are frozen
                state |= {self.rename(f"{prefix}.{n}"): b for n, b in m.named_buffers(recurse=False) if "running_" in n}
        self.fill(module)  # the running statistics, which the first pass moved
        vectors = {n for n, p in parameters.items() if p.dim() <= 1 or "magnitude" in n}  # of a convolution the library holds them as [1, out, 1, 1]
        groups = [
            {"params": [p for n, p in parameters.items() if n not in vectors]},
            {"params": [p for n, p in parameters.items() if n in vectors], "weight_decay": 0},
        ]
        optimizer = torch.optim.AdamW([g for g in groups if g["params"]], **ADAMW)
        before = {n: p.detach().clone() for n, p in state.items()}
        losses = []
        for _ in range(3):
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(self.forward(module, *inputs), target)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        out["step.loss"] = np.array(losses, np.float32)
        for n, p in state.items():
            out["step." + n] = sketch(self.seed, n, array64(p - before[n]))

    def metadata(self, family: str) -> dict[str, str]:
        return describe(family) | {
            "family": family,
            "case": self.name,
            "config": json.dumps(self.config),
            "train": json.dumps(self.train),
            "method": self.method,
            "options": json.dumps(self.options),
            "vanishing": self.vanishing,
            "seed": str(self.seed),
        }

    def write(self, family: str, path: pathlib.Path) -> None:
        tensors, metadata = self.run(family)
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file({n: np.ascontiguousarray(v) for n, v in tensors.items()}, path, metadata)
        path.chmod(0o644)


def describe(family: str) -> dict[str, str]:
    """Where a file comes from."""
    source = b"".join((HERE / f).read_bytes() for f in ("parity.py", family + ".py"))
    packages = [line.split("==")[0] for line in (HERE / "requirements.txt").read_text().split() if "==" in line]
    return {
        "script": f"nn/parity/{family}.py sha256:{hashlib.sha256(source).hexdigest()}",
        "versions": " ".join(f"{p}=={importlib.metadata.version(p)}" for p in packages),
        "command": "make parity-fixtures",
        "date": datetime.date.today().isoformat(),
    }


def array64(t: torch.Tensor) -> np.ndarray:
    return t.detach().double().numpy()


def array(t: torch.Tensor) -> np.ndarray:
    return t.detach().float().numpy()


def matches(pattern: str) -> Callable[[str], bool]:
    """For Case.trains: the names in which a pattern is found."""
    return lambda name: re.search(pattern, name) is not None
