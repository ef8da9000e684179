"""Make the file that is shipped out of a run's weights: no discriminator, float16, no paths of this machine.

    python tools/publish_weights.py runs/prism-8/weights.safetensors --recipe recipes/prism-8.yaml \
        --out src/prismgan/weights/prism-8.safetensors

Paths in the header's recipe become relative to the folder of the recipe file that the training was started with. With
``--onto`` a run that trained some of the tasks (``--set only=[...]``) replaces what it trained in a file that has all,
and the header's recipe is that of the recipe file.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

import torch
from torch import Tensor

from prismgan.errors import PrismganError
from prismgan.recipes.text import load
from prismgan.recipes.weights import header
from prismgan.weights import Weights, load_weights

SHARED = ("generator.trunk.", "generator.mapping.")
FINE = ("generator.trunk.up.", "generator.trunk.fine.")
"""Of these, what looks do not read, beside the coarse blocks that they do not share."""
LOOKS = ("generator.trunk.painting.",)
"""Of these, what looks alone read."""


def publish(weights: Path, recipe: Path, out: Path, onto: Path | None = None, *, changed: bool = False) -> None:
    """Write ``out``.

    Raises:
        PrismganError: the weights or the recipe cannot be read, they do not fit those that they are put onto, or
            ``out`` cannot be written.
    """
    loaded = load_weights(weights)
    trained_by = load(recipe)
    if onto is not None:
        loaded = laid_over(loaded, load_weights(onto), changed=changed)
        # What a run of some tasks was set to is not how the others were trained: the file of the recipe says it best.
        described = header(trained_by, loaded.header.step)
        if (described.generator, described.tasks) != (loaded.header.generator, loaded.header.tasks):
            raise PrismganError(f"{recipe}: describes other tasks or sizes than {onto}, so it is not their recipe")
        loaded = replace(loaded, header=described)
    plain = portable(loaded.header.recipe, recipe.parent.resolve())
    update = loaded.header.model_copy(update={"recipe": plain})
    replace(loaded.without("discriminator"), header=update).save(out, torch.float16)


def portable(content: Any, base: Path) -> Any:
    """The same dumped recipe, with every absolute path in it relative to ``base``, the folder of the recipe file.

    It is read back as it was by a recipe file that lies there. What lies beside the folder begins with ``..``. Nothing
    is known here of which fields are paths: whatever looks like an absolute one is.

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


def laid_over(new: Weights, whole: Weights, *, changed: bool = False) -> Weights:
    """``whole`` with the generator's tensors that ``new`` has.

    Args:
        new: of a training of some of the tasks.
        whole: of all of them.
        changed: whether the training may have changed features that tasks read which it did not train.

    Raises:
        PrismganError: the two are networks of other sizes, or ``new`` has a task that ``whole`` lacks, or changed what
            it must not.
    """
    names = {entry.name for entry in whole.header.tasks}
    unknown = [entry.name for entry in new.header.tasks if entry.name not in names]
    if unknown or new.header.generator != whole.header.generator:
        what = f"has no task {unknown[0]!r}" if unknown else "is a network of another size"
        raise PrismganError(f"{whole.path}: {what}, so {new.path} cannot be put onto it")
    trained = {name: tensor for name, tensor in new.tensors.items() if name.startswith("generator.")}
    entries = {entry.name: entry for entry in new.header.tasks}
    sizes = whole.prism_generator("publishing").config
    restoring = tuple(f"generator.trunk.coarse.{number}." for number in range(sizes.shared, sizes.blocks[-1]))
    for entry in whole.header.tasks:
        unread = LOOKS if entry.fine else (*FINE, *restoring)
        if entry.name not in entries and not changed and _shares_another_trunk(trained, whole, unread):
            raise PrismganError(
                f"{new.path}: its training changed features that task {entry.name!r} reads, which it did not train; "
                "train that task again from what is written with --changed"
            )
    tasks = tuple(entries.get(entry.name, entry) for entry in whole.header.tasks)
    update = {"step": whole.header.step + new.header.step, "tasks": tasks}
    return replace(whole, header=whole.header.model_copy(update=update), tensors={**whole.tensors, **trained})


def _shares_another_trunk(trained: Mapping[str, Tensor], whole: Weights, unread: tuple[str, ...]) -> bool:
    """Whether what a task shares is not what it was, as far as float16 can tell; it does not read ``unread``."""
    return any(
        not torch.equal(tensor.half(), whole.tensors[name].half())
        for name, tensor in trained.items()
        if name.startswith(SHARED) and not name.startswith(unread)
    )


def main() -> None:
    """Read the command line; what is the user's to solve is one line on stderr and exit code 2."""
    parser = argparse.ArgumentParser(description="Make the file that is shipped out of a run's weights.")
    parser.add_argument("weights", type=Path, help="weights.safetensors of a run")
    parser.add_argument("--recipe", type=Path, required=True, help="the recipe file that the run was started with")
    parser.add_argument("--out", type=Path, required=True, help="the file to write")
    parser.add_argument("--onto", type=Path, help="weights of all tasks, for a run that trained some of them")
    parser.add_argument("--changed", action="store_true", help="though it changed what other tasks read")
    arguments = parser.parse_args()
    try:
        publish(arguments.weights, arguments.recipe, arguments.out, arguments.onto, changed=arguments.changed)
    except PrismganError as error:
        print(f"publish_weights: {error}", file=sys.stderr)
        sys.exit(2)
    print(f"{arguments.out}: {arguments.out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
