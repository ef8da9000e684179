"""The training loop shared by ``train`` and ``add-task``."""

import signal
import time
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn

from prismgan import data
from prismgan.batch import Batch
from prismgan.models import Model
from prismgan.models.gradients import lost_processes_named, processes, total
from prismgan.training.display import Display

REPLAN_EVERY = 10


class Loop(ABC):
    """Trains a model on batches: averages weights, logs means, limits the time, and handles bad steps and signals."""

    def __init__(self, model: Model, average: "Average", *, steps: int, log_every: int, patience: int) -> None:
        """``patience`` is the number of consecutive non-finite steps that are tolerated."""
        self.model = model
        self.average = average
        self.steps = steps
        self.log_every = log_every
        self.patience = patience
        self.rank, self.world = processes()
        self.step = 0
        self.minutes: float | None = None  # length of the training instead of `steps`; stretches the schedule
        self.fewest_steps = 0  # if fewer fit into the minutes, training may take up to half as long again
        self.seconds = 0.0  # of training so far, by this process's clock
        self.display = Display()
        self.skipped_pictures: set[str] = set()
        self.signal: int | None = None  # the signal that ends the training, once there is one

    def measure(self, batch: Batch) -> Mapping[str, Tensor]:
        """Further values for the log, measured before the step; by default none."""
        return {}

    @abstractmethod
    def after_step(self, last: bool) -> None: ...

    @abstractmethod
    def log(self, means: Mapping[str, float], images_per_second: float) -> None:
        """Means over the steps since the last call."""

    @abstractmethod
    def event(self, kind: str, message: str) -> None:
        """Report an event to the user."""

    @abstractmethod
    def diverged(self) -> None:
        """Called after ``patience`` consecutive non-finite steps: return to an earlier step, or raise."""

    def loop(self, parts: Sequence[data.Part], workers: int) -> bool:
        """Train to the last step; False if a signal ended it earlier."""
        self.display.start(self.step, self.steps)
        try:
            with self._signals_noted(), lost_processes_named():
                while self.step < self.steps and self.signal is None:
                    if not self._run_until_divergence(parts, workers):
                        self.diverged()
        finally:
            self.display.stop()
        return self.signal is None

    def _run_until_divergence(self, parts: Sequence[data.Part], workers: int) -> bool:
        window: dict[str, list[float]] = defaultdict(list)
        before = self.seconds
        started = last = time.monotonic()
        in_a_row = rows = 0
        # If the time is limited, prepare for any number of steps.
        left = self.steps - self.step if self.minutes is None else 2**31
        for batch in data.batches(parts, self.step, left, self.rank, self.world, workers):
            for name in [name for name in batch.skipped if name not in self.skipped_pictures]:
                self.skipped_pictures.add(name)
                self.event("skipped_picture", f"{name}: cannot be read and is left out")
            batch = batch.to(self.model.device)
            measured = self.measure(batch)
            log = {**self.model.step(batch), **measured}
            self.step += 1
            now = time.monotonic()
            self.seconds = before + now - started
            rows += len(batch.source)
            for key, value in log.items():
                window[key].append(float(value))
            if float(log["skipped"]):
                in_a_row += 1
                self.event("skipped", f"step {self.step}: a loss or gradient is not finite; the step is skipped")
                if in_a_row >= self.patience:
                    return False
            else:
                in_a_row = 0
                self.average.update(self.step)
            # In each of the first steps, so that the display never shows an ETA for the recipe's number of steps.
            if self.minutes is not None and (self.step < REPLAN_EVERY or self.step % REPLAN_EVERY == 0):
                self._replan(self.minutes)
            if self.step % self.log_every == 0 or self.step == self.steps:
                means = {key: sum(values) / len(values) for key, values in window.items()}
                self.log(means, rows * self.world / max(now - last, 1e-9))
                window.clear()
                rows, last = 0, now
            ends = self._stop_asked() or self.step >= self.steps
            self.after_step(ends)
            if ends:
                break
        return True

    def _replan(self, minutes: float) -> None:
        """Set the length of the schedule so that it ends on time by the clock of the first process, which all use."""
        elapsed = torch.tensor([self.seconds if self.rank == 0 else 0.0], device=self.model.device)
        fits = round(60 * minutes * self.step / float(total(elapsed)))
        self.steps = self.model.steps = max(self.step, fits, min(self.fewest_steps, round(1.5 * fits)))

    @contextmanager
    def _signals_noted(self) -> Iterator[None]:
        """Record the first SIGINT or SIGTERM; a second one ends the program immediately."""

        def note(number: int, frame: FrameType | None) -> None:
            self.signal = number
            signal.signal(number, before[number])

        before: dict[int, Any] = {}
        with suppress(ValueError):  # not in the main thread, where signals cannot be handled
            for number in (signal.SIGINT, signal.SIGTERM):
                before[number] = signal.signal(number, note)
        try:
            yield
        finally:
            for changed, handler in before.items():
                signal.signal(changed, handler)

    def _stop_asked(self) -> bool:
        """Whether any process was asked to stop, so that all stop at the same step."""
        if self.world > 1:
            asked = total(torch.tensor([float(self.signal or 0)], device=self.model.device))
            if asked.item() and self.signal is None:
                self.signal = signal.SIGTERM
        return self.signal is not None


class Average:
    """The average of a network's parameters (Polyak & Juditsky 1992; as in Karras et al. 2018)."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = network
        self.decay = decay
        self.average = {name: value.detach().clone() for name, value in network.named_parameters()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Include the network after ``step`` in the average; early on, the average decays faster."""
        decay = min(self.decay, (1 + step) / (10 + step))
        current = [value.detach() for _, value in self.network.named_parameters()]
        torch._foreach_lerp_(list(self.average.values()), current, 1 - decay)

    def weights(self) -> dict[str, Tensor]:
        return {**self.network.state_dict(), **self.average}

    @contextmanager
    def applied(self) -> Iterator[None]:
        own = {name: value.detach().clone() for name, value in self.network.named_parameters()}
        self.network.load_state_dict(self.average, strict=False)
        try:
            yield
        finally:
            self.network.load_state_dict(own, strict=False)

    def load(self, state: Mapping[str, Tensor]) -> None:
        for name, value in state.items():
            self.average[name].copy_(value)
