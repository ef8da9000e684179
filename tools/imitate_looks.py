"""Give looks a part of the trunk for themselves that starts from what they read before.

    python tools/imitate_looks.py WEIGHTS --recipe RECIPE --minutes 8 --out STARTED

A new part of the trunk (``model.generator.looks`` of the recipe) would start from nothing, and the heads behind it with
it. So it is first taught to say what the coarsest level, which looks have read so far, says of photos: an error of
features, without heads and without losses of looks, which takes minutes. Restoration's outputs stay as they are; looks
go on with ``prismgan train --from STARTED --set model.frozen=restoration``.
"""

from __future__ import annotations

import argparse
import copy
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch
from torch.nn import functional as F

from prismgan import data
from prismgan.errors import PrismganError
from prismgan.models.schedule import Schedule
from prismgan.networks import Generator
from prismgan.recipes.recipe import Recipe
from prismgan.recipes.text import load
from prismgan.training.precision import precision
from prismgan.weights import Weights, load_weights

CROP, BATCH, RATE, SHOWN = 160, 3, 1e-3, 50


def imitate(weights: Weights, recipe: Recipe, minutes: float, steps: int | None = None) -> Weights:
    """The weights with the recipe's part for looks, after so many minutes or steps.

    Raises:
        PrismganError: the weights have such a part already, or the recipe has none, or is of another network.
    """
    old = weights.prism_generator("a part of the trunk for looks")
    sizes = recipe.model.generator
    if old.config.looks is not None or sizes != old.config.model_copy(update={"looks": getattr(sizes, "looks", None)}):
        raise PrismganError(f"{weights.path}: is not the recipe's network but for the part that looks get")
    torch.manual_seed(recipe.seed)
    new = Generator(sizes, list(old.specs.values()))
    new.load_state_dict(old.state_dict(), strict=False)
    painting = new.trunk.painting
    if painting is None:
        raise PrismganError("the recipe's model.generator.looks is null: there is nothing to teach")
    train, _ = data.split(data.rows(recipe.data), recipe.data)
    photos = data.TrainingSet(train, [], CROP, recipe.degradation, recipe.seed, reduced=True)
    optimizer = torch.optim.Adam(painting.parameters(), lr=RATE, betas=(0.9, 0.99))
    number = precision("auto", "cpu")
    started, step, errors = time.monotonic(), 0, 0.0
    for batch in data.batches(photos, BATCH, 0, steps or 2**31):
        progress = step / steps if steps else (time.monotonic() - started) / (60 * minutes)
        if progress >= 1:
            break
        optimizer.param_groups[0]["lr"] = RATE * Schedule(warmup=50).factor(step, round(step / max(progress, 1e-3)))
        with torch.autocast("cpu", number, enabled=number != torch.float32):
            with torch.no_grad():
                cells = old.bordered(batch.source)[..., 1:-1, 1:-1]
                wanted = old.trunk(cells, fine=False).coarse
                shared = new.trunk(cells, looks=False, fine=False).coarse
            found = painting(shared)
            error = F.mse_loss(found.float(), wanted.float()) / wanted.float().var()
        optimizer.zero_grad(set_to_none=True)
        error.backward()
        torch.nn.utils.clip_grad_norm_(painting.parameters(), 1.0)
        optimizer.step()
        errors, step = errors + float(error.detach()), step + 1
        if step % SHOWN == 0:
            print(f"step {step}  {time.monotonic() - started:5.0f} s  error {errors / SHOWN:.4f}", flush=True)
            errors = 0.0
    described = copy.deepcopy(weights.header.recipe)
    described["model"]["generator"]["looks"] = sizes.model_dump()["looks"]
    header = weights.header.model_copy(update={"generator": sizes, "recipe": described})
    tensors = {f"generator.{name}": tensor.detach() for name, tensor in new.state_dict().items()}
    return replace(weights, header=header, tensors=tensors)


def main() -> None:
    """Read the command line; what is the user's to solve is one line on stderr and exit code 2."""
    parser = argparse.ArgumentParser(
        description="Give looks a part of the trunk that starts from what they read before."
    )
    parser.add_argument("weights", type=Path, help="a .safetensors file without such a part")
    parser.add_argument("--recipe", type=Path, required=True, help="the recipe, with model.generator.looks")
    parser.add_argument("--out", type=Path, required=True, help="the file to write")
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--steps", type=int, help="so many steps instead")
    arguments = parser.parse_args()
    try:
        weights, recipe = load_weights(arguments.weights), load(arguments.recipe)
        imitate(weights, recipe, arguments.minutes, arguments.steps).save(arguments.out)
    except PrismganError as error:
        print(f"imitate_looks: {error}", file=sys.stderr)
        sys.exit(2)
    print(f"{arguments.out}: {arguments.out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
