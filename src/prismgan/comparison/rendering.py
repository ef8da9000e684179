"""What contenders make of test pictures, to be looked at, and how long it takes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from prismgan import data, images
from prismgan.batch import Batch
from prismgan.comparison.plan import Training
from prismgan.data import TestSet
from prismgan.data.scene import largest_scale
from prismgan.recipes.recipe import Recipe
from prismgan.render.cost import take_turns
from prismgan.tasks import Exemplar, Task
from prismgan.weights import load_weights

__all__ = ["EXPECTED", "SOURCE", "load_renderer", "render_pictures", "rendering_seconds"]

Render = Callable[[Tensor], Mapping[str, Tensor]]

PICTURES = 2
SIDE = 256
"""Longest side that a source has, in pixels, where its photo is large enough."""
SOURCE, EXPECTED = "source", "expected"
"""Names of the files beside those of contenders: what went in, and the target or exemplar."""
HEIGHT, WIDTH, REPEATS = 256, 384, 5
"""Of the picture that is timed, and how often."""


def load_renderer(trainings: Sequence[Training]) -> Render:
    """The generators of one contender and one seed, as one: every task's image of a source.

    Raises:
        WeightsError: weights of a training cannot be read.
    """
    generators = [load_weights(training.run.weights).generator() for training in trainings]

    @torch.inference_mode()
    def render(source: Float[Tensor, "B 3 H W"]) -> dict[str, Float[Tensor, "B 3 sH sW"]]:
        outputs: dict[str, Tensor] = {}
        for generator in generators:
            outputs |= generator(source, generator.seeded_latent())
        return outputs

    return render


def rendering_seconds(renderers: Mapping[str, Render]) -> dict[str, float]:
    """Median seconds for all tasks of one picture, by contender, taken in turn."""
    source = torch.rand(1, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(0)).mul(2).sub(1)
    source = source.to(memory_format=torch.channels_last)
    ways: dict[str, Callable[[], object]] = {}
    for name, render in renderers.items():
        ways[name] = lambda render=render: render(source)  # type: ignore[misc]
    return take_turns(ways, REPEATS)


def render_pictures(renderers: Mapping[str, Render], recipe: Recipe, folder: Path) -> None:
    """Write what contenders, by the names of their files, make of a few test pictures, as ``PICTURE/TASK/NAME.png``.

    Raises:
        PrismganError: a file cannot be written.
    """
    tasks = recipe.all_tasks()
    _, rows = data.split(data.rows(recipe.data), recipe.data)
    condition = recipe.evaluation.conditions[-1]
    others = recipe.other_tasks()
    maximum_side = SIDE * largest_scale([*tasks, *others]) // 2
    test = TestSet(rows[:PICTURES], tasks, condition, maximum_side, recipe.seed, alongside=others)
    for number, batch in enumerate(test, start=1):
        looks = {name: render(batch.source) for name, render in renderers.items()}
        for task in tasks:
            place = folder / f"picture-{number}" / task.name
            place.mkdir(parents=True, exist_ok=True)
            shown = {SOURCE: batch.source[0], **{name: found[task.name][0] for name, found in looks.items()}}
            if (expected := _expected(task, batch)) is not None:
                shown[EXPECTED] = expected
            for name, picture in shown.items():
                images.write(place / f"{name}.png", picture)


def _expected(task: Task, batch: Batch) -> Float[Tensor, "3 H W"] | None:
    """The target or an exemplar; None for a row or a task that has neither."""
    if isinstance(task.target, Exemplar):
        return data.exemplars(task)[0]
    has_one = task.has_pairs and bool(batch.present.get(task.name, torch.ones(1)).all())
    return batch.targets[task.name][0] if has_one else None
