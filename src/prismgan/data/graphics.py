"""Graphics drawn by code. Text, stripes, charts and user interfaces are common on screens but rare in photos, and a
network trained only on photos mistakes fine clean patterns for noise and removes them."""

import importlib.util
import math
import random
from collections.abc import Callable
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

NAME = "graphics"  # name in a recipe: `builtin: graphics`

Colour = tuple[int, int, int]
Random = random.Random
Kind = Callable[[Image.Image, Random, float], None]  # draws on a picture, with a unit in pixels

FONT_FOLDERS = (
    *("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts"),
    *("/System/Library/Fonts", "/Library/Fonts", "C:/Windows/Fonts"),
)
FONT_SUFFIXES = frozenset({".ttf", ".otf"})
TEXT_SIZES = (8, 40)  # smallest and largest size of letters in pixels
CHARACTERS = "etaoinshrdlcumwfgypbvkjxqzETAOINSHRDLCUMWFGYPBVKJXQZ0123456789.,;:!?-'\"()/&%+=@#äéßñ "
FREQUENCIES = [*(26.0 - i / 1.1 for i in range(26)), *([1.5] * 26), *([2.5] * 10), *([1.0] * 22), 70.0]
PERIODS = (2.0, 24.0)  # shortest and longest period of a pattern in pixels
OVERSAMPLING = 3  # factor by which curves are drawn larger and then reduced, for antialiasing


def draw(height: int, width: int, seed: int, unit: float = 1.0) -> NDArray[np.uint8]:
    """One picture (height, width, 3) in 0..255, the same for the same arguments and fonts; letters and periods are
    ``unit`` times as large, for pictures that are to be reduced."""
    chance = random.Random(seed)
    picture = Image.new("RGB", (width, height))
    (kind,) = chance.choices(tuple(KINDS), tuple(KINDS.values()))
    kind(picture, chance, unit)
    pixels = np.array(picture)
    if chance.random() >= 0.25:
        return pixels
    # Under light that falls off to one side.
    down = np.linspace(0, chance.uniform(-60, 60), height, dtype=np.float32)[:, None, None]
    across = np.linspace(0, chance.uniform(-60, 60), width, dtype=np.float32)[None, :, None]
    return np.asarray((pixels + down + across).clip(0, 255).round(), dtype=np.uint8)


def sample() -> NDArray[np.uint8]:
    """A sheet of graphics, which represents them where a single picture is needed."""
    return np.vstack([np.hstack([draw(128, 128, 4 * row + column) for column in range(4)]) for row in range(4)])


@cache
def font_files() -> tuple[str, ...]:
    """The fonts of this machine that contain letters, sorted, including matplotlib's if it is installed."""
    folders = [Path(folder).expanduser() for folder in FONT_FOLDERS]
    matplotlib = importlib.util.find_spec("matplotlib")
    if matplotlib is not None and matplotlib.origin is not None:
        folders.append(Path(matplotlib.origin).parent / "mpl-data" / "fonts" / "ttf")
    files = [file for folder in folders if folder.is_dir() for file in folder.rglob("*")]
    unique = {file.name: str(file) for file in sorted(files) if file.suffix.lower() in FONT_SUFFIXES}
    return tuple(file for file in unique.values() if _has_letters(file))


def _has_letters(file: str) -> bool:
    try:
        masks = {bytes(_font(file, 16).getmask(letter)) for letter in "aeg3"}
    except OSError:  # a damaged font, or a format that FreeType does not support
        return False
    return len(masks) == 4 and all(any(mask) for mask in masks)


