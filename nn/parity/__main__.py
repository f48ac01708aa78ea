"""python nn/parity list | write FAMILY/CASE FILE | fixtures FOLDER [FAMILY ...] | keys FOLDER [FAMILY ...]
| write-adapters FOLDER | load-adapters FOLDER

list names the cases of real size; write computes one; fixtures writes the small ones; keys compares the lists of parameters in FOLDER with the libraries' networks. write-adapters has the PEFT library
save those of adapters.py, load-adapters has it load ours.
"""

import importlib
import pathlib
import sys

import torch

HERE = pathlib.Path(__file__).parent


def families(names=()):
    for path in sorted(HERE.glob("*.py")):
        if path.stem not in ("parity", "adapters", "__main__") and (not names or path.stem in names):
            yield path.stem, importlib.import_module(path.stem)


def keys(folder, names):
    """Every list of a variant that a family knows, by KEYS = (which names, what builds one), has the library's names and shapes."""
    wrong, right = [], 0
    for _, module in families(names):
        knows, build = getattr(module, "KEYS", (lambda name: False, None))
        for path in sorted(pathlib.Path(folder).glob("*.txt")):
            if not knows(path.stem):
                continue
            with torch.device("meta"):
                state = build(path.stem, 5).state_dict()
            want = {f"{n} [{' '.join(map(str, v.shape))}]" for n, v in state.items() if not n.endswith("num_batches_tracked")}
            have = set(path.read_text().splitlines())
            right += want == have
            if want != have:
                wrong.append(f"{path.stem}: the library alone has {sorted(want - have)[:5]}, we alone {sorted(have - want)[:5]}")
    print(f"{right} lists of parameters are the libraries'")
    if wrong:
        sys.exit("\n".join(wrong))


def main(verb, *arguments):
    if verb == "list":
        for family, module in families(arguments):
            print(*(f"{family}/{c.name}" for c in module.CASES if not c.fixture), sep="\n")
    elif verb == "write":
        family, name = arguments[0].split("/")
        (module,) = [module for _, module in families([family])]
        (case,) = [c for c in module.CASES if c.name == name]
        case.write(family, pathlib.Path(arguments[1]))
    elif verb == "fixtures":
        for family, module in families(arguments[1:]):
            for c in module.CASES:
                if c.fixture:
                    c.write(family, pathlib.Path(arguments[0], family, c.name + ".safetensors"))
    elif verb in ("write-adapters", "load-adapters"):
        module = importlib.import_module("adapters")
        (module.write if verb == "write-adapters" else module.load)(arguments[0])
    elif verb == "keys":
        keys(arguments[0], arguments[1:])
    else:
        sys.exit(__doc__)


main(*sys.argv[1:])
