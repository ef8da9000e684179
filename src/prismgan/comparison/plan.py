"""The trainings of a comparison: which there are, in which order, and which are done."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from prismgan.comparison.contenders import Contender
from prismgan.errors import PrismganError, RecipeError
from prismgan.evaluation.measurement import Evaluation
from prismgan.files import entries
from prismgan.recipes.recipe import Recipe
from prismgan.training.resumption import must_be_resumable
from prismgan.training.run import Run

__all__ = ["Training", "find_trainings"]

TITLE = 80
"""Most characters of a recipe's name."""


@dataclass(frozen=True)
class Training:
    """One training: an ordinary run folder inside of the comparison's."""

    contender: str
    part: str
    """The task of an expert; else empty."""
    recipe: Recipe
    run: Run

    @property
    def seed(self) -> int:
        return self.recipe.seed

    @property
    def diverged(self) -> bool:
        """Whether it was given up."""
        return any(event == "diverged" for event in self._events())

    @property
    def rollbacks(self) -> int:
        """How often it went back to a checkpoint."""
        return sum(event == "rollback" for event in self._events())

    @property
    def done(self) -> bool:
        """Whether there is nothing left to train."""
        return self.diverged or self._evaluated() == self.recipe.training.steps

    def prepare(self) -> bool:
        """Make its folder ready to train in; whether there is a checkpoint to go on from.

        Raises:
            RecipeError: the folder holds a training of another recipe.
        """
        if self.run.checkpoint.exists():
            must_be_resumable(self.run, self.recipe)
            return True
        shutil.rmtree(self.run.folder, ignore_errors=True)  # what was killed before its first checkpoint
        return False

    def _events(self) -> list[str]:
        return [str(line.get("event")) for _, line in self.run.lines() if line is not None]

    def _evaluated(self) -> int | None:
        """The step after which it was evaluated."""
        try:
            evaluation = Evaluation.read(self.run.folder / "evaluation.json")
        except PrismganError:  # a damaged one is measured again
            return None
        return None if evaluation is None else evaluation.step


def find_trainings(contenders: Sequence[Contender], seeds: int, folder: Path) -> list[Training]:
    """Every contender with ``seeds`` seeds from the recipe's on, seed after seed: a machine that grows busier then
    slows all contenders down alike, and a comparison that is stopped early has compared something."""
    found = []
    for number in range(seeds):
        for contender in contenders:
            for part, recipe in contender.recipes.items():
                seed = recipe.seed + number
                title = f"{recipe.name}: {' '.join(filter(None, (contender.name, part)))}, seed {seed}"
                place = folder / contender.folder / part / f"seed-{seed}"
                own = recipe.model_copy(update={"seed": seed, "name": title[-TITLE:]})
                found.append(Training(contender.name, part, own, Run(place)))
    return found


def must_be_startable(folder: Path, resume: bool) -> None:
    """Refuse to start in a folder that holds something, and to resume in one that holds nothing.

    Raises:
        RecipeError: it is so.
    """
    filled = folder.is_dir() and bool(entries(folder))
    if filled and not resume:
        raise RecipeError(
            f"{folder}: is not empty; go on with the comparison in it by --resume, or choose another folder"
        )
    if resume and not filled:
        raise RecipeError(f"{folder}: holds no comparison to resume; start it without --resume")
