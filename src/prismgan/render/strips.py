"""A sheet of small pictures that belong together: a strip for every task, one latent below the other's images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PIL import Image, ImageDraw, ImageFont

from prismgan.render.sheet import BACKGROUND, INK

__all__ = ["strips"]

SHOWN = 64
"""Pixels that a picture is wide on the sheet, at least."""
GAP = 2
BETWEEN = 12
"""Pixels between two blocks of strips."""
TEXT = 13


def strips(pictures: Mapping[str, Sequence[Image.Image]], columns: int = 12) -> Image.Image:
    """Lay out each task's pictures in a strip that has its name at the left; after so many columns, a new block.

    Args:
        pictures: by task, equally many of one size, at least one.
        columns: pictures in a strip.
    """
    count = len(next(iter(pictures.values())))
    columns = min(columns, count)
    blocks = -(-count // columns)
    first = next(iter(pictures.values()))[0]
    factor = max(1, -(-SHOWN // first.width))
    width, height = factor * first.width, factor * first.height
    font = ImageFont.load_default(TEXT)
    label = round(max(font.getlength(name) for name in pictures)) + 2 * BETWEEN
    block = len(pictures) * (height + GAP) - GAP + BETWEEN
    canvas = Image.new("RGB", (label + columns * (width + GAP) + BETWEEN, BETWEEN + blocks * block), BACKGROUND)
    draw = ImageDraw.Draw(canvas)
    for row, (name, several) in enumerate(pictures.items()):
        for number, picture in enumerate(several):
            top = BETWEEN + number // columns * block + row * (height + GAP)
            left = label + number % columns * (width + GAP)
            if left == label:
                draw.text((BETWEEN, top + height / 2), name, INK, font, anchor="lm")
            # Cells stay cells: smoothing would show more than was generated.
            canvas.paste(picture.resize((width, height), Image.Resampling.NEAREST), (left, top))
    return canvas
