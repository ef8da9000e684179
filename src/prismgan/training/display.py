"""The progress display of a training."""

import time
from collections.abc import Mapping

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table


class Display:
    """Displays steps, with means since the previous display, and events. This base class displays nothing."""

    def start(self, step: int, steps: int) -> None: ...

    def step(self, step: int, steps: int, log: Mapping[str, float], images_per_second: float) -> None: ...

    def event(self, message: str) -> None: ...

    def stop(self) -> None: ...


class Terminal(Display):
    """A live table in a terminal; an occasional line if the output is a file or a pipe."""

    def __init__(self, console: Console | None = None, every: float = 15.0) -> None:
        self.console = console or Console(stderr=True)
        self.every = every
        bar = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TaskProgressColumn()
        behind = TextColumn("ETA"), TimeRemainingColumn(), TextColumn("{task.fields[rate]}")
        self._progress = Progress(*bar, *behind, console=self.console)
        self._live: Live | None = None
        self._started = self._printed = 0.0
        self._first = 0

    def start(self, step: int, steps: int) -> None:
        self._progress.add_task("step", total=steps, completed=step, rate="")
        self._first = step
        self._started = self._printed = time.monotonic()
        if self.console.is_terminal:
            self._live = Live(self._progress, console=self.console, refresh_per_second=4)
            self._live.start()

    def step(self, step: int, steps: int, log: Mapping[str, float], images_per_second: float) -> None:
        rate = f"{images_per_second:.1f} images/s"
        now = time.monotonic()
        if self._live is not None:
            self._progress.update(self._progress.task_ids[0], completed=step, total=steps, rate=rate)
            self._live.update(Group(_table(log), self._progress))
        elif now - self._printed >= self.every or step == steps:
            self._printed = now
            done = max(1, step - self._first)
            left = (now - self._started) / done * (steps - step)
            losses = "  ".join(f"{name} {value:.3f}" for name, value in _losses(log).items())
            line = f"step {step}/{steps}  ETA {left:.0f} s  {rate}  {losses}  {_accuracy(log)}"
            self.console.print(line, highlight=False, soft_wrap=True)

    def event(self, message: str) -> None:
        self.console.print(message, highlight=False, markup=False, soft_wrap=True)

    def stop(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None


def _table(log: Mapping[str, float]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), caption=_accuracy(log), caption_justify="left")
    for name in _losses(log):
        table.add_column(name, justify="right")
    table.add_row(*(f"{value:.4f}" for value in _losses(log).values()))
    return table


def _losses(log: Mapping[str, float]) -> dict[str, float]:
    return {key.split("/")[1]: value for key, value in log.items() if key.count("/") == 1 and key.startswith("loss/")}


def _accuracy(log: Mapping[str, float]) -> str:
    known = {name: log.get(f"discriminator/accuracy_{name}") for name in ("real", "fake", "task")}
    parts = [f"{name} {value:.0%}" for name, value in known.items() if value is not None]
    return "D right on " + ", ".join(parts) if parts else ""
