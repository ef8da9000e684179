"""Progress that the commands ``render``, ``video`` and ``demo`` show while they work."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from prismgan.errors import one_line


class Narrator(Console):
    """A console on stderr that prints a line every few seconds if nothing else does."""

    def __init__(self, silence: float = 6.0, file: IO[str] | None = None) -> None:
        """``silence`` is the number of seconds after which such a line is printed."""
        super().__init__(stderr=file is None, file=file, highlight=False)
        self._silence = silence
        self._since = self._printed = time.monotonic()
        self._ended = threading.Event()

    @contextmanager
    def narrating(self) -> Iterator[None]:
        thread = threading.Thread(target=self._narrate, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()

    def print(self, *objects: Any, **options: Any) -> None:
        """Print like any console; a live display prints too, so it is never disturbed."""
        self._since = self._printed = time.monotonic()
        super().print(*objects, **{"soft_wrap": True, **options})

    def _narrate(self) -> None:
        while not self._ended.wait(min(1.0, self._silence / 4)):
            now = time.monotonic()
            if now - self._printed >= self._silence:
                self._printed = now
                super().print(f"  ... {now - self._since:.0f} s")


class _Bar(Progress):
    """A bar with the remaining time on a terminal; nothing if stderr is a file or a pipe. A context manager."""

    every = 15.0  # seconds between two lines that are printed in place of the bar

    def __init__(self, console: Console | None, before: str, behind: str) -> None:
        """The bar is between the texts ``before`` and ``behind``."""
        console = console or Console(stderr=True)
        self._started = self._printed = time.monotonic()
        columns = TextColumn(before), BarColumn(), TextColumn(behind), TextColumn("ETA"), TimeRemainingColumn()
        # stdout is not redirected: rich would send output for other programs to the bar's own stream.
        hidden = not console.is_terminal
        super().__init__(*columns, console=console, redirect_stdout=False, transient=True, disable=hidden)

    def remark(self, text: str) -> None:
        self.console.print(one_line(text), highlight=False, markup=False, soft_wrap=True)


class RenderProgress(_Bar):
    """Progress over items that may be partly done. The names of written files go to stdout, one per line."""

    def __init__(self, count: int, things: str = "pictures", *, console: Console | None = None) -> None:
        super().__init__(console, things, "{task.fields[done]}/{task.total:.0f}")
        self.count, self.things = count, things
        self._bar = self.add_task(things, total=count, done=0)

    def __call__(self, done: float) -> None:
        now = time.monotonic()
        if self.console.is_terminal:
            self.update(self._bar, completed=done, done=int(done))
        elif now - self._printed >= self.every:
            self._printed = now
            left = (now - self._started) / done * (self.count - done)
            typer.echo(f"{int(done)}/{self.count} {self.things}  ETA {left:.0f} s", err=True)

    def written(self, path: object) -> None:
        if self.console.is_terminal and sys.stdout.isatty():
            self.remark(str(path))  # above the bar
        else:
            typer.echo(path)


class VideoProgress(_Bar):
    """Progress over the frames of a clip, as a :class:`prismgan.render.video.settings.Listener`."""

    def __init__(self, console: Console | None = None) -> None:
        super().__init__(console, "{task.description}", "{task.completed:.0f}/{task.fields[of]}")
        self._first: int | None = None
        self._bar = self.add_task("frames", total=None, of="?")

    def rendered(self, frames: int, total: int | None) -> None:
        if total is not None:
            total = max(total, frames)  # the file's number may be wrong
        now = time.monotonic()
        if self._first is None:
            self._first, self._started, self._printed = frames - 1, now, now
        self.update(self._bar, completed=frames, total=total, of=total or "?")
        if not self.console.is_terminal and now - self._printed >= self.every:
            self._printed = now
            left = (now - self._started) / max(1, frames - self._first - 1) * ((total or frames) - frames)
            eta = "" if total is None else f"/{total} frames  ETA {left:.0f} s"
            self.remark(f"{frames}{eta or ' frames'}")

    def joining(self, path: Path) -> None:
        self.update(self._bar, description=f"writing {path.name}")
