"""Whether a run can be gone on with, and by how many processes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from prismgan.errors import RecipeError
from prismgan.recipes.recipe import Recipe
from prismgan.recipes.text import differences, load, read_yaml, to_yaml
from prismgan.training.run import Run

__all__ = ["batch_size_so_far", "must_be_resumable", "pictures_must_be_the_same"]

FREE = {"batch_size", "steps", "log_every", "save_every", "sample_every", "cosines_every", "patience", "trackers"}
"""Of ``training``: lengths, intervals and trackers may change; the batch size with the number of processes."""


def batch_size_so_far(run: Run, recipe: Recipe, resume: bool | Literal["auto"]) -> bytes:
    """The batch size that the run goes on from, in digits; nothing where it starts.

    Args:
        run: that is about to start or to go on.
        recipe: to train.
        resume: whether to go on; ``"auto"`` goes on where there is a checkpoint.

    Raises:
        RecipeError: the folder does not fit.
    """
    if resume == "auto":
        resume = run.checkpoint.exists() or run.is_bare()
    if not resume:
        run.must_be_new(to_yaml(recipe))
        return b""
    before = must_be_resumable(run, recipe)
    return b"" if run.is_bare() else str(before).encode()  # killed before its first checkpoint, it is started again


def must_be_resumable(run: Run, recipe: Recipe) -> int:
    """Refuse a recipe that is another one than the run's, but for lengths, intervals, and what is measured.

    Returns:
        The batch size that the run was trained with so far, for :func:`pictures_must_be_the_same`.

    Raises:
        RecipeError: it is, the folder holds no training, or the run's own recipe leaves a field open.
    """
    if not run.recipe.exists():
        raise RecipeError(f"{run.folder}: holds no training to resume")
    trained = load(run.recipe)
    before = _binding(trained.model_dump(mode="json"))
    now = _binding(recipe.model_dump(mode="json"))
    written = _binding(read_yaml(run.recipe.read_text(encoding="utf-8")))
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
    return trained.training.batch_size


def pictures_must_be_the_same(run: Run, before: tuple[int, int], now: tuple[int, int]) -> None:
    """Refuse to go on with another number of pictures in a step: what a picture is cut to is a function of its place.

    Args:
        run: that is to be resumed.
        before: number of processes, and pictures in a step of each, that the run was trained with.
        now: that it would go on with.

    Raises:
        RecipeError: the products differ.
    """
    pictures = before[0] * before[1]
    if pictures != now[0] * now[1]:
        many = f"{before[0]} process{'es' if before[0] > 1 else ''}"
        way = f"set training.batch_size to {pictures // now[0]}" if not pictures % now[0] else f"start {many}"
        raise RecipeError(
            f"{run.folder}: was trained on {pictures} pictures a step, {before[1]} for each of {many}, and this would "
            f"go on with {now[0]} x {now[1]}; {way}"
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
