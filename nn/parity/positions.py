"""timm's resampling of position embeddings to other grids, which is no network: its file holds what it makes of an input."""

import dataclasses
import pathlib

import torch
from safetensors.numpy import save_file
from timm.layers import resample_abs_pos_embed

from parity import array, describe, uniform

WIDTH = 5


@dataclasses.dataclass
class Grids:
    """Grids by their sides, with a class token before or without."""

    name: str
    sides: list[tuple[int, int]]
    fixture: bool = True

    def write(self, family: str, path: pathlib.Path) -> None:
        out = {}
        for old, new in self.sides:
            for prefix in (0, 1):
                name = f"{old}.{new}.{prefix}"
                count = prefix + old * old
                v = torch.from_numpy(uniform(1, name, count * WIDTH)).float().reshape(1, count, WIDTH)
                out["from." + name] = array(v)
                out["to." + name] = array(resample_abs_pos_embed(v, [new, new], [old, old], num_prefix_tokens=prefix))
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(out, path, describe(family) | {"family": family, "case": self.name})
        path.chmod(0o644)


CASES = [Grids("grids", [(4, 7), (7, 4), (5, 6), (6, 13), (14, 5)])]
