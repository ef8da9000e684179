"""The picture ``builtin:mosaic``: a sun over hills and water in stained glass, drawn by code."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["SIDE", "paint"]

SIDE = 512
CELL = 23.0
"""Mean width of a piece of glass in pixels."""
SEED = 1163

Array = NDArray[np.floating[Any]]

GLASS = {
    "gold": ((250, 196, 60), (244, 172, 36), (255, 220, 120)),
    "orange": ((236, 116, 30), (244, 140, 44), (222, 92, 26)),
    "red": ((176, 28, 32), (204, 46, 36), (140, 18, 34)),
    "teal": ((16, 122, 126), (24, 150, 146), (10, 88, 104)),
    "pale": ((252, 232, 176), (255, 242, 206), (246, 214, 140)),
}
LEAD = np.array([26, 20, 22], dtype=np.float32)


def _zone(x: float, y: float) -> str:
    """The glass of the design at a point given in fractions of the side."""
    distance = float(np.hypot(x - 0.62, y - 0.36))
    angle = float(np.arctan2(y - 0.36, x - 0.62))
    if distance < 0.13:
        return "pale" if distance < 0.06 else "gold"
    if y > 0.80 + 0.03 * np.sin(9 * x):
        return "teal" if np.sin(60 * y + 5 * x) > -0.4 else "pale"
    if y > 0.66 + 0.07 * np.sin(5.5 * x + 0.6):
        return "red" if np.sin(21 * x + 9 * y) > -0.2 else "orange"
    if y > 0.56 + 0.06 * np.sin(7.0 * x + 3.0):
        return "orange" if np.sin(17 * x - 8 * y) > -0.3 else "gold"
    if distance < 0.44 and np.sin(11 * angle) > 0.1:
        return "gold" if distance < 0.27 else "orange"
    if distance < 0.24:
        return "red"
    return "teal" if np.sin(8 * angle + 19 * distance) > -0.55 else "red"


def _pieces(rng: np.random.Generator) -> tuple[NDArray[np.int64], Array, Array, Array]:
    """Voronoi pieces of a shaken hexagonal grid.

    Returns:
        Index of every pixel's piece (H, W), its distance to the joint in pixels (H, W), its offset from
        the piece's centre (H, W, 2), and the centres (N, 2) as x, y in pixels.
    """
    rows, columns = int(SIDE / (0.866 * CELL)) + 5, int(SIDE / CELL) + 5
    row, column = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
    centres = np.stack([(column - 2 + 0.5 * (row % 2)) * CELL, (row - 2) * 0.866 * CELL], axis=-1)
    centres = (centres + rng.uniform(-0.36, 0.36, centres.shape) * CELL).astype(np.float32)

    y, x = np.meshgrid(np.arange(SIDE), np.arange(SIDE), indexing="ij")
    home_row = np.round(y / (0.866 * CELL)).astype(int) + 2
    home_column = np.round(x / CELL).astype(int) + 2
    pixel = np.stack([x, y], axis=-1).astype(np.float32)
    best = np.full((SIDE, SIDE), np.inf, dtype=np.float32)
    second = best.copy()
    index = np.zeros((SIDE, SIDE), dtype=np.int64)
    other = index.copy()
    for shift_row in (-2, -1, 0, 1, 2):
        for shift_column in (-2, -1, 0, 1, 2):
            r = np.clip(home_row + shift_row, 0, rows - 1)
            c = np.clip(home_column + shift_column, 0, columns - 1)
            distance = ((pixel - centres[r, c]) ** 2).sum(axis=-1)
            candidate = r * columns + c
            closer = distance < best
            between = ~closer & (distance < second) & (candidate != index)
            second = np.where(closer, best, np.where(between, distance, second))
            other = np.where(closer, index, np.where(between, candidate, other))
            best = np.where(closer, distance, best)
            index = np.where(closer, candidate, index)
    flat = centres.reshape(-1, 2)
    gap = np.linalg.norm(flat[index] - flat[other], axis=-1) + 1e-6
    return index, ((second - best) / (2 * gap)).astype(np.float32), pixel - flat[index], flat


def paint() -> NDArray[np.uint8]:
    """The picture, (SIDE, SIDE, 3), the same in every run."""
    rng = np.random.default_rng(SEED)
    index, joint, offset, centres = _pieces(rng)
    colours = np.array([rng.choice(GLASS[_zone(x / SIDE, y / SIDE)]) for x, y in centres.tolist()])
    colours = colours * rng.normal(1.0, 0.10, (len(centres), 1)) + rng.normal(0.0, 7.0, colours.shape)
    slope = rng.normal(0.0, 0.5, centres.shape) + np.array([-0.55, -0.75])
    shade = 1 + 0.013 * (offset * slope[index]).sum(axis=-1)  # every piece reflects the light differently
    streak = 0.035 * np.sin(0.55 * (offset @ np.array([0.6, 0.8])) + 5.0 * slope[index][..., 0])
    glow = 0.10 * np.exp(-((joint - 3.2) ** 2) / 2.0)  # a bright rim where the glass is bevelled
    glass = colours[index] * (shade + streak + glow)[..., None]
    cover = np.clip(joint - 1.35 + 0.5, 0, 1)[..., None]
    return np.asarray(np.clip(LEAD + cover * (glass - LEAD), 0, 255).round(), dtype=np.uint8)
