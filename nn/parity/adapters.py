"""Adapters in the PEFT library's files: written by the library for us to load, and ours loaded by it."""

import pathlib
import sys

import torch
from peft import PeftModel, get_peft_model
from timm.models.vision_transformer import VisionTransformer

import clip_text
import clip_text_additive
import reparameterised
import vit_additive
from parity import array64, values

MODULES = {"reparameterised": reparameterised, "vit_additive": vit_additive}


def plain(case):
    """The case's network without its method, with its weights."""
    if "block" in case.config:
        net = reparameterised.RESNET.build()
    else:
        images = case.inputs["images"]
        net = VisionTransformer(img_size=images.shape[-1], in_chans=images.shape[1], **case.config)
    return fill(case, net, lambda name: name).double().eval()


def fill(case, module, rename):
    with torch.no_grad():
        for name, p in [*module.named_parameters(), *module.named_buffers()]:
            if p.is_floating_point():
                p.copy_(torch.from_numpy(values(case.seed, rename(name), tuple(p.shape))))
    return module


def write(folder):
    """A folder for each case of reparameterised.LIBRARY, as the library saves it."""
    for case in reparameterised.CASES:
        if case.name not in reparameterised.LIBRARY:
            continue
        head = "fc" if "block" in case.config else "head"
        config = reparameterised.configuration(case.name, modules_to_save=[head])
        model = get_peft_model(plain(case).float(), config)
        saved = f"{head}.modules_to_save.default"
        fill(case, model, lambda n, s=saved, h=head: reparameterised.ours(n.removeprefix("base_model.model.").replace(s, h).replace(f"{h}.original_module", h)))
        model.save_pretrained(pathlib.Path(folder, case.name))
        pathlib.Path(folder, case.name, "README.md").unlink()
    write_ia3(folder)


def write_ia3(folder):
    """The text encoder's (IA)3: vectors have two dimensions in the library's files, and the values of ours."""
    (case,) = [c for c in clip_text_additive.CASES if c.name == "ia3"]
    model = get_peft_model(clip_text.tiny("", hidden_act="quick_gelu").build(), clip_text_additive.IA3)
    with torch.no_grad():
        for n, p in model.named_parameters():
            shape = (p.numel(),) if "ia3_l" in n else tuple(p.shape)
            p.copy_(torch.from_numpy(values(case.seed, clip_text_additive.ours(n), shape)).view_as(p))
    model.save_pretrained(pathlib.Path(folder, "ia3_library"))
    pathlib.Path(folder, "ia3_library", "README.md").unlink()


def load(folder):
    """Loads what we saved in FOLDER/FAMILY/CASE, and compares with what the case's reference computes."""
    worst, count = 0.0, 0
    for path in sorted(pathlib.Path(folder).glob("*/*/adapter_config.json")):
        family, name = path.parts[-3:-1]
        (case,) = [c for c in MODULES[family].CASES if c.name == name]
        images = torch.from_numpy(case.inputs["images"]).double()
        reference = case.build().double().eval()
        case.fill(reference)
        with torch.no_grad():
            want = array64(reference(images))
            have = array64(PeftModel.from_pretrained(plain(case), path.parent).double().eval()(images))
            base = array64(plain(case)(images))
        size = abs(want).max()
        error, effect = abs(have - want).max() / size, abs(base - want).max() / size
        worst, count = max(worst, error), count + 1
        if not error < 1e-6 or effect < 1e-3:
            sys.exit(f"{family}/{name}: the library's output differs by {error:.2g}, the adapter changes it by {effect:.2g}")
    print(f"{count} adapters of ours compute the same in the PEFT library: within {worst:.1g}")
