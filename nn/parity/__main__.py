"""python nn/parity list | write FAMILY/CASE FILE | fixtures FOLDER [FAMILY ...]"""

import importlib
import pathlib
import sys

HERE = pathlib.Path(__file__).parent


def families(names=()):
    for path in sorted(HERE.glob("*.py")):
        if path.stem not in ("parity", "__main__") and (not names or path.stem in names):
            yield path.stem, importlib.import_module(path.stem).CASES


def main(verb, *arguments):
    if verb == "list":
        for family, cases in families(arguments):
            print(*(f"{family}/{c.name}" for c in cases if not c.fixture), sep="\n")
    elif verb == "write":
        family, name = arguments[0].split("/")
        (cases,) = [cases for _, cases in families([family])]
        (case,) = [c for c in cases if c.name == name]
        case.write(family, pathlib.Path(arguments[1]))
    elif verb == "fixtures":
        for family, cases in families(arguments[1:]):
            for c in cases:
                if c.fixture:
                    c.write(family, pathlib.Path(arguments[0], family, c.name + ".safetensors"))
    else:
        sys.exit(__doc__)


main(*sys.argv[1:])
