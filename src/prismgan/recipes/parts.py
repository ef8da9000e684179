"""What the steps of a training read, as its recipe says."""

from __future__ import annotations

from collections.abc import Sequence

from prismgan.data import Row, TrainingSet
from prismgan.data.batches import Part
from prismgan.recipes.recipe import Recipe

__all__ = ["training_parts"]


def training_parts(recipe: Recipe, rows: Sequence[Row], *, seed: int, world: int = 1) -> list[Part]:
    """The training set of each part of the steps, with its batch size and share.

    Steps are of one part, unless looks without a right answer have rows of their own (``training.painting``) and tasks
    of both sorts are trained.

    Args:
        recipe: of the training.
        rows: what to train on.
        seed: of all random choices.
        world: number of processes.

    Raises:
        DataError: there are no rows, or a built-in picture does not exist.
        PictureError: a task's folder holds no picture.
    """
    settings, painting = recipe.training, recipe.training.painting
    tasks, others = recipe.all_tasks(), recipe.other_tasks()
    painted = [task for task in tasks if not task.has_pairs] if painting is not None else []
    restored = [task for task in tasks if task not in painted]
    parts = []
    if restored:
        dataset = TrainingSet(
            rows,
            restored,
            settings.crop,
            recipe.degradation,
            seed,
            recipe.data.cache_mb,
            settings.mirror,
            alongside=[task for task in others if painting is None or task.has_pairs],
            batch=world * settings.batch_size,
            quarter_turns=settings.quarter_turns,
            reject_flat=settings.reject_flat,
        )
        parts.append(Part(dataset, settings.batch_size))
    if painting is not None and painted:
        dataset = TrainingSet(
            [row for row in rows if not row.drawn],
            painted,
            painting.crop,
            painting.degradation,
            seed,
            recipe.data.cache_mb,
            settings.mirror,
            reduced=True,
        )
        share = painting.share if restored else 1.0
        parts = [part._replace(share=1 - share) for part in parts]
        parts.append(Part(dataset, painting.batch_size, share))
    return parts
