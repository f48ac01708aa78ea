"""Writes reference.json beside this file: what scikit-learn, torchmetrics, SciPy, prdc and pytorch-msssim make of small sets,
for reference_test.go. What none of them has (adaptive and class-wise calibration, KID, memorisation) is written out here."""

import importlib.metadata
import json
import pathlib
import sys

import numpy as np
import pytorch_msssim
import torch
from prdc import compute_prdc
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score
from torchmetrics.functional.classification import multiclass_calibration_error

PACKAGES = ["numpy", "prdc", "pytorch-msssim", "scikit-learn", "scipy", "torch", "torchmetrics"]
BINS = 15
PARTS = sys.modules["pytorch_msssim.ssim"]  # a function of the package has the module's name


def softmax(x):
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def calibration(probabilities, hits, groups):
    """The mean distance of confidence and share of hits, group by group."""
    return sum(abs((probabilities[g] - hits[g]).sum()) for g in groups) / len(hits)


def classes(random, n, k, skew=1.0):
    labels = random.choice(k, n, p=np.arange(1, k + 1) ** skew / (np.arange(1, k + 1) ** skew).sum())
    probs = softmax(random.standard_normal((n, k)) + 1.5 * np.eye(k)[labels]).round(3)
    probs[:, 0] += 1 - probs.sum(1)  # sums to 1; three digits make ties
    got, top = probs.argmax(1), probs.max(1)
    order = np.argsort(top, kind="stable")
    each = [np.minimum((probs[:, c] * BINS).astype(int), BINS - 1) for c in range(k)]
    area = {"average": "macro", "multi_class": "ovr"}
    if k == 2:
        auroc = {"auroc": roc_auc_score(labels, probs[:, 1]), "auroc_weighted": roc_auc_score(labels, probs[:, 1])}
    else:
        auroc = {"auroc": roc_auc_score(labels, probs, **area), "auroc_weighted": roc_auc_score(labels, probs, multi_class="ovr", average="weighted")}
    ece = float(multiclass_calibration_error(torch.tensor(probs), torch.tensor(labels), k, n_bins=BINS))
    return {"probs": probs.tolist(), "labels": labels.tolist(), "want": auroc | {
        "accuracy": accuracy_score(labels, got),
        "f1": f1_score(labels, got, average="macro"),
        "f1_micro": f1_score(labels, got, average="micro"),
        "f1_weighted": f1_score(labels, got, average="weighted"),
        "ece": ece,
        "ece_adaptive": calibration(top, (got == labels) * 1.0, [order[b * n // BINS : (b + 1) * n // BINS] for b in range(BINS)]),
        "ece_classwise": np.mean([calibration(probs[:, c], (labels == c) * 1.0, [each[c] == b for b in range(BINS)]) for c in range(k)]),
    }}


def labels(random, n, k):
    targets = (random.random((n, k)) < 0.3).astype(float)
    probs = (1 / (1 + np.exp(-random.standard_normal((n, k)) - 2 * targets + 1))).round(4)
    said = (probs > 0.5).astype(float)
    ece = multiclass_calibration_error(torch.tensor(np.stack([1 - probs.ravel(), probs.ravel()], 1)), torch.tensor(targets.ravel()).long(), 2, n_bins=BINS)
    return {"probs": probs.tolist(), "targets": targets.tolist(), "want": {
        "accuracy": (said == targets).mean(),
        "f1": f1_score(targets, said, average="macro"),
        "auroc": roc_auc_score(targets, probs, average="macro"),
        "ece": float(ece),
    }}


def kid(a, b):
    k = lambda x, y: (x @ y.T / x.shape[1] + 1) ** 3
    off = lambda m: (m.sum() - np.trace(m)) / (len(m) * (len(m) - 1))
    return off(k(a, a)) + off(k(b, b)) - 2 * k(a, b).mean()


def fid(a, b):
    ca, cb = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    return ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(ca + cb - 2 * sqrtm(ca @ cb).real)


def features(random, n, m, held, d, k):
    mix = random.standard_normal((d, d))
    real, made, out = ((random.standard_normal((r, d)) @ mix + shift).round(4) for r, shift in ((n, 0), (m, 0.7), (held, 0)))
    made = (made * [0.7] + 0.1).round(4)
    near = lambda x: np.median(cdist(x, real).min(1))
    return {"real": real.tolist(), "made": made.tolist(), "held": out.tolist(), "k": k, "want": {
        "fid": fid(real, made), "kid": kid(real, made), "memorisation": near(made) / near(out), **compute_prdc(real, made, k),
    }}


def picture(side, channels, seed):
    """The test draws the same."""
    c, y, x = np.meshgrid(np.arange(channels), np.arange(side), np.arange(side), indexing="ij")
    return ((x * 2 + y * 3 + c * 31) % 256 * (8 - seed) // 8 + (x * y) // (5 + seed) % 256 * seed // 8).astype(np.float64)


def similarity(side, channels, one, other):
    a, b = (torch.tensor(picture(side, channels, s))[None] for s in (one, other))
    scales = sum(side // 2**i >= 11 for i in range(5))
    weights = torch.tensor([0.0448, 0.2856, 0.3001, 0.2363, 0.1333], dtype=torch.double)  # sum to 1.0001, as published
    weights = weights[:scales] * weights.sum() / weights[:scales].sum()
    window = torch.exp(-((torch.arange(11).double() - 5) ** 2) / (2 * 1.5**2))
    window = (window / window.sum()).repeat([channels, 1, 1, 1])
    if scales == 5:
        value = pytorch_msssim.ms_ssim(a, b, data_range=255, win=window)
    else:  # which the package does not offer, though its parts do
        parts = []
        for i in range(scales):
            full, part = PARTS._ssim(a, b, 255, window)
            parts.append(torch.relu(full if i == scales - 1 else part))
            a, b = (torch.nn.functional.avg_pool2d(v, 2, padding=v.shape[-1] % 2) for v in (a, b))
        value = torch.prod(torch.stack(parts) ** weights[:, None, None], 0).mean()
    return {"side": side, "channels": channels, "one": one, "other": other, "scales": scales, "want": float(value)}


def main():
    random = np.random.default_rng(4)
    out = {
        "packages": {p: importlib.metadata.version(p) for p in PACKAGES},
        "classes": [classes(random, 80, 2), classes(random, 90, 4), classes(random, 60, 5, 2.0)],
        "labels": [labels(random, 60, 3)],
        "features": [features(random, 40, 30, 20, 6, 5), features(random, 12, 15, 9, 20, 3)],
        "pictures": [similarity(*c) for c in ((176, 1, 1, 2), (181, 3, 1, 3), (64, 1, 2, 3), (45, 3, 1, 2))],
    }
    text = json.dumps(out, separators=(",", ":")).replace('},{"', '},\n{"')
    pathlib.Path(__file__).with_name("reference.json").write_text(text + "\n")


main()
