"""Make the published file from a run's weights: both networks in float16, without paths of this machine.

    python tools/publish_weights.py runs/prism-8/weights.safetensors --recipe recipes/prism-8.yaml \
        --out src/prismgan/weights/prism-8.safetensors

Paths in the header's recipe become relative to the folder of the recipe file that the training was started with.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

import torch

from prismgan.errors import PrismganError
from prismgan.recipes.text import load
from prismgan.weights import load_weights


def publish(weights: Path, recipe: Path, out: Path) -> None:
    """Write ``out``.

    Raises:
        PrismganError: the weights or the recipe cannot be read, or ``out`` cannot be written.
    """
    loaded = load_weights(weights)
    load(recipe)  # a wrong name is found here
    plain = portable(loaded.header.recipe, recipe.parent.resolve())
    update = loaded.header.model_copy(update={"recipe": plain})
    replace(loaded, header=update).save(out, torch.float16)


def portable(content: Any, base: Path) -> Any:
    """The same dumped recipe, with every absolute path in it relative to ``base``, the folder of the recipe file.

    A recipe file in that folder is read with the original paths. Paths outside the folder begin with ``..``. Every text
    that looks like an absolute path is treated as one, whatever its field.

    Args:
        content: dictionaries, lists and plain values, as of ``recipe.model_dump(mode="json")``.
        base: an absolute folder.
    """
    if isinstance(content, dict):
        return {key: portable(value, base) for key, value in content.items()}
    if isinstance(content, list):
        return [portable(value, base) for value in content]
    if isinstance(content, str) and PurePath(content).is_absolute():
        return Path(os.path.relpath(content, base)).as_posix()
    return content


def main() -> None:
    """Read the command line. An error that the user can fix is one line on stderr with exit code 2."""
    parser = argparse.ArgumentParser(description="Make the file that is shipped out of a run's weights.")
    parser.add_argument("weights", type=Path, help="weights.safetensors of a run")
    parser.add_argument("--recipe", type=Path, required=True, help="the recipe file that the run was started with")
    parser.add_argument("--out", type=Path, required=True, help="the file to write")
    arguments = parser.parse_args()
    try:
        publish(arguments.weights, arguments.recipe, arguments.out)
    except PrismganError as error:
        print(f"publish_weights: {error}", file=sys.stderr)
        sys.exit(2)
    print(f"{arguments.out}: {arguments.out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
