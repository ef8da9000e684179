"""Whether a run can be gone on with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from prismgan.errors import RecipeError
from prismgan.recipes.recipe import Recipe
from prismgan.recipes.text import StrictLoader, differences, load
from prismgan.training.run import Run

__all__ = ["must_be_resumable"]

FREE = {"steps", "log_every", "save_every", "sample_every", "cosines_every", "patience", "trackers"}
"""Of ``training``: lengths, intervals and trackers, which may change."""


def must_be_resumable(run: Run, recipe: Recipe) -> None:
    """Refuse a recipe that is another one than the run's, but for lengths, intervals, and what is measured.

    Raises:
        RecipeError: it is, the folder holds no training, or the run's own recipe leaves a field open.
    """
    if not run.recipe.exists():
        raise RecipeError(f"{run.folder}: holds no training to resume")
    before = _binding(load(run.recipe).model_dump(mode="json"))
    now = _binding(recipe.model_dump(mode="json"))
    written = _binding(yaml.load(run.recipe.read_text(encoding="utf-8"), Loader=StrictLoader))
    if missing := _missing(before, written):
        # Runs write every field. What is missing came after the run, and today's default need not be what it did.
        raise RecipeError(
            f"{run.recipe}: was written by an earlier prismgan and does not say {', '.join(missing)}; write there what "
            "the run was trained with, then resume it"
        )
    changed = differences(before, now)
    if changed:
        raise RecipeError(
            f"{run.folder}: was trained with another recipe and cannot be resumed with this one; "
            f"changed: {'; '.join(changed)}"
        )


def _binding(dump: Mapping[str, Any]) -> dict[str, Any]:
    """What of a recipe a resumed training must share with the run."""
    kept = {key: value for key, value in dump.items() if key not in ("evaluation", "name")}
    for part, free in (("training", FREE), ("data", {"workers", "cache_mb"})):
        kept[part] = {key: value for key, value in kept.get(part, {}).items() if key not in free}
    return kept


def _missing(whole: Any, written: Any, path: str = "") -> list[str]:
    """Paths of the fields that a recipe has, and the text that it was read from does not."""
    there = _parts(written)
    paths = []
    for key, value in _parts(whole).items():
        here = f"{path}.{key}" if path else key
        paths += _missing(value, there[key], here) if key in there else [here]
    return paths


def _parts(value: Any) -> dict[str, Any]:
    """Fields by their key, entries of a list by their name or number; nothing of anything else."""
    if isinstance(value, list):
        return {str(each.get("name", n)) if isinstance(each, dict) else str(n): each for n, each in enumerate(value)}
    return value if isinstance(value, dict) else {}
