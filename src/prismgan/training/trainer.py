"""The training of a recipe: the loop with run folder, samples, measurements, checkpoints and recovery."""

import math
import signal
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from prismgan import data, images
from prismgan.balancing import gradient_cosines
from prismgan.batch import Batch
from prismgan.errors import DivergedError, WeightsError, reason_of
from prismgan.evaluation.noise import NoiseEvaluation
from prismgan.evaluation.photos import PhotoEvaluation, judge
from prismgan.evaluation.set_scores import NamedMetrics
from prismgan.files import locked
from prismgan.machine import precision
from prismgan.models import MODELS
from prismgan.models.gradients import from_first, processes
from prismgan.networks import LatentGenerator
from prismgan.packages import require_training
from prismgan.recipes.recipe import Recipe, training_parts
from prismgan.recipes.text import to_yaml
from prismgan.recipes.weights import header
from prismgan.report import write_report
from prismgan.training.display import Display
from prismgan.training.loop import Average, Loop
from prismgan.training.run import Run, batch_size_so_far, load_checkpoint, pictures_must_be_the_same, save_checkpoint
from prismgan.training.trackers import Trackers
from prismgan.weights import load_weights, save_weights

MOST_ROLLBACKS = 8
SHOW_EVERY = 5.0  # seconds between two lines about a running evaluation


