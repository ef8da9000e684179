"""The weights of a session: those that it was started with, and the styles that were added since."""

from __future__ import annotations

import threading
from pathlib import Path

from prismgan.render.renderer import Renderer
from prismgan.tasks import Style
from prismgan.weights import Weights, load_weights

__all__ = ["Studio"]


class Studio:
    """Weights, and what renders with them.

    Args:
        weights: to start with.
        runtime: see :class:`Renderer`.
        fast: see :class:`Renderer`.
    """

    def __init__(self, weights: Weights, runtime: str | None = None, *, fast: bool = False) -> None:
        self.weights = weights
        self.added: tuple[str, ...] = ()
        """Names of the styles that were added."""
        self._runtime, self._fast = runtime, fast
        self._lock = threading.Lock()
        self.renderer = self._new_renderer(weights)

    @classmethod
    def load(cls, path: Path | None = None, runtime: str | None = None, *, fast: bool = False) -> Studio:
        """Of a weights file; see :meth:`Renderer.load`."""
        return cls(load_weights(path), runtime, fast=fast)

    def add(self, weights: Weights, style: Style) -> None:
        """From now on these weights, which know a style more."""
        renderer = self._new_renderer(weights)
        with self._lock:
            self.weights, self.renderer, self.added = weights, renderer, (*self.added, style.name)

    def _new_renderer(self, weights: Weights) -> Renderer:
        return Renderer(weights, runtime=self._runtime, fast=self._fast)
