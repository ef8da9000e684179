"""The training loop: batches into a model, and around it averaging, logging, samples, checkpoints and recovery."""

from __future__ import annotations

import math
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from prismgan import data, images
from prismgan.balancing import gradient_cosines
from prismgan.batch import Batch
from prismgan.data.batches import killed_workers_named
from prismgan.errors import DivergedError, WeightsError
from prismgan.evaluation.evaluator import evaluator
from prismgan.evaluation.photos import judge
from prismgan.evaluation.set_scores import NamedMetrics
from prismgan.models import build
from prismgan.models.agreement import shared_gradients
from prismgan.models.gradients import from_first, lost_processes_named, processes, total
from prismgan.packages import require_training
from prismgan.recipes.parts import training_parts
from prismgan.recipes.recipe import Recipe
from prismgan.recipes.text import to_yaml
from prismgan.recipes.weights import header
from prismgan.report import write_report
from prismgan.training.checkpoint import load_checkpoint, save_checkpoint
from prismgan.training.display import Display, Silent
from prismgan.training.ema import Average
from prismgan.training.precision import precision
from prismgan.training.resumption import batch_size_so_far, pictures_must_be_the_same
from prismgan.training.run import Run
from prismgan.training.signals import signals_told
from prismgan.training.trackers import Trackers
from prismgan.weights import load_weights, save_weights

__all__ = ["Trainer"]

MOST_ROLLBACKS = 8
REPLAN_EVERY = 10
TELL_EVERY = 5.0
"""Seconds between two lines about an evaluation that goes on."""


