"""A bounded queue between two threads that either side can end at once."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Generic, TypeVar

__all__ = ["Channel", "Stopped"]

Item = TypeVar("Item")

PATIENCE = 0.1
"""Seconds after which a thread that waits looks whether it is to stop."""


class Stopped(Exception):  # noqa: N818 - no error, but an order
    """The job ends; leave everything as it is."""


class Channel(Generic[Item]):
    """Items in the order they are put in; putting waits while it is full, getting while it is empty.

    Args:
        size: most items that wait in it.
        stop: set when the job ends early, by whichever thread.
    """

    def __init__(self, size: int, stop: threading.Event) -> None:
        self._queue: queue.Queue[Item] = queue.Queue(size)
        self._stop = stop

    def put(self, item: Item) -> None:
        """Add an item.

        Raises:
            Stopped: the job ends.
        """
        while not self._stop.is_set():
            try:
                return self._queue.put(item, timeout=PATIENCE)
            except queue.Full:
                continue
        raise Stopped

    def get(self) -> Item:
        """Take the oldest item.

        Raises:
            Stopped: the job ends.
        """
        while not self._stop.is_set():
            try:
                return self._queue.get(timeout=PATIENCE)
            except queue.Empty:
                continue
        raise Stopped

    def until(self, end: Item) -> Iterator[Item]:
        """Items up to this one.

        Raises:
            Stopped: the job ends.
        """
        while (item := self.get()) is not end:
            yield item
