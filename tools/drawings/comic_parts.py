"""The parts that comic panels are made of: suns, clouds, hills, houses, trees, halftone dots, beams."""

from __future__ import annotations

import numpy as np

from drawings.shapes import Array, Canvas, Colour, Number

__all__ = ["BRIGHT", "GREENS", "SIDE", "SKIES", "SKINS", "WHITE", "Artist"]

SIDE = 256

WHITE: Colour = (252, 250, 242)
SKIES: tuple[Colour, ...] = ((94, 196, 240), (255, 214, 92), (255, 150, 120), (150, 226, 226), (64, 92, 190))
GREENS: tuple[Colour, ...] = ((64, 176, 76), (126, 200, 70), (30, 130, 84), (186, 214, 72))
BRIGHT: tuple[Colour, ...] = (
    *((232, 48, 44), (250, 196, 32), (36, 112, 206), (246, 120, 30)),
    *((140, 66, 170), (20, 158, 142), (240, 104, 150), (252, 236, 120)),
)
SKINS: tuple[Colour, ...] = ((255, 214, 176), (236, 176, 128), (172, 112, 74), (112, 70, 48), (255, 226, 196))


class Artist:
    """Draws the parts that panels are made of; every choice comes from its own generator."""

    def __init__(self, rng: np.random.Generator, paper: Colour) -> None:
        self.rng = rng
        self.canvas = Canvas(SIDE, paper)
        self.pen = float(rng.uniform(2.2, 3.8))

    def uniform(self, low: Number, high: Number) -> float:
        """A number between ``low`` and ``high``."""
        return float(self.rng.uniform(low, high))

    def pick(self, colours: tuple[Colour, ...]) -> Colour:
        """One of the colours."""
        return colours[int(self.rng.integers(len(colours)))]

    def halftone(self, colour: Colour, region: Array | None = None) -> None:
        """Dots that grow towards one side of the picture, inside ``region``."""
        canvas, angle = self.canvas, self.uniform(0, 2 * np.pi)
        ramp = ((canvas.x - SIDE / 2) * np.cos(angle) + (canvas.y - SIDE / 2) * np.sin(angle)) / SIDE
        dots = canvas.dots(self.uniform(6.0, 9.0), np.clip(0.2 + 0.45 * ramp, 0, 0.48))
        dots = np.where(ramp < -0.4, 9.0, dots)
        canvas.paint(dots if region is None else np.maximum(dots, region), colour)

    def rays(self, x: Number, y: Number, colour: Colour) -> None:
        """Beams from a point, as behind a hero."""
        canvas, count = self.canvas, int(self.rng.integers(9, 16))
        angle = np.arctan2(canvas.y - y, canvas.x - x) * count
        reach = np.hypot(canvas.x - x, canvas.y - y) / count + 0.5
        canvas.paint((np.sin(angle + self.uniform(0, 6)) * reach), colour)

    def sun(self, x: Number, y: Number, radius: Number, colour: Colour) -> None:
        """A sun with rays and a highlight."""
        canvas = self.canvas
        for angle in np.arange(12) * np.pi / 6:
            u, v = np.cos(angle), np.sin(angle)
            near, far = radius + 7, radius + self.uniform(12, 22)
            ray = canvas.line(x + near * u, y + near * v, x + far * u, y + far * v, 3)
            canvas.paint(ray, colour, self.pen * 0.7)
        canvas.paint(canvas.circle(x, y, radius), colour, self.pen)
        shine = canvas.circle(x - radius * 0.3, y - radius * 0.35, radius * 0.22)
        canvas.paint(shine, WHITE)

    def cloud(self, x: Number, y: Number, size: Number) -> None:
        """A cloud with a flat foot and a shaded belly."""
        canvas = self.canvas
        parts = [(0.0, 0.0, 1.0), (-1.1, 0.25, 0.7), (1.1, 0.2, 0.75), (0.5, -0.45, 0.75), (-0.5, -0.3, 0.7)]
        shape = np.minimum.reduce([canvas.circle(x + a * size, y + b * size, c * size) for a, b, c in parts])
        shape = np.maximum(shape, canvas.y - (y + 0.6 * size))
        canvas.paint(shape, WHITE, self.pen)
        shadow = np.maximum(shape + 3, -(canvas.circle(x, y - 1.3 * size, 1.75 * size)))
        canvas.paint(shadow, (188, 214, 232))

    def hill(self, level: Number, colour: Colour) -> Array:
        """A hill up to about row ``level``; returns its shape, so that it can be filled with dots."""
        phase, waves = self.uniform(0, 6), self.uniform(0.8, 1.8)
        columns = np.arange(SIDE, dtype=np.float32) / SIDE
        curve = level + self.uniform(10, 26) * np.sin(2 * np.pi * waves * columns + phase)
        shape = self.canvas.below(curve)
        self.canvas.paint(shape, colour, self.pen)
        return shape

    def house(self, x: Number, y: Number, size: Number) -> None:
        """A house standing on (x, y)."""
        canvas, pen = self.canvas, self.pen
        chimney = canvas.box(x + 0.55 * size, y - 1.75 * size, 0.14 * size, 0.35 * size)
        canvas.paint(chimney, (150, 70, 56), pen)
        canvas.paint(canvas.box(x, y - 0.6 * size, 0.8 * size, 0.62 * size), self.pick(BRIGHT), pen)
        roof = [(x - size, y - 1.15 * size), (x, y - 2.05 * size), (x + size, y - 1.15 * size)]
        canvas.paint(canvas.polygon(roof), self.pick(BRIGHT), pen)
        door = canvas.box(x - 0.35 * size, y - 0.35 * size, 0.2 * size, 0.36 * size)
        canvas.paint(door, (112, 66, 40), pen * 0.8)
        window = canvas.box(x + 0.36 * size, y - 0.65 * size, 0.22 * size, 0.22 * size)
        canvas.paint(window, (255, 240, 150), pen * 0.8)

    def tree(self, x: Number, y: Number, size: Number) -> None:
        """A tree standing on (x, y)."""
        canvas, green = self.canvas, self.pick(GREENS)
        canvas.paint(canvas.box(x, y - 0.5 * size, 0.16 * size, 0.6 * size), (122, 74, 44), self.pen)
        parts = [(0.0, -1.6, 0.75), (-0.6, -1.1, 0.55), (0.6, -1.15, 0.55), (0.1, -1.0, 0.6)]
        crown = np.minimum.reduce([canvas.circle(x + a * size, y + b * size, c * size) for a, b, c in parts])
        canvas.paint(crown, green, self.pen)
        light = np.maximum(crown + 4, canvas.circle(x - 0.3 * size, y - 1.8 * size, 0.5 * size))
        canvas.paint(light, (min(green[0] + 60, 255), min(green[1] + 40, 255), green[2]))
