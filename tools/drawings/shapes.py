"""Flat drawing with clean edges: shapes are signed distances, so any outline width is exact.

A shape is an array (H, W) of distances in pixels to its edge, negative inside. Painting turns the distance
into coverage directly; that is antialiasing without drawing larger and scaling down.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["INK", "Array", "Canvas", "Colour", "Number"]

Array = NDArray[np.floating[Any]]
Number = int | float  # pixels; spelled out because run-time type checkers do not take an int for a float
Colour = tuple[int, int, int]
INK: Colour = (14, 12, 18)


class Canvas:
    """A square picture that shapes are painted on, one over the other.

    Args:
        side: height and width in pixels.
        colour: of the paper.
    """

    def __init__(self, side: int, colour: Colour) -> None:
        self.side = side
        self.pixels: Array = np.broadcast_to(np.array(colour, np.float32), (side, side, 3)).copy()
        axis = np.arange(side, dtype=np.float32) + 0.5
        self.x, self.y = np.meshgrid(axis, axis)

    def circle(self, x: Number, y: Number, radius: Number) -> Array:
        """A disc."""
        return np.asarray(np.hypot(self.x - x, self.y - y) - radius)

    def ellipse(self, x: Number, y: Number, width: Number, height: Number) -> Array:
        """An ellipse with the given half axes; the distance is exact to first order at its edge."""
        u, v = (self.x - x) / width, (self.y - y) / height
        value, slope = np.hypot(u, v), np.hypot(u / width, v / height)
        return np.asarray(value * (value - 1) / (slope + 1e-6))

    def box(self, x: Number, y: Number, width: Number, height: Number, corner: Number = 0) -> Array:
        """A box with half sides ``width`` and ``height`` around (x, y), its corners rounded."""
        u = np.abs(self.x - x) - (width - corner)
        v = np.abs(self.y - y) - (height - corner)
        outside = np.hypot(np.maximum(u, 0), np.maximum(v, 0))
        return np.asarray(outside + np.minimum(np.maximum(u, v), 0) - corner)

    def polygon(self, points: Sequence[tuple[Number, Number]]) -> Array:
        """A closed polygon, convex or not."""
        distance = np.full_like(self.x, np.inf)
        inside = np.zeros(self.x.shape, dtype=bool)
        for (x0, y0), (x1, y1) in zip(points, [*points[1:], points[0]], strict=True):
            distance = np.minimum(distance, self.line(x0, y0, x1, y1, 0.0))
            crosses = (y0 > self.y) != (y1 > self.y)
            inside ^= crosses & (self.x < (x1 - x0) * (self.y - y0) / (y1 - y0 + 1e-9) + x0)
        return np.asarray(np.where(inside, -distance, distance))

    def line(self, x0: Number, y0: Number, x1: Number, y1: Number, width: Number) -> Array:
        """A straight line with round ends."""
        u, v = x1 - x0, y1 - y0
        part = np.clip(((self.x - x0) * u + (self.y - y0) * v) / (u * u + v * v + 1e-9), 0, 1)
        return np.asarray(np.hypot(self.x - x0 - part * u, self.y - y0 - part * v) - width / 2)

    def below(self, level: Array) -> Array:
        """Everything below the curve ``level`` (W,), which gives y for every column."""
        steep = np.sqrt(1 + np.gradient(level) ** 2)
        return np.asarray((level - self.y) / steep)

    def dots(self, spacing: Number, size: Array | Number) -> Array:
        """A halftone screen at 45 degrees; ``size`` is the dots' radius as a part of ``spacing``."""
        u, v = (self.x + self.y) * 0.7071, (self.x - self.y) * 0.7071
        u, v = u % spacing - spacing / 2, v % spacing - spacing / 2
        return np.asarray(np.hypot(u, v) - size * spacing)

    def paint(self, shape: Array, colour: Colour, outline: Number = 0) -> None:
        """Fill ``shape``, after an outline of the given width in ink around it."""
        if outline > 0:
            self._cover(shape - outline, INK)
        self._cover(shape, colour)

    def _cover(self, shape: Array, colour: Colour) -> None:
        cover = np.clip(0.5 - shape, 0, 1)[..., None]
        self.pixels += cover * (np.array(colour, np.float32) - self.pixels)

    def finish(self) -> NDArray[np.uint8]:
        """The picture (side, side, 3) in 0..255."""
        return np.asarray(np.clip(self.pixels, 0, 255).round(), dtype=np.uint8)
