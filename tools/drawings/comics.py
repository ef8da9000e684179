"""The collection ``builtin:comics``: flat, bright, outlined drawings with halftone dots, made by code."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from drawings.comic_parts import BRIGHT, GREENS, SIDE, SKIES, SKINS, WHITE, Artist
from drawings.shapes import INK, Colour

__all__ = ["COUNT", "draw"]

COUNT = 24
SEED = 1938


def _landscape(artist: Artist) -> None:
    """Hills under a sun, with houses and trees."""
    artist.halftone(WHITE)
    artist.sun(artist.uniform(50, 206), artist.uniform(40, 70), artist.uniform(20, 32), (255, 206, 40))
    for _ in range(2):
        artist.cloud(artist.uniform(20, 236), artist.uniform(30, 100), artist.uniform(15, 24))
    for level in (140.0, 172.0, 208.0):
        hill = artist.hill(level, artist.pick(GREENS))
        if level == 172:
            artist.halftone((24, 110, 70), hill + 4)
        for _ in range(2):
            x = artist.uniform(24, 232)
            place = artist.house if artist.rng.random() < 0.5 else artist.tree
            place(x, level + artist.uniform(16, 30), artist.uniform(17, 27))


def _face(artist: Artist) -> None:
    """A portrait before beams."""
    canvas, pen = artist.canvas, artist.pen
    artist.rays(128, 128, artist.pick(BRIGHT))
    if artist.rng.random() < 0.6:
        artist.halftone(WHITE)
    x, y = 128 + artist.uniform(-14, 14), 128 + artist.uniform(-8, 8)
    width, height = artist.uniform(52, 66), artist.uniform(66, 78)
    skin, hair, dress = artist.pick(SKINS), artist.pick(BRIGHT), artist.pick(BRIGHT)
    canvas.paint(canvas.ellipse(x, y - 14, width * 1.25, height * 1.12), hair, pen)
    canvas.paint(canvas.box(x, 262, width * 1.5, 60, 40), dress, pen)
    canvas.paint(canvas.box(x, y + height, 20, 30, 8), skin, pen)
    for side in (-1, 1):
        canvas.paint(canvas.circle(x + side * width, y + 6, 12), skin, pen)
    head = canvas.ellipse(x, y, width, height)
    canvas.paint(head, skin, pen)
    shade: Colour = (int(skin[0] * 0.86), int(skin[1] * 0.76), int(skin[2] * 0.74))
    side_shade = np.maximum(head + 2, -canvas.ellipse(x - 16, y - 8, width, height))
    canvas.paint(side_shade, shade)
    fringe = np.maximum(head - 2, -canvas.circle(x + artist.uniform(-24, 24), y + height, height * 1.5))
    canvas.paint(fringe, hair, pen)
    iris = artist.pick(BRIGHT)
    for side in (-1, 1):
        eye = x + side * width * 0.42
        canvas.paint(canvas.ellipse(eye, y, 13, 16), WHITE, pen)
        canvas.paint(canvas.circle(eye + 2, y + 2, 7.5), iris, pen * 0.7)
        canvas.paint(canvas.circle(eye + 2, y + 2, 3.8), INK)
        canvas.paint(canvas.circle(eye - 1, y - 2, 2.4), WHITE)
        tilt = artist.uniform(-5, 5)
        canvas.paint(canvas.line(eye - 13, y - 24 + side * tilt, eye + 13, y - 24 - side * tilt, 5.5), INK)
        canvas.paint(canvas.circle(x + side * width * 0.62, y + 26, 8), (246, 132, 122))
    canvas.paint(canvas.line(x, y + 12, x - 6, y + 26, 3.2), INK)
    mouth = np.maximum(canvas.ellipse(x, y + 34, 24, artist.uniform(12, 22)), (y + 36) - canvas.y)
    canvas.paint(mouth, (190, 34, 50), pen)
    teeth = np.maximum(mouth, canvas.y - (y + 42))
    canvas.paint(teeth, WHITE)


def _city(artist: Artist) -> None:
    """Towers with lit windows."""
    canvas, pen = artist.canvas, artist.pen
    artist.halftone(artist.pick(SKIES))
    canvas.paint(canvas.circle(artist.uniform(60, 200), 54, artist.uniform(22, 32)), (255, 240, 160), pen)
    artist.cloud(artist.uniform(30, 220), artist.uniform(50, 90), 17)
    for depth in (0, 1):
        x = artist.uniform(-10, 10)
        while x < SIDE:
            half, top = artist.uniform(17, 28), artist.uniform(80, 140) + 48 * depth
            wall = artist.pick(BRIGHT)
            canvas.paint(canvas.box(x + half, top + 128, half, 128, 2), wall, pen)
            shade: Colour = (wall[0] * 2 // 3, wall[1] // 2, wall[2] * 2 // 3)
            canvas.paint(canvas.box(x + 2 * half - 5, top + 128, 5, 126), shade)
            for row in range(int((SIDE - top) / 19)):
                for column in (-0.45, 0.2):
                    lit: Colour = (255, 246, 150) if artist.rng.random() < 0.6 else (48, 52, 96)
                    canvas.paint(canvas.box(x + half * (1 + column), top + 14 + 19 * row, 4.5, 5.5), lit, 2.0)
            x += 2 * half + artist.uniform(-6, 10)


def _burst(artist: Artist) -> None:
    """Stars of an explosion, one in the other."""
    canvas = artist.canvas
    artist.rays(128, 128, artist.pick(BRIGHT))
    artist.halftone(artist.pick(BRIGHT))
    x, y = 128 + artist.uniform(-16, 16), 128 + artist.uniform(-16, 16)
    tips = int(artist.rng.integers(9, 14))
    stretch = artist.rng.uniform(0.8, 1.15, tips)
    for outer, colour in ((112.0, BRIGHT[0]), (84.0, BRIGHT[1]), (56.0, WHITE)):
        points = []
        for tip in range(2 * tips):
            reach = outer * (stretch[tip // 2] if tip % 2 == 0 else 0.62)
            angle = np.pi * tip / tips
            points.append((x + reach * np.cos(angle), y + 0.85 * reach * np.sin(angle)))
        canvas.paint(canvas.polygon(points), colour, artist.pen)
    for _ in range(7):
        angle, reach = artist.uniform(0, 2 * np.pi), artist.uniform(100, 140)
        place = canvas.circle(x + reach * np.cos(angle), y + reach * np.sin(angle), artist.uniform(6, 15))
        canvas.paint(place, artist.pick(BRIGHT), artist.pen)
    artist.cloud(x, y + 6, 20)


def _sea(artist: Artist) -> None:
    """A sailing boat on waves."""
    canvas, pen = artist.canvas, artist.pen
    artist.sun(artist.uniform(40, 216), 52, 24, artist.pick(BRIGHT[:4]))
    artist.cloud(artist.uniform(40, 216), artist.uniform(60, 100), 20)
    artist.hill(150, (70, 170, 220))
    x = artist.uniform(90, 166)
    canvas.paint(canvas.box(x, 110, 3, 64), (122, 74, 44), pen)
    canvas.paint(canvas.polygon([(x + 6, 48), (x + 6, 152), (x + 62, 152)]), artist.pick(BRIGHT), pen)
    canvas.paint(canvas.polygon([(x - 7, 66), (x - 7, 152), (x - 46, 152)]), WHITE, pen)
    hull = canvas.polygon([(x - 64, 162), (x + 72, 162), (x + 50, 200), (x - 46, 200)])
    canvas.paint(hull, artist.pick(BRIGHT), pen)
    canvas.paint(np.maximum(hull, canvas.y - 171), WHITE)
    for level, colour in ((192.0, (36, 128, 200)), (214.0, (24, 100, 176)), (238.0, (20, 74, 146))):
        phase, columns = artist.uniform(0, 6), np.arange(SIDE, dtype=np.float32)
        crest = level - 9 * np.abs(np.sin(columns / artist.uniform(20, 28) + phase))
        wave = canvas.below(crest)
        canvas.paint(wave, colour, pen)
        canvas.paint(np.abs(wave + 7) - 1.6, WHITE)


def _balloons(artist: Artist) -> None:
    """Balloons, one before the other."""
    canvas = artist.canvas
    for _ in range(3):
        artist.cloud(artist.uniform(10, 246), artist.uniform(30, 220), artist.uniform(16, 26))
    for _ in range(int(artist.rng.integers(7, 11))):
        x, y, size = artist.uniform(26, 230), artist.uniform(30, 170), artist.uniform(24, 42)
        colour = artist.pick(BRIGHT)
        canvas.paint(canvas.line(x, y + 1.2 * size, x + artist.uniform(-16, 16), 262, 2.6), INK)
        tie = [(x, y + 1.1 * size), (x - 6, y + 1.32 * size), (x + 6, y + 1.32 * size)]
        canvas.paint(canvas.polygon(tie), colour, artist.pen)
        shape = canvas.ellipse(x, y, size, 1.18 * size)
        canvas.paint(shape, colour, artist.pen)
        dark: Colour = (colour[0] * 2 // 3, colour[1] * 2 // 3, colour[2] * 2 // 3)
        away = np.maximum(shape + 2, -canvas.ellipse(x - 0.22 * size, y - 0.2 * size, size, 1.18 * size))
        artist.halftone(dark, shape + 2)
        canvas.paint(away, dark)
        canvas.paint(canvas.ellipse(x - 0.4 * size, y - 0.5 * size, 0.16 * size, 0.26 * size), WHITE)


PANELS: tuple[Callable[[Artist], None], ...] = (_landscape, _face, _city, _burst, _sea, _balloons)


def draw(number: int) -> NDArray[np.uint8]:
    """Drawing ``number`` of ``COUNT``, (SIDE, SIDE, 3), the same in every run."""
    rng = np.random.default_rng([SEED, number])
    artist = Artist(rng, SKIES[int(rng.integers(len(SKIES)))])
    PANELS[number % len(PANELS)](artist)
    return artist.canvas.finish()
