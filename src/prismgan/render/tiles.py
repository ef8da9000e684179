"""Tiles: cuts a picture so that rendering it fits into memory. A tile is rendered with a halo of the generator's
receptive field, which is cut off again, and starts at multiples of the generator's coarsest cell, or of its noise's
period. Every pixel is therefore computed from the same pixels, and noise, as in the whole picture."""

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

SMALLEST = 64  # side of the smallest tile in pixels, without its halo; smaller ones would be nearly all halo


class Span(NamedTuple):
    """A range of a picture's rows or columns, in pixels of the source."""

    start: int
    stop: int
    first: int  # start of the halo before it
    last: int  # end of the halo after it

    @property
    def outer(self) -> slice:
        """The range with the halo, in the source."""
        return slice(self.first, self.last)

    def inner(self, scale: int) -> slice:
        """The range without the halo, in the output rendered from :attr:`outer`."""
        return slice(scale * (self.start - self.first), scale * (self.stop - self.first))

    def own(self, scale: int) -> slice:
        """The range without the halo, in the whole output."""
        return slice(scale * self.start, scale * self.stop)


class Tile(NamedTuple):
    """A part of a picture that is rendered in one piece."""

    rows: Span
    columns: Span


def tiles(height: int, width: int, sides: tuple[int, int], halo: int) -> list[Tile]:
    """Tiles of these sides, row by row; those at the right and at the bottom may be smaller."""
    return [Tile(rows, columns) for rows in _spans(height, sides[0], halo) for columns in _spans(width, sides[1], halo)]


def _spans(length: int, side: int, halo: int) -> Iterator[Span]:
    for start in range(0, length, side):
        stop = min(start + side, length)
        yield Span(start, stop, max(start - halo, 0), min(stop + halo, length))


def smallest_area(height: int, width: int, halo: int) -> int:
    """Pixels of the smallest tile, including its halo, that a picture can be cut into."""
    side = SMALLEST + 2 * halo
    return min(height, side) * min(width, side)


def tile_sides(height: int, width: int, halo: int, cell: int, area: int) -> tuple[int, int]:
    """Height and width of tiles that have at most ``area`` pixels, their halos included: as few tiles as possible.
    ``area`` is at least :func:`smallest_area`. Sides are multiples of ``cell``, about equal between tiles."""
    if height * width <= area:
        return _evenly(height, height, cell), _evenly(width, width, cell)
    side = math.isqrt(area)
    # A picture that is narrower than a square tile is only cut across its length.
    rows = height if height <= side else (area // width if width <= side else side) - 2 * halo
    columns = width if width <= side else (area // height if height <= side else side) - 2 * halo
    return _evenly(height, rows, cell), _evenly(width, columns, cell)


def _evenly(length: int, most: int, cell: int) -> int:
    """The side of equal tiles of at most ``most`` pixels, in whole cells."""
    if most >= length:
        return -(-length // cell) * cell
    count = -(-length // (max(most // cell, 1) * cell))  # ``most`` may be rounded down
    return -(-length // (count * cell)) * cell


def pixel_bytes(largest_maps: float, groups: Iterable[tuple[int, int]], *, mixed: bool, together: bool) -> float:
    """Bytes that rendering needs per pixel of the source, without the outputs.

    Args:
        largest_maps: values per source pixel of the trunk's largest maps.
        groups: scale and number of the tasks that are computed together.
        mixed: whether they are mixed with the enlarged source or with each other.
        together: whether the outputs of all groups are kept until the last one is done.
    """
    # Measured at 0.4 to 3 megapixels: 370 bytes for 32 channels at 1/2 and 2x, 830 with 4x; with 64 channels a fifth
    # less than this estimate, with 32 at the source's size a quarter. The trunk has at most ten maps at that level.
    trunk = 10 * largest_maps
    sizes = [scale**2 * (8 + 3 * (tasks - 1) + (9 if mixed else 0)) for scale, tasks in groups]
    return 4 * (trunk + (sum(sizes) if together else max(sizes)))