class Trainer:
    """Trains a recipe in a run folder."""

    def __init__(
        self,
        recipe: Recipe,
        folder: Path,
        *,
        resume: bool | Literal["auto"] = False,
        display: Display | None = None,
        minutes: float | None = None,
        fewest_steps: int = 0,
        start_from: Path | None = None,
    ) -> None:
        """Read data and, to resume, the checkpoint; ``"auto"`` resumes where there is one, else starts.

        A training may start from the generator of a weights file: tensors that fit by name and shape are taken over,
        the others start as always.

        With ``minutes`` training takes that long, whatever the recipe's number of steps: the schedule is stretched to
        the steps that fit as their speed shows. Such a run is not reproducible to the bit. Where fewer than
        ``fewest_steps`` fit, it takes up to half as long again.

        Raises:
            DataError: the data does not fit the tasks; all problems are named.
            RecipeError: the run folder holds another training, or ``resume`` is asked for with another recipe.
            WeightsError: the checkpoint, or weights that the recipe names, cannot be read.
            PrismganError: another training works in the run folder.
        """
        require_training()
        from accelerate import PartialState

        state = PartialState(cpu=not torch.cuda.is_available())
        self.rank, self.world = processes()
        self.run = Run(folder)
        self.recipe = recipe
        self.display: Display = display if display is not None and self.rank == 0 else Silent()
        self.tasks = recipe.all_tasks()
        others = recipe.other_tasks()
        batch_size = from_first(lambda: batch_size_so_far(self.run, recipe, resume))
        self._resumed = bool(batch_size)
        for problem in data.must_fit(recipe.data, [*self.tasks, *others], recipe.training.crop):
            if not problem.skippable:  # a damaged picture is named when it is drawn
                self.display.event(f"{problem.severity}: {problem}")
        train, self.test = data.split(data.rows(recipe.data), recipe.data)
        self.parts = training_parts(recipe, train, seed=recipe.seed, world=self.world)
        self.model = build(
            recipe.model,
            self.tasks,
            {task.name: data.exemplars(task) for task in self.tasks},
            steps=recipe.training.steps,
            seed=recipe.seed,
            device=str(state.device),
            precision=precision(recipe.training.precision, str(state.device)),
        )
        if start_from is not None and not self._resumed:
            weights, discriminator = load_weights(start_from), self.model.discriminator
            taken = weights.take_over(self.model.generator)
            if discriminator is not None:
                taken += weights.take_over(discriminator, "discriminator")
            self.display.event(f"started from {start_from}: {taken} of its tensors fit")
        metrics = NamedMetrics.of(recipe.evaluation, str(state.device))  # not at the end: a file may be missing
        self.evaluator = evaluator(recipe, self.model, self.tasks, train, self.test, metrics)
        self.average = Average(self.model.generator, recipe.training.ema)
        self.step = 0
        self.steps = recipe.training.steps
        self.minutes = minutes
        self.fewest_steps = fewest_steps
        self.rollbacks = 0
        self.skipped_pictures: set[str] = set()
        self.seconds_before = 0.0
        self._started_again = bool(resume) and not self._resumed
        self._lock = ExitStack()
        """Of the run folder: from the moment a checkpoint is read until the end of the training."""
        if self._resumed:
            with self._locked() as held:
                self._load(int(batch_size))
                if self.rank == 0:
                    self.seconds_before, unreadable = self.run.rewind(self.step)
                    if unreadable:
                        self.display.event(f"{self.run.metrics}: {unreadable} lines could not be read and are left out")
                self._lock = held.pop_all()
        self._signal: int | None = None
        names = recipe.training.trackers if self.rank == 0 else ()
        self.trackers = Trackers(names, self.run, self.display.event)

    # -- the loop ---------------------------------------------------------------------------------

    def train(self) -> bool:
        """Train to the last step; False if a signal ended it earlier (everything is saved either way).

        Raises:
            DivergedError: training keeps diverging.
            PrismganError: something cannot be written, or another training works in the run folder.
        """
        with self._lock if self._resumed else self._locked():
            if self.rank == 0 and not (self._resumed or (self._started_again and self.run.is_bare())):
                self.run.must_be_new(to_yaml(self.recipe))  # once more: another one may have come and gone
            return self._train()

    def _locked(self) -> ExitStack:
        """The lock of the run folder, which the first process holds for all."""
        held = ExitStack()
        if self.rank == 0:
            held.enter_context(self.run.locked())
        return held

    def _train(self) -> bool:
        settings = self.recipe.training
        if self.rank == 0:
            self.run.write("recipe.yaml", to_yaml(self.recipe))
        if self.step:
            self._event("resumed", f"resumed at step {self.step}")
        else:
            self._save()
        if self.rank == 0:
            self.trackers.start(self.recipe.name, self.recipe.model_dump(mode="json"), self.step)
        self.display.start(self.step, self.steps)
        try:
            with signals_told(self._ask_to_stop), killed_workers_named(), lost_processes_named():
                while self.step < self.steps and self._signal is None:
                    self._train_until_rollback()
                if self.step % settings.save_every or self._signal is not None:
                    self._save()
        finally:
            self.display.stop()
            self.trackers.finish()
        if self._signal is not None:
            self.display.event(f"stopped by {signal.Signals(self._signal).name} at step {self.step}; all is saved")
            return False
        self._finish()
        return True

    def _train_until_rollback(self) -> None:
        settings = self.recipe.training
        window: dict[str, list[float]] = defaultdict(list)
        started = last = time.monotonic()
        in_a_row = rows = 0
        # Where time decides, no number of steps is too large to prepare for.
        left = self.steps - self.step if self.minutes is None else 2**31
        for batch in data.batches(self.parts, self.step, left, self.rank, self.world, self.recipe.data.workers):
            self._name_skipped(batch)
            log = self._step(batch.to(self.model.device))
            self.step += 1
            rows += len(batch.source)
            for key, value in log.items():
                window[key].append(float(value))
            if float(log["skipped"]):
                in_a_row += 1
                self._event("skipped", f"step {self.step}: a loss or gradient is not finite; the step is skipped")
                if in_a_row >= settings.patience:
                    self.seconds_before += time.monotonic() - started
                    self._roll_back()
                    return
            else:
                in_a_row = 0
                self.average.update(self.step)
            now = time.monotonic()
            # In the first steps always, so that nobody is told how long the recipe's own number of steps would take.
            if self.minutes is not None and (self.step < REPLAN_EVERY or self.step % REPLAN_EVERY == 0):
                self._replan(self.seconds_before + now - started)
            if self.step % settings.log_every == 0 or self.step == self.steps:
                speed = rows * self.world / max(now - last, 1e-9)
                rows = 0
                last = now
                means = {key: _mean(values) for key, values in window.items()}
                window.clear()
                self._log(means, speed, self.seconds_before + now - started)
            if settings.sample_every and self.step % settings.sample_every == 0:
                self._sample()
            if self.recipe.evaluation.every and self.step % self.recipe.evaluation.every == 0:
                self._evaluate()
            if self.step % settings.save_every == 0:
                self._save()
            if self._stop_asked() or self.step >= self.steps:
                break
        self.seconds_before += time.monotonic() - started

    def _step(self, batch: Batch) -> dict[str, Tensor]:
        """The model's step; where they are due, with the cosines between the gradients that the tasks start it from."""
        every = self.recipe.training.cosines_every
        if not every or (self.step + 1) % every or len(self.tasks) == 1:
            return self.model.step(batch)
        gradients = shared_gradients(self.model, batch)
        cosines = gradient_cosines(gradients)
        names = list(gradients)
        log = {
            f"cosine/{names[column]}/{names[row]}": cosines[row, column]
            for row in range(len(names))
            for column in range(row)
        }
        return {**self.model.step(batch), **log}

    def _replan(self, seconds: float) -> None:
        """Give the schedule the length that ends on time, ``seconds`` after the training began by the first process's
        clock: all are to end at the same step."""
        assert self.minutes is not None
        told = torch.tensor([seconds if self.rank == 0 else 0.0], device=self.model.device)
        pace = self.step / float(total(told))
        fits = round(60 * self.minutes * pace)
        self.steps = max(self.step, fits, min(self.fewest_steps, round(1.5 * fits)))
        self.model.steps = self.steps

    def _log(self, means: dict[str, float], speed: float, seconds: float) -> None:
        opponent = self.recipe.model.opponent
        clips = {
            "clip/generator": self.recipe.model.clip,
            "clip/discriminator": None if opponent is None else opponent.clip,
        }
        values = {"step": self.step, "time": round(seconds, 3), "images_per_second": round(speed, 3), **means}
        values |= {key: limit for key, limit in clips.items() if limit is not None}
        line = {key: value if math.isfinite(value) else None for key, value in values.items()}
        if self.rank == 0:
            self.run.log(line)
            self.trackers.log(line)
        self.display.step(self.step, self.steps, means, speed)

    def _event(self, kind: str, message: str) -> None:
        if self.rank == 0:
            self.run.log({"event": kind, "step": self.step, "message": message})
        self.display.event(message)

    def _name_skipped(self, batch: Batch) -> None:
        for name in batch.skipped:
            if name not in self.skipped_pictures:
                self.skipped_pictures.add(name)
                self._event("skipped_picture", f"{name}: cannot be read and is left out")

    # -- saving, going back, stopping -----------------------------------------------------------------

    def _save(self) -> None:
        """Checkpoint and weights, each replaced as a whole."""
        if self.rank != 0:
            return
        save_checkpoint(
            self.run.checkpoint,
            {
                "model": self.model.state(),
                "average": self.average.state(),
                "step": self.step,
                "processes": self.world,
                "rollbacks": self.rollbacks,
                "skipped_pictures": sorted(self.skipped_pictures),
            },
        )
        others = {name: network.state_dict() for name, network in self.model.networks.items()}
        networks = {"generator": self.average.weights(), **others}
        save_weights(self.run.weights, header(self.recipe, self.step), networks)

    def _load(self, batch_size: int) -> None:
        """Go back to the checkpoint, which was trained with this batch size."""
        state = load_checkpoint(self.run.checkpoint)
        before = (state.get("processes", self.world), batch_size)
        now = (self.world, self.recipe.training.batch_size)
        pictures_must_be_the_same(self.run, before, now)
        if before != now:
            self.display.event(
                f"resumes by {now[0]} processes instead of {before[0]}: the same pictures, other rounding"
            )
        try:
            self.model.load(state["model"])
            self.average.load(state["average"])
            self.step = int(state["step"])
            self.rollbacks = int(state["rollbacks"])
            self.skipped_pictures = set(state["skipped_pictures"])
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, RuntimeError) as error:
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            raise WeightsError(f"{self.run.checkpoint}: does not hold what its recipe trains ({reason})") from error

    def _roll_back(self) -> None:
        failed = self.step
        rollbacks = self.rollbacks + 1
        if rollbacks > MOST_ROLLBACKS:
            message = f"training diverged {rollbacks} times, lastly at step {failed}"
            self._event("diverged", message)
            raise DivergedError(
                f"{message}; the last good checkpoint is {self.run.checkpoint}. "
                "Lower model.rate or the weights of the losses"
            )
        self._load(self.recipe.training.batch_size)
        self.rollbacks = rollbacks
        self.model.slow_down(0.5)
        self._event("rollback", f"step {failed}: diverged; back to step {self.step} at half the learning rate")
        self._save()

    def _ask_to_stop(self, number: int) -> None:
        self._signal = number

    def _stop_asked(self) -> bool:
        """Whether any process was asked to stop, so that all stop at the same step."""
        if self.world > 1:
            asked = total(torch.tensor([float(self._signal or 0)], device=self.model.device))
            if asked.item() and self._signal is None:
                self._signal = signal.SIGTERM
        return self._signal is not None

    # -- pictures and figures ---------------------------------------------------------------------

    def _sample(self) -> None:
        """A sheet of what every task makes, with the averaged weights."""
        if self.rank != 0:
            return
        with self.average.applied():
            samples = self.evaluator.sheet()
        if samples is not None:
            path = self.run.samples / f"step-{self.step:06d}.png"
            images.write(path, samples)
            self.trackers.sheet(path, samples, self.step)

    def _evaluate(self) -> None:
        """Metrics of generator and discriminator on the test pictures, written to the run folder."""
        if self.rank != 0 or not self.test:
            return
        with self.average.applied():
            evaluation = self.evaluator.measure(self._tell_measured())
            judged = judge(self.model, self.tasks, self.test, self.recipe)
        skipped = tuple(sorted({*evaluation.skipped, *self.skipped_pictures}))
        update = {"step": self.step, "discriminator": judged, "skipped": skipped}
        self.run.write_json("evaluation.json", evaluation.model_copy(update=update).as_json())

    def _tell_measured(self) -> Callable[[int, int], None]:
        """Says now and then how many pictures are measured."""
        told = time.monotonic()

        def tell(done: int, total: int) -> None:
            nonlocal told
            if time.monotonic() - told >= TELL_EVERY:
                told = time.monotonic()
                self.display.event(f"measuring: {done} of {total} pictures")

        return tell

    def _finish(self) -> None:
        if self.minutes is not None and self.rank == 0:
            length = self.recipe.training.model_copy(update={"steps": self.steps})
            self.recipe = self.recipe.model_copy(update={"training": length})
            self.run.write("recipe.yaml", to_yaml(self.recipe))
        try:
            self._evaluate()
        finally:  # whatever is wrong with the test pictures, the training has its report
            if self.rank == 0:
                write_report(self.run.folder, title=self.recipe.name)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