class Trainer(Loop):
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
        """Read the data and, to resume, the checkpoint; ``"auto"`` resumes if there is one, and otherwise starts.
        Tensors of the weights file ``start_from`` are used if they fit by name and shape. A run limited by ``minutes``
        (see :class:`Loop`) is not reproducible bit for bit. Raises PrismganError if data, recipe, checkpoint or weights
        do not fit, or if another training is running in the folder."""
        require_training()
        from accelerate import PartialState

        device = str(PartialState(cpu=not torch.cuda.is_available()).device)
        rank, world = processes()
        self.run = Run(folder)
        self.recipe = recipe
        shown = display if display is not None and rank == 0 else Display()
        self.tasks = recipe.all_tasks()
        others = recipe.other_tasks()
        batch_size = from_first(lambda: batch_size_so_far(self.run, recipe, resume))
        self._resumed = batch_size is not None
        for problem in data.validate(recipe.data, [*self.tasks, *others], recipe.training.crop):
            if not problem.skippable:  # a damaged picture is reported when it is drawn
                shown.event(f"{problem.severity}: {problem}")
        train, self.test = data.split(data.rows(recipe.data), recipe.data)
        self.parts = training_parts(recipe, train, seed=recipe.seed, world=world)
        settings, styles = recipe.training, {task.name: data.exemplars(task) for task in self.tasks}
        dtype = precision(settings.precision, device)
        model = MODELS[recipe.model.kind](
            recipe.model, self.tasks, styles, steps=settings.steps, seed=recipe.seed, device=device, precision=dtype
        )
        if start_from is not None and not self._resumed:
            weights, discriminator = load_weights(start_from), model.discriminator
            taken = weights.take_over(model.generator)
            if discriminator is not None:
                taken += weights.take_over(discriminator, "discriminator")
            known = {entry.name for entry in weights.header.tasks}
            new = ", ".join(task.name for task in self.tasks if task.name not in known)
            shown.event(f"started from {start_from}: {taken} of its tensors fit; new tasks: {new or 'none'}")
        average = Average(model.generator, settings.ema)
        super().__init__(model, average, steps=settings.steps, log_every=settings.log_every, patience=settings.patience)
        self.minutes = minutes
        self.fewest_steps = fewest_steps
        self.display = shown
        metrics = NamedMetrics.of(recipe.evaluation, device)  # not at the end: a file may be missing
        self.evaluator: PhotoEvaluation | NoiseEvaluation
        if isinstance(model.generator, LatentGenerator):
            rows, seed = (train, self.test), recipe.seed
            self.evaluator = NoiseEvaluation(
                model.generator, self.tasks, *rows, crop=settings.crop, seed=seed, sets=metrics.sets, device=device
            )
        else:
            self.evaluator = PhotoEvaluation(
                recipe, model, self.tasks, self.test, metrics, losses=model.losses, shown=self.tasks
            )
        self.rollbacks = 0
        self._started_again = bool(resume) and not self._resumed
        self._lock = ExitStack()  # of the run folder, from the reading of the checkpoint to the end of the training
        if batch_size is not None:
            with self._locked() as held:
                self._load(batch_size)
                if self.rank == 0:
                    self.seconds, unreadable = self.run.rewind(self.step)
                    if unreadable:
                        shown.event(f"{self.run.metrics}: {unreadable} lines could not be read and are left out")
                self._lock = held.pop_all()
        self.trackers = Trackers(recipe.training.trackers if self.rank == 0 else (), self.run, shown.event)

    def train(self) -> bool:
        """Train to the last step; False if a signal ended it earlier (everything is saved either way)."""
        with self._lock if self._resumed else self._locked():
            if self.rank == 0 and not (self._resumed or (self._started_again and self.run.is_bare())):
                self.run.check_new(to_yaml(self.recipe))  # again, because another run may have ended meanwhile
            return self._train_in_folder()

    def _locked(self) -> ExitStack:
        """The lock of the run folder, which the first process holds for all."""
        held = ExitStack()
        if self.rank == 0:
            held.enter_context(locked(self.run.folder, "training"))
        return held

    def _train_in_folder(self) -> bool:
        if self.rank == 0:
            self.run.write("recipe.yaml", to_yaml(self.recipe))
        if self.step:
            self.event("resumed", f"resumed at step {self.step}")
            self._save_weights()  # a kill may have come between the checkpoint and these
        else:
            self._save()
        if self.rank == 0:
            self.trackers.start(self.recipe.name, self.recipe.model_dump(mode="json"), self.step)
        try:
            finished = self.loop(self.parts, self.recipe.data.workers)
        finally:
            self.trackers.finish()
        if not finished:
            self.display.event(f"stopped by {signal.Signals(self.signal or 0).name} at step {self.step}; all is saved")
            return False
        if self.minutes is not None and self.rank == 0:
            length = self.recipe.training.model_copy(update={"steps": self.steps})
            self.recipe = self.recipe.model_copy(update={"training": length})
            self.run.write("recipe.yaml", to_yaml(self.recipe))
        try:
            self._evaluate()
        finally:  # the training gets its report even if the test pictures cannot be used
            if self.rank == 0:
                write_report(self.run.folder, title=self.recipe.name)
        return True

    def measure(self, batch: Batch) -> Mapping[str, Tensor]:
        """The cosines between the tasks' gradients before the step, if they are due."""
        every = self.recipe.training.cosines_every
        if not every or (self.step + 1) % every or len(self.tasks) == 1:
            return {}
        gradients = self.model.shared_gradients(batch)
        cosines = gradient_cosines(gradients)
        names, pairs = list(gradients), torch.tril_indices(len(gradients), len(gradients), -1).T.tolist()
        return {f"cosine/{names[column]}/{names[row]}": cosines[row, column] for row, column in pairs}

    def after_step(self, last: bool) -> None:
        settings = self.recipe.training
        if settings.sample_every and self.step % settings.sample_every == 0:
            self._sample()
        if self.recipe.evaluation.every and self.step % self.recipe.evaluation.every == 0:
            self._evaluate()
        if last or self.step % settings.save_every == 0:
            self._save()

    def log(self, means: Mapping[str, float], images_per_second: float) -> None:
        speed = round(images_per_second, 3)
        values = {"step": self.step, "time": round(self.seconds, 3), "images_per_second": speed, **means}
        for network, settings in (("generator", self.recipe.model), ("discriminator", self.recipe.model.opponent)):
            if settings is not None and settings.clip is not None:
                values[f"clip/{network}"] = settings.clip
        line = {key: value if math.isfinite(value) else None for key, value in values.items()}
        if self.rank == 0:
            self.run.log(line)
            self.trackers.log(line)
        self.display.step(self.step, self.steps, means, images_per_second)

    def event(self, kind: str, message: str) -> None:
        if self.rank == 0:
            self.run.log({"event": kind, "step": self.step, "message": message})
        self.display.event(message)

    def diverged(self) -> None:
        failed, rollbacks = self.step, self.rollbacks + 1
        if rollbacks > MOST_ROLLBACKS:
            message = f"training diverged {rollbacks} times, lastly at step {failed}"
            self.event("diverged", message)
            kept = f"the last good checkpoint is {self.run.checkpoint}"
            raise DivergedError(f"{message}; {kept}. Reduce model.rate or the weights of the losses")
        self._load(self.recipe.training.batch_size)
        self.rollbacks = rollbacks
        self.model.slow_down_factor *= 0.5
        self.event("rollback", f"step {failed}: diverged; back to step {self.step} at half the learning rate")
        self._save()

    def _save(self) -> None:
        if self.rank != 0:
            return
        place = {"step": self.step, "processes": self.world, "rollbacks": self.rollbacks}
        skipped = sorted(self.skipped_pictures)
        networks = {"model": self.model.state(), "average": self.average.average}
        save_checkpoint(self.run.checkpoint, {**networks, **place, "skipped_pictures": skipped})
        self._save_weights()

    def _save_weights(self) -> None:
        if self.rank != 0:
            return
        others = {name: network.state_dict() for name, network in self.model.networks.items()}
        save_weights(self.run.weights, header(self.recipe, self.step), {"generator": self.average.weights(), **others})

    def _load(self, batch_size: int) -> None:
        state = load_checkpoint(self.run.checkpoint)
        before = (state.get("processes", self.world), batch_size)
        now = (self.world, self.recipe.training.batch_size)
        pictures_must_be_the_same(self.run, before, now)
        if before != now:
            processes = f"{now[0]} processes instead of {before[0]}"
            self.display.event(f"resumes with {processes}: the same pictures, different rounding")
        try:
            self.model.load(state["model"])
            self.average.load(state["average"])
            self.step = int(state["step"])
            self.rollbacks = int(state["rollbacks"])
            self.skipped_pictures = set(state["skipped_pictures"])
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, RuntimeError) as error:
            raise WeightsError(f"{self.run.checkpoint}: does not match its recipe ({reason_of(error)})") from error

    def _sample(self) -> None:
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
        shown = time.monotonic()

        def show(done: int, total: int) -> None:
            nonlocal shown
            if time.monotonic() - shown >= SHOW_EVERY:
                shown = time.monotonic()
                self.display.event(f"measuring: {done} of {total} pictures")

        with self.average.applied():
            evaluation = self.evaluator.measure(show)
            judged = judge(self.model, self.tasks, self.test, self.recipe)
        skipped = tuple(sorted({*evaluation.skipped, *self.skipped_pictures}))
        update = {"step": self.step, "discriminator": judged, "skipped": skipped}
        self.run.write_json("evaluation.json", evaluation.model_copy(update=update).as_json())
