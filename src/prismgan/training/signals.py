"""Stopping a training in order: the signals of a terminal and of a scheduler, told and not obeyed at once."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

__all__ = ["signals_told"]


@contextmanager
def signals_told(tell: Callable[[int], None]) -> Iterator[None]:
    """``tell`` is called with the number of the first SIGINT or SIGTERM; a second one ends the program at once."""

    def ask(number: int, frame: FrameType | None) -> None:
        tell(number)
        signal.signal(number, before[number])

    before: dict[int, Any] = {}
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, ask)
    except ValueError:  # not the main thread: whoever runs it handles signals
        before.clear()
    try:
        yield
    finally:
        for changed, handler in before.items():
            signal.signal(changed, handler)
