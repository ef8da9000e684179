"""The picture ``builtin:swirl``: a night sky in thick brush strokes, painted by code.

Every stroke is a capsule bent along the flow of a few vortices. Colours are bands of the flow's stream
function, so that colour follows the brush, and a height map of the paint is lit from the upper left.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["SIDE", "paint"]

SIDE = 512
SEED = 1889

Array = NDArray[np.floating[Any]]

SWIRLS = ((0.40, 0.40, 0.15, 1.3), (0.66, 0.53, 0.10, -1.2), (0.10, 0.66, 0.11, 0.8), (0.88, 0.88, 0.13, 1.0))
"""Vortices of wind: centre x and y, radius (all as a part of the side), strength and sense."""
STARS = (
    *((0.86, 0.14, 0.135), (0.13, 0.17, 0.095), (0.50, 0.11, 0.060), (0.30, 0.68, 0.055)),
    *((0.90, 0.46, 0.060), (0.64, 0.28, 0.045), (0.55, 0.80, 0.085), (0.20, 0.90, 0.070)),
    (0.05, 0.42, 0.050),
)
"""Stars and the moon: centre x and y, radius of the halo."""
SKY = np.array(
    [
        *([10, 18, 58], [20, 42, 112], [34, 76, 160], [72, 126, 196]),
        *([18, 40, 108], [150, 190, 210], [40, 84, 170]),
    ],
    dtype=np.float32,
)
HALO = np.array(
    [[255, 252, 226], [254, 232, 120], [246, 196, 52], [236, 214, 132], [150, 190, 190], [64, 118, 182]],
    dtype=np.float32,
)


def _blend(palette: Array, position: Array) -> Array:
    """Colours of ``palette`` at fractional ``position`` (0 to its length minus 1)."""
    low = np.clip(position.astype(int), 0, len(palette) - 2)
    part = np.clip(position - low, 0, 1)[..., None]
    return np.asarray(palette[low] * (1 - part) + palette[low + 1] * part, dtype=np.float32)


def _stream(x: Array, y: Array) -> Array:
    """Stream function of the wind; the brush follows its level lines."""
    psi = 0.55 * y + 0.05 * np.sin(7.0 * x + 2.0 * y) + 0.03 * np.sin(13.0 * x - 9.0 * y + 1.0)
    for centre_x, centre_y, radius, strength in SWIRLS:
        squared = (x - centre_x) ** 2 + (y - centre_y) ** 2
        psi = psi + strength * radius * 1.4 * np.exp(-squared / (2 * radius**2))
    for centre_x, centre_y, radius in STARS:
        squared = (x - centre_x) ** 2 + (y - centre_y) ** 2
        psi = psi + radius * 2.2 * np.exp(-squared / (2 * (0.75 * radius) ** 2))
    return np.asarray(psi, dtype=np.float32)


def _design() -> tuple[Array, Array]:
    """The painting's design: colours (SIDE, SIDE, 3) and the brush's unit direction (SIDE, SIDE, 2)."""
    axis = (np.arange(SIDE, dtype=np.float32) + 0.5) / SIDE
    x, y = np.meshgrid(axis, axis)
    psi = _stream(x, y)
    down, right = np.gradient(psi)
    direction = np.stack([down, -right], axis=-1)
    direction /= np.linalg.norm(direction, axis=-1, keepdims=True) + 1e-9
    band = (psi * 30.0) % len(SKY)
    colour = _blend(np.concatenate([SKY, SKY[:1]]), band)
    for centre_x, centre_y, radius in STARS:
        distance = np.hypot(x - centre_x, y - centre_y) / radius
        halo = _blend(HALO, distance * (len(HALO) - 1))
        cover = np.clip((1.15 - distance) / 0.3, 0, 1)[..., None]
        colour = colour * (1 - cover) + halo * cover
    return colour, direction.astype(np.float32)


def _line(start: Array, length: float, direction: Array) -> Array:
    """Five points (5, 2) of a stroke's middle line, followed both ways from ``start``."""
    last = SIDE - 1
    halves = []
    for sign in (-1.0, 1.0):
        point, points = start, []
        for _ in range(2):
            column, row = np.clip(point, 0, last).astype(int)
            point = point + sign * length / 4 * direction[row, column]
            points.append(point)
        halves.append(points)
    return np.array([halves[0][1], halves[0][0], start, halves[1][0], halves[1][1]], dtype=np.float32)