@lru_cache(maxsize=256)
def _font(file: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(file, size, layout_engine=ImageFont.Layout.BASIC)


def _any_font(chance: Random, size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    files = font_files()
    return _font(chance.choice(files), size) if files else ImageFont.load_default(size)


def _colour(chance: Random) -> Colour:
    return chance.randrange(256), chance.randrange(256), chance.randrange(256)


def _grey(level: float) -> Colour:
    return (round(level),) * 3


def _colours(chance: Random) -> tuple[Colour, Colour]:
    """Ink and paper, different enough to be told apart."""
    part = chance.random()
    if part < 0.35:
        return _grey(chance.triangular(0, 90, 0)), _grey(chance.triangular(225, 255, 255))
    if part < 0.6:
        return _grey(chance.triangular(150, 255, 255)), _grey(chance.triangular(0, 70, 20))
    ink, paper = _colour(chance), _colour(chance)
    while sum(abs(one - other) for one, other in zip(ink, paper, strict=True)) < 90:
        ink, paper = _colour(chance), _colour(chance)
    return ink, paper


def _on_paper(picture: Image.Image, chance: Random) -> tuple[Colour, Colour]:
    """Ink and paper of a picture, which is covered with the paper."""
    ink, paper = _colours(chance)
    picture.paste(paper, (0, 0, *picture.size))
    return ink, paper


def _letters(chance: Random, count: int) -> str:
    return "".join(chance.choices(CHARACTERS, FREQUENCIES, k=count))


def _text(picture: Image.Image, chance: Random, unit: float) -> None:
    ink, _ = _on_paper(picture, chance)
    pen = ImageDraw.Draw(picture)
    if chance.random() < 0.1:
        pen.fontmode = "1"  # letters without antialiasing
    y = -chance.uniform(0, 12 * unit)
    size, font, leading = 0, None, 1.0
    while y < picture.height:
        if font is None or chance.random() < 0.2:
            size = max(6, round(_log_uniform(chance, *TEXT_SIZES) * unit))
            font, leading = _any_font(chance, size), chance.uniform(1.05, 1.6)
        fill = _colour(chance) if chance.random() < 0.1 else ink
        start = chance.choice((-size // 3, chance.randrange(picture.width // 2)))
        count = 2 + 2 * (picture.width - start) // size
        pen.text((start, round(y)), _letters(chance, count), fill, font)
        y += size * leading


def _log_uniform(chance: Random, low: float, high: float) -> float:
    """A number between two positive ones, drawn evenly on a logarithmic scale."""
    return math.exp(chance.uniform(math.log(low), math.log(high)))


def cover(height: int, width: int, chance: Random, unit: float) -> NDArray[np.float32]:
    """The amount of ink in every pixel, 0..1, of one pattern."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    period = max(PERIODS[0], _log_uniform(chance, *PERIODS) * unit)
    form = chance.random()
    if form < 0.4:  # along the pixels, with sharp edges: stripes, checkers, squares
        cell = max(1, round(period / 2))
        tall = cell * chance.choice((1, 1, 2))
        first, second = ((x + chance.randrange(64)) // cell) % 2, ((y + chance.randrange(64)) // tall) % 2
        return chance.choice((first, second, abs(first - second), abs(first - second), first * second))
    if form < 0.5:  # rings
        radius = np.hypot(x - chance.uniform(0, width), y - chance.uniform(0, height))
        return _wave(radius / period + (radius / period) ** 2 * chance.uniform(0, 0.01), chance)
    angle = chance.choice((0.0, math.pi / 4, chance.uniform(0, math.pi), chance.uniform(0, math.pi)))
    u = (x * math.cos(angle) + y * math.sin(angle)) / period
    v = (y * math.cos(angle) - x * math.sin(angle)) / (period * chance.choice((1.0, chance.uniform(1, 3))))
    if chance.random() < 0.3:  # in perspective
        depth = 1 + (x * chance.uniform(0, 2) / width + y * chance.uniform(0, 2) / height)
        u, v = u / depth * 2, v / depth * 2
    if form < 0.75:
        return _wave(u, chance)
    first, second = _wave(u, chance), _wave(v, chance)
    return chance.choice((first * second, first + second - 2 * first * second, np.maximum(first, second)))


def _wave(phase: NDArray[np.float32], chance: Random) -> NDArray[np.float32]:
    """A wave of the phase in periods, antialiased: a sine, or bars whose edges are a pixel wide."""
    slope = np.hypot(*np.gradient(phase)) + 1e-6
    visible = np.clip((0.55 - slope) * 10, 0, 1)  # fades out periods finer than two pixels
    phase = phase + np.float32(chance.random())
    if chance.random() < 0.35:
        return np.asarray(0.5 + 0.5 * visible * np.sin(2 * np.pi * phase), np.float32)
    part = chance.choice((0.5, 0.5, chance.uniform(0.1, 0.9)))
    distance = (np.abs(phase - np.floor(phase) - 0.5) - part / 2) / slope  # in pixels, negative within the ink
    return np.asarray(part + visible * (np.clip(0.5 - distance, 0, 1) - part), np.float32)


def _patterns(picture: Image.Image, chance: Random, unit: float) -> None:
    """A pattern on the whole picture, with others in rectangles on top, or only patterns in rectangles."""
    width, height = picture.size
    rectangles = [(0, 0, width, height)]
    if chance.random() < 0.3:
        picture.paste(_colour(chance), (0, 0, width, height))
        rectangles = []
    for _ in range(chance.randint(0 if rectangles else 1, 4)):
        left, top = chance.randrange(width * 3 // 4), chance.randrange(height * 3 // 4)
        right, bottom = left + chance.randint(12, width), top + chance.randint(12, height)
        rectangles.append((left, top, min(right, width), min(bottom, height)))
    for left, top, right, bottom in rectangles:
        ink, paper = _colours(chance)
        part = cover(bottom - top, right - left, chance, unit)[..., None]
        pixels = np.array(paper) + part * (np.array(ink) - np.array(paper)).astype(np.float32)
        picture.paste(Image.fromarray(pixels.round().astype(np.uint8)), (left, top))


def _strokes(picture: Image.Image, colour: Colour, strokes: Callable[[ImageDraw.ImageDraw, int], None]) -> None:
    """Draw antialiased: ``strokes`` is called with a pen and the factor by which it has to draw larger."""
    mask = Image.new("L", (picture.width * OVERSAMPLING, picture.height * OVERSAMPLING))
    strokes(ImageDraw.Draw(mask), OVERSAMPLING)
    picture.paste(colour, (0, 0), mask.reduce(OVERSAMPLING))


def _line_art(picture: Image.Image, chance: Random, unit: float) -> None:
    ink, _ = _on_paper(picture, chance)
    width, height = picture.size
    pen_width = unit * _log_uniform(chance, 0.7, 5)

    def strokes(pen: ImageDraw.ImageDraw, factor: int) -> None:
        for _ in range(chance.randint(4, 12)):
            points = [(chance.randrange(width) * factor, chance.randrange(height) * factor) for _ in range(4)]
            line = max(1, round(factor * pen_width * chance.uniform(0.6, 1.4)))
            form = chance.random()
            if form < 0.35:
                pen.line(points[: chance.randint(2, 4)], fill=255, width=line, joint="curve")
            elif form < 0.6:
                pen.line(_curve(points), fill=255, width=line, joint="curve")
            elif form < 0.85:
                (x0, y0), (x1, y1) = points[:2]
                box = (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))
                pen.ellipse(box, outline=255, width=line, fill=chance.choice((None, None, 255)))
            else:
                pen.polygon(points[:3], outline=255, width=line, fill=chance.choice((None, 255)))

    _strokes(picture, ink, strokes)


def _curve(points: list[tuple[int, int]]) -> list[tuple[float, float]]:
    """A cubic Bezier curve as a polyline."""
    part = np.linspace(0, 1, 24)[:, None]
    weights = np.hstack([(1 - part) ** 3, 3 * part * (1 - part) ** 2, 3 * part**2 * (1 - part), part**3])
    return [(float(x), float(y)) for x, y in weights @ np.array(points, np.float64)]


def _chart(picture: Image.Image, chance: Random, unit: float) -> None:
    ink, paper = _on_paper(picture, chance)
    width, height = picture.size
    pen = ImageDraw.Draw(picture)
    size = max(6, round(chance.uniform(8, 13) * unit))
    font, line = _any_font(chance, size), max(1, round(unit))
    left, bottom = chance.randint(0, width // 3), height - chance.randint(0, height // 4)
    faint = tuple(round(0.75 * under + 0.25 * over) for under, over in zip(paper, ink, strict=True))
    step = max(6, round(chance.uniform(10, 32) * unit))
    for y in range(bottom, 0, -step):
        pen.line((left, y, width, y), fill=faint, width=line)
        pen.text((left - 2 * size, y - size // 2), str(chance.randrange(100)), ink, font)
    for x in range(left, width, step):
        pen.line((x, bottom, x, bottom + size // 3), fill=ink, width=line)
    if chance.random() < 0.5:
        for x in range(left + step // 4, width, step):
            pen.rectangle((x, chance.randint(bottom // 4, bottom), x + step // 2, bottom), fill=_colour(chance))
    else:
        for _ in range(chance.randint(1, 3)):
            heights = [chance.randint(0, bottom) for _ in range(left, width + step, step)]

            def strokes(pen: ImageDraw.ImageDraw, factor: int, heights: list[int] = heights) -> None:
                points = [((left + i * step) * factor, y * factor) for i, y in enumerate(heights)]
                pen.line(points, fill=255, width=round(factor * unit * chance.uniform(0.8, 2.5)), joint="curve")

            _strokes(picture, _colour(chance), strokes)
    pen.line((left, 0, left, bottom, width, bottom), fill=ink, width=line)


def _interface(picture: Image.Image, chance: Random, unit: float) -> None:
    ink, paper = _on_paper(picture, chance)
    width, height = picture.size
    pen = ImageDraw.Draw(picture)
    size = max(6, round(chance.uniform(8, 15) * unit))
    font, line = _any_font(chance, size), max(1, round(unit * chance.choice((1, 1, 2))))
    accent, panel = _colour(chance), tuple(round(0.88 * a + 0.12 * b) for a, b in zip(paper, ink, strict=True))
    row, y = round(size * chance.uniform(1.4, 2.4)), -chance.randrange(round(2 * size))
    while y < height:
        x = -chance.randrange(2 * size)
        while x < width:
            wide = chance.randint(2 * size, 9 * size)
            box, inside = (x, y, x + wide, y + row - 3 * line), (x + size // 2, y + (row - size) // 2 - line)
            form = chance.random()
            if form < 0.25:
                pen.rounded_rectangle(box, chance.randint(0, row // 3), fill=chance.choice((accent, panel)), width=line)
            elif form < 0.45:
                pen.rounded_rectangle(box, chance.randint(0, row // 3), outline=ink, width=line)
            elif form < 0.55:
                pen.ellipse((x, y, x + row - 4 * line, y + row - 4 * line), outline=accent, fill=panel, width=line)
            if form > 0.2:
                letters = _letters(chance, max(1, wide // size))
                pen.text(inside, letters, accent if chance.random() < 0.15 else ink, font)
            x += wide + chance.randint(0, size)
        y += row
        if chance.random() < 0.4:
            pen.line((0, y - 2 * line, width, y - 2 * line), fill=chance.choice((panel, ink)), width=line)


KINDS: dict[Kind, float] = {_text: 0.4, _patterns: 0.32, _interface: 0.1, _chart: 0.08, _line_art: 0.1}
"""The kinds of graphics, and how often each is drawn."""
