"""Renderers with tiny weights, and pictures for them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from helpers.tiny_weights import TASKS, tiny_weights
from prismgan import Renderer

__all__ = ["TASKS", "difference", "pixels", "tiny_renderer"]


def tiny_renderer(*names: str, levels: int = 2, memory: int | None = None, fresh: bool = False) -> Renderer:
    """A renderer of the named tasks, by default all. The heads of a fresh one leave the source unchanged."""
    return Renderer(tiny_weights(*names, levels=levels, fresh=fresh), memory)


def pixels(height: int, width: int, depth: int = 8, seed: int = 0) -> NDArray[np.uint8 | np.uint16]:
    """Random pixels (H, W, 3), away from the ends of the range to limit clipping."""
    most = 2**depth
    values = np.random.default_rng(seed).integers(most // 4, 3 * most // 4, (height, width, 3))
    return values.astype(np.uint8 if depth == 8 else np.uint16)


def difference(first: NDArray[np.unsignedinteger], second: NDArray[np.unsignedinteger]) -> int:
    """The largest difference of any pixel."""
    assert first.shape == second.shape
    assert first.dtype == second.dtype
    return int(np.abs(first.astype(np.int64) - second.astype(np.int64)).max())