def _stroke(canvas: Array, height: Array, line: Array, width: float, colour: Array, rng: np.random.Generator) -> None:
    """Lay one stroke of ``width`` pixels along ``line`` over the canvas and its height map, in place."""
    left, top = np.maximum(line.min(axis=0) - width, 0).astype(int)
    right, bottom = np.minimum(line.max(axis=0) + width + 1, SIDE).astype(int)
    if right <= left or bottom <= top:
        return
    x = np.arange(left, right, dtype=np.float32)[None, None, :]
    y = np.arange(top, bottom, dtype=np.float32)[None, :, None]
    begin, along = line[:-1, :, None, None], np.diff(line, axis=0)[:, :, None, None]
    across_x, across_y = x - begin[:, 0], y - begin[:, 1]
    squared = (along**2).sum(axis=1) + 1e-6
    part = np.clip((across_x * along[:, 0] + across_y * along[:, 1]) / squared, 0, 1)
    distances = np.hypot(across_x - part * along[:, 0], across_y - part * along[:, 1])
    nearest = distances.argmin(axis=0)[None]
    distance = np.take_along_axis(distances, nearest, axis=0)[0]
    progress = (np.take_along_axis(part, nearest, axis=0)[0] + nearest[0]) / (len(line) - 1)
    side = across_x * along[:, 1] - across_y * along[:, 0]
    signed = np.copysign(distance, np.take_along_axis(side, nearest, axis=0)[0])

    half = width / 2 * (1.0 - 0.35 * progress)  # the brush lifts towards the end
    cover = np.clip(half - distance + 0.5, 0, 1)[..., None]
    bristles = rng.normal(0.0, 1.0, 16).astype(np.float32)
    bristle = np.interp((signed / width + 0.5) * 15, np.arange(16), bristles).astype(np.float32)
    paint = colour + 9.0 * bristle[..., None]
    thickness = np.sqrt(np.clip(1 - (distance / (half + 0.5)) ** 2, 0, 1)) * 2.2 + 0.35 * bristle
    window = (slice(top, bottom), slice(left, right))
    canvas[window] += cover * (paint - canvas[window])
    height[window] += cover[..., 0] * (thickness - height[window])


def paint() -> NDArray[np.uint8]:
    """The picture, (SIDE, SIDE, 3), the same in every run."""
    rng = np.random.default_rng(SEED)
    colours, direction = _design()
    canvas, height = colours * 0.8, np.zeros((SIDE, SIDE), dtype=np.float32)
    for spacing, width, length in ((18.0, 18.0, 60.0), (14.0, 13.5, 50.0), (13.0, 10.5, 40.0)):
        count = int(SIDE / spacing)
        columns, rows = np.meshgrid(np.arange(count + 1), np.arange(count + 1))
        starts = np.stack([columns.ravel(), rows.ravel()], axis=1) * spacing
        starts = (starts + rng.uniform(-0.5, 0.5, starts.shape) * spacing).astype(np.float32)
        for start in rng.permutation(starts):
            column, row = np.clip(start, 0, SIDE - 1).astype(int)
            colour = colours[row, column] * rng.normal(1.0, 0.17) + rng.normal(0.0, 9.0, 3)
            line = _line(start, length * rng.uniform(0.6, 1.2), direction)
            _stroke(canvas, height, line, width * rng.uniform(0.75, 1.15), colour.astype(np.float32), rng)
    down, right = np.gradient(height)
    light = np.clip(-(down + right), -1.2, 1.2)[..., None]
    return np.asarray(np.clip(canvas * (1 + 0.16 * light) + 10.0 * light, 0, 255).round(), dtype=np.uint8)
