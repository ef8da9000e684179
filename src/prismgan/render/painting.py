"""Painting: styles that are computed from the whole picture, at a separate size, and then resized to full size. Large
pictures are reduced for painting, so that the brush keeps its width relative to the picture, and then enlarged with the
photo's own detail; small ones are enlarged, so that strokes do not cover faces. Only the last step uses tiles; it is
local, so the tiles agree bit for bit."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from prismgan.images import MINIMUM_SIDE, from_pixels, luma, resize, resized_part
from prismgan.images.filters import local_slope
from prismgan.render.tiles import Tile

FINE, BRUSH = 640, 1024
"""Bounds of the longest side at which pictures are painted by default. Smaller ones are enlarged, at most twofold."""
SMALLEST_BRUSH, LARGEST_BRUSH = 128, 4096  # bounds of the longest side at which a picture may be painted


def canvas_sides(height: int, width: int, brush: int | None) -> tuple[int, int]:
    """Height and width at which a picture is painted; ``brush`` is the longer one."""
    longest = max(height, width)
    factor = (min(max(longest, min(2 * longest, FINE)), BRUSH) if brush is None else brush) / longest
    return max(MINIMUM_SIDE, round(height * factor)), max(MINIMUM_SIDE, round(width * factor))


def painting_bytes(sides: tuple[int, int], styles: int, count: int) -> int:
    """Bytes that painting needs, with all styles kept; measured at 0.3 to 4 megapixels."""
    return sides[0] * sides[1] * count * (160 + 16 * styles)


class Canvas:
    """Sources (H, W, 3) of one size, reduced for painting, and their styles, which are painted on demand."""

    def __init__(self, sources: Sequence[NDArray[Any]], brush: int | None) -> None:
        self.height, self.width = sources[0].shape[:2]
        self.sides = canvas_sides(self.height, self.width, brush)
        self.source = torch.cat([_resized(source, self.sides) for source in sources])
        self.coming: Iterator[tuple[int, dict[str, Tensor]]] = iter(())  # seeds, and images by name
        self._painted: dict[tuple[str, int], tuple[Tensor, Tensor | None]] = {}
        """By task and seed, the image (B, 3, h, w) and how far it follows the photo's brightness; the latter is None
        if the image already has the picture's size."""

    def _keep(self, name: str, seed: int, image: Float[Tensor, "B 3 h w"]) -> None:
        image, slope = image.clamp(-1, 1), None
        if self.sides[0] > self.height:
            image = resize(image, self.height, self.width)
        elif self.sides != (self.height, self.width):
            slope = local_slope(image, luma(self.source))
        self._painted[name, seed] = image, slope

    def part(self, name: str, seed: int, tile: Tile, source: Float[Tensor, "B 3 y x"]) -> Float[Tensor, "B 3 y x"]:
        """The tile of a style at full size; ``source`` is the picture in that tile."""
        rows, columns = (slice(span.start, span.stop) for span in tile)
        while (name, seed) not in self._painted:
            of_seed, painted = next(self.coming)
            for other in list(painted):
                self._keep(other, of_seed, painted.pop(other))
        image, slope = self._painted[name, seed]
        if slope is None:
            return image[..., rows, columns]

        def enlarged(maps: Tensor) -> Tensor:
            return resized_part(maps, (self.height, self.width), rows, columns)

        detail = luma(source) - enlarged(luma(self.source))
        return enlarged(image) + enlarged(slope) * detail


def _resized(pixels: NDArray[Any], sides: tuple[int, int]) -> Float[Tensor, "1 3 h w"]:
    """Resize a picture in [-1, 1]; a large one is first averaged over whole blocks, strip by strip."""
    height, width = pixels.shape[:2]
    block = min(height // sides[0], width // sides[1])
    if block < 2:
        image = from_pixels(pixels)
    else:
        rows = max(1, STRIP // (width * block)) * block
        strips = (from_pixels(pixels[first : first + rows]) for first in range(0, height, rows))
        pooled = [F.avg_pool2d(strip, block, ceil_mode=True, count_include_pad=False) for strip in strips]
        image = torch.cat(pooled, dim=-2)
    return resize(image, *sides).clamp(-1, 1)


STRIP = 4_000_000  # pixels that are averaged at once
