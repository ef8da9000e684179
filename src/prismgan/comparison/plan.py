"""The trainings of a comparison: their order, their state, and the display of their progress."""

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from prismgan.comparison.variants import Variant
from prismgan.errors import PrismganError, RecipeError
from prismgan.evaluation.measurement import Evaluation
from prismgan.files import entries
from prismgan.recipes.recipe import Recipe
from prismgan.report.wording import duration
from prismgan.training.display import Display
from prismgan.training.run import Run, check_resumable

EVERY = 15.0  # seconds between two lines if the output is a file or a pipe
TITLE = 80  # maximum characters of a recipe's name


@dataclass(frozen=True)
class Training:
    """One training: an ordinary run folder inside of the comparison's."""

    variant: str
    part: str  # the task of an expert; else empty
    recipe: Recipe
    run: Run

    @property
    def seed(self) -> int:
        return self.recipe.seed

    def times(self, event: str) -> int:
        """Number of occurrences of an event in the training's log: ``diverged``, ``rollback``."""
        return sum(line is not None and line.get("event") == event for _, line in self.run.lines())

    @property
    def done(self) -> bool:
        if self.times("diverged"):
            return True
        try:
            evaluation = Evaluation.read(self.run.folder / "evaluation.json")
        except PrismganError:  # a damaged one is measured again
            return False
        return evaluation is not None and evaluation.step == self.recipe.training.steps

    def prepare(self) -> bool:
        """Prepare its folder for training; returns whether there is a checkpoint to continue from."""
        if self.run.checkpoint.exists():
            check_resumable(self.run, self.recipe)
            return True
        shutil.rmtree(self.run.folder, ignore_errors=True)  # a training killed before its first checkpoint
        return False


def find_trainings(variants: Sequence[Variant], seeds: int, folder: Path) -> list[Training]:
    """Every variant with ``seeds`` seeds starting with the recipe's, seed by seed, so that a busier machine slows all
    variants equally, and a comparison that is stopped early has comparable results."""
    trainings = []
    for number in range(seeds):
        for variant in variants:
            for part, recipe in variant.recipes.items():
                seed = recipe.seed + number
                title = f"{recipe.name}: {' '.join(filter(None, (variant.name, part)))}, seed {seed}"
                place = folder / variant.folder / part / f"seed-{seed}"
                own = recipe.model_copy(update={"seed": seed, "name": title[-TITLE:]})
                trainings.append(Training(variant.name, part, own, Run(place)))
    return trainings


def check_startable(folder: Path, resume: bool) -> None:
    """Raise if a new comparison's folder is not empty, or if there is nothing to resume."""
    filled = folder.is_dir() and bool(entries(folder))
    if filled and not resume:
        raise RecipeError(f"{folder}: is not empty; continue with --resume, or choose another folder")
    if resume and not filled:
        raise RecipeError(f"{folder}: holds no comparison to resume; start it without --resume")


class ComparisonDisplay(Display):
    """Two bars and the time left, or a line now and then if not on a terminal, for the training announced last.
    :attr:`bars` are a context manager."""

    def __init__(self, trainings: Sequence[Training]) -> None:
        self.console = Console(stderr=True)
        self.trainings = list(trainings)
        self._steps = sum(training.recipe.training.steps for training in trainings)
        self._done = 0  # steps of the trainings that are done
        self._timed, self._seconds = 0, 0.0  # of these, the steps whose time is known, and that time
        self._current: Training | None = None
        self._first = 0
        self._entered = self._printed = time.monotonic()
        shown = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[remark]}")
        hidden = not self.console.is_terminal
        self.bars = Progress(*shown, console=self.console, redirect_stdout=False, disable=hidden)
        self._all = self.bars.add_task("all steps", total=self._steps, remark="")
        self._one = self.bars.add_task("", total=1, remark="")

    def finish(self, training: Training, seconds: float, first: int = 0) -> None:
        """A training is done; its steps starting at ``first`` took ``seconds``."""
        steps = training.recipe.training.steps
        self._timed += steps - first
        self._seconds += seconds
        self._done += steps
        self.bars.update(self._all, completed=self._done)

    def done(self, training: Training, seconds: float, machine: str) -> None:
        """A training was done by another machine in ``seconds``."""
        self.finish(training, seconds)
        self.event(f"{self._name(training)}: done in {duration(seconds)} by {machine}")

    def enter(self, training: Training) -> None:
        self._current, self._entered = training, time.monotonic()
        steps = training.recipe.training.steps
        self.bars.update(self._one, description=self._name(training), total=steps, completed=0)

    def leave(self) -> None:
        assert self._current is not None
        self.finish(self._current, time.monotonic() - self._entered, self._first)
        self._current = None

    def start(self, step: int, steps: int) -> None:
        self._first = step

    def step(self, step: int, steps: int, log: Mapping[str, float], images_per_second: float) -> None:
        now = time.monotonic()
        pace = (self._seconds + now - self._entered) / max(1, self._timed + step - self._first)
        left = duration(pace * (self._steps - self._done - step))
        remark = f"{images_per_second:.0f} images/s"
        self.bars.update(self._one, completed=step, total=steps, remark=remark)
        self.bars.update(self._all, completed=self._done + step, remark=f"ETA {left}")
        if not self.console.is_terminal and (now - self._printed >= EVERY or step == steps):
            self._printed = now
            self.event(f"step {step}/{steps}  {remark}  ETA of all {left}")

    def event(self, message: str) -> None:
        name = f"{self._name(self._current)}: " if self._current is not None else ""
        self.console.print(f"{name}{message}", highlight=False, markup=False, soft_wrap=True)

    def _name(self, training: Training) -> str:
        number = 1 + [each.run.folder for each in self.trainings].index(training.run.folder)
        part = f" {training.part}" if training.part else ""
        return f"{number}/{len(self.trainings)} {training.variant}{part}, seed {training.seed}"
