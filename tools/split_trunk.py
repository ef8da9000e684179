"""Let looks and restoration share fewer blocks of the trunk: each gets a copy of those that they no longer share.

    python tools/split_trunk.py WEIGHTS --shared 2 --out SPLIT

No output changes. What is trained next changes one of the two (``model.frozen``).
"""

from __future__ import annotations

import argparse
import copy
import sys
from dataclasses import replace
from pathlib import Path

from prismgan.errors import PrismganError
from prismgan.models.weights import Weights, load_weights

BLOCKS = "generator.trunk.coarse."
BRANCHES = ("generator.trunk.looks.", "generator.trunk.restoring.")


def split(weights: Weights, shared: int) -> Weights:
    """The same weights with so many shared blocks.

    Raises:
        PrismganError: they share fewer already.
    """
    sizes = weights.prism_generator("a trunk that parts").config
    now = sizes.blocks[-1] if sizes.shared is None else sizes.shared
    if not 0 <= shared <= now:
        raise PrismganError(f"{weights.path}: looks and restoration share {now} blocks; choose 0 to {now}")
    tensors = {}
    for name, tensor in weights.tensors.items():
        branch = next((branch for branch in BRANCHES if name.startswith(branch)), None)
        if name.startswith(BLOCKS):
            number, rest = name.removeprefix(BLOCKS).split(".", 1)
            if int(number) < shared:
                tensors[name] = tensor
            else:
                tensors |= {f"{each}{int(number) - shared}.{rest}": tensor.clone() for each in BRANCHES}
        elif branch:
            number, rest = name.removeprefix(branch).split(".", 1)
            tensors[f"{branch}{int(number) + now - shared}.{rest}"] = tensor
        else:
            tensors[name] = tensor
    header = weights.header
    recipe = copy.deepcopy(header.recipe)
    recipe["model"]["generator"]["shared"] = shared
    update = {"generator": sizes.model_copy(update={"shared": shared}), "recipe": recipe}
    return replace(weights, header=header.model_copy(update=update), tensors=tensors)


def main() -> None:
    """Read the command line; what is the user's to solve is one line on stderr and exit code 2."""
    parser = argparse.ArgumentParser(description="Let looks and restoration share fewer blocks of the trunk.")
    parser.add_argument("weights", type=Path, help="a .safetensors file")
    parser.add_argument("--shared", type=int, required=True, help="blocks of the coarsest level that they share")
    parser.add_argument("--out", type=Path, required=True, help="the file to write")
    arguments = parser.parse_args()
    try:
        split(load_weights(arguments.weights), arguments.shared).save(arguments.out)
    except PrismganError as error:
        print(f"split_trunk: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
