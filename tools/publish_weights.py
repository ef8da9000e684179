"""Make the file that is shipped out of a run's weights: no discriminator, float16, no paths of this machine.

    python tools/publish_weights.py runs/prism-8/weights.safetensors --recipe recipes/prism-8.yaml \
        --out src/prismgan/weights/prism-8.safetensors

Paths in the header's recipe become relative to the folder of the recipe file that the training was started with. With
``--onto`` a run that trained some of the tasks (``--set only=[...]``) replaces what it trained in a file that has all.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import torch

from prismgan.errors import PrismganError
from prismgan.models.weights import Weights, load_weights
from prismgan.training.portable import portable


def publish(weights: Path, recipe: Path, out: Path, onto: Path | None = None) -> None:
    """Write ``out``.

    Raises:
        PrismganError: the weights or the recipe cannot be read, they do not fit those that they are put onto, or
            ``out`` cannot be written.
    """
    if not recipe.is_file():
        raise PrismganError(f"{recipe}: no such recipe")
    loaded = load_weights(weights)
    if onto is not None:
        loaded = laid_over(loaded, load_weights(onto))
    plain = portable(loaded.header.recipe, recipe.parent.resolve())
    header = loaded.header.model_copy(update={"recipe": plain})
    replace(loaded.without("discriminator"), header=header).save(out, torch.float16)


def laid_over(new: Weights, whole: Weights) -> Weights:
    """``whole`` with the generator's tensors that ``new`` has.

    Raises:
        PrismganError: the two are networks of other sizes, or ``new`` has a task that ``whole`` lacks.
    """
    names = {entry.name for entry in whole.header.tasks}
    unknown = [entry.name for entry in new.header.tasks if entry.name not in names]
    if unknown or new.header.generator != whole.header.generator:
        what = f"has no task {unknown[0]!r}" if unknown else "is a network of another size"
        raise PrismganError(f"{whole.path}: {what}, so {new.path} cannot be put onto it")
    trained = {name: tensor for name, tensor in new.tensors.items() if name.startswith("generator.")}
    entries = {entry.name: entry for entry in (*whole.header.tasks, *new.header.tasks)}
    tasks = tuple(entries[entry.name] for entry in whole.header.tasks)
    update = {
        "step": whole.header.step + new.header.step,
        "tasks": tasks,
        "recipe": {**new.header.recipe, "only": None},
    }
    return replace(whole, header=whole.header.model_copy(update=update), tensors={**whole.tensors, **trained})


def main() -> None:
    """Read the command line; what is the user's to solve is one line on stderr and exit code 2."""
    parser = argparse.ArgumentParser(description="Make the file that is shipped out of a run's weights.")
    parser.add_argument("weights", type=Path, help="weights.safetensors of a run")
    parser.add_argument("--recipe", type=Path, required=True, help="the recipe file that the run was started with")
    parser.add_argument("--out", type=Path, required=True, help="the file to write")
    parser.add_argument("--onto", type=Path, help="weights of all tasks, for a run that trained some of them")
    arguments = parser.parse_args()
    try:
        publish(arguments.weights, arguments.recipe, arguments.out, arguments.onto)
    except PrismganError as error:
        print(f"publish_weights: {error}", file=sys.stderr)
        sys.exit(2)
    print(f"{arguments.out}: {arguments.out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
