"""Whether a run can be gone on with."""

from __future__ import annotations

from prismgan.errors import RecipeError
from prismgan.recipes.recipe import Recipe
from prismgan.recipes.text import differences, load
from prismgan.training.run import Run

__all__ = ["must_be_resumable"]

FREE = {"steps", "log_every", "save_every", "sample_every", "cosines_every", "patience", "trackers"}
"""Of ``training``: lengths, intervals and trackers, which may change."""


def must_be_resumable(run: Run, recipe: Recipe) -> None:
    """Refuse a recipe that is another one than the run's, but for lengths, intervals, and what is measured.

    Raises:
        RecipeError: it is, or the folder holds no training.
    """
    if not run.recipe.exists():
        raise RecipeError(f"{run.folder}: holds no training to resume")
    before = load(run.recipe).model_dump(mode="json")
    now = recipe.model_dump(mode="json")
    for dump in (before, now):
        dump["training"] = {key: value for key, value in dump["training"].items() if key not in FREE}
        for key in ("evaluation", "name"):
            dump.pop(key)
        for key in ("workers", "cache_mb"):
            dump["data"].pop(key)
    changed = differences(before, now)
    if changed:
        raise RecipeError(
            f"{run.folder}: was trained with another recipe and cannot be resumed with this one; "
            f"changed: {'; '.join(changed)}"
        )
