"""Resizing of pictures: like MATLAB, and by convolutions that a network can include in its own."""

import math
from functools import lru_cache

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor
from torch.nn import functional as F

from prismgan.images.pixels import to_float

SUPPORT = 4  # width of the bicubic kernel in pixels


def resize(image: Float[Tensor, "*B 3 H W"], height: int, width: int) -> Float[Tensor, "*B 3 h w"]:
    """Antialiased bicubic resize like MATLAB's ``imresize``, on which published figures are based; in float64 if the
    image is. The kernel is Keys' with a = -0.5; borders are mirrored, the outermost pixel twice. (torch's own bicubic
    has a = -0.75, or, with antialiasing, differs by up to 16 levels at the border.)"""
    if image.shape[-2:] == (height, width):
        return image
    return resized_part(image, (height, width), slice(None), slice(None))


def resized_part(
    image: Float[Tensor, "*B C H W"], sides: tuple[int, int], rows: slice, columns: slice
) -> Float[Tensor, "*B C y x"]:
    """These rows and columns of the result of :func:`resize` to these sides."""
    resized = image if image.dtype == torch.float64 else image.float()
    for dimension, length, part in ((-2, sides[0], rows), (-1, sides[1], columns)):
        resized = _resample(resized, dimension, length, part)
    return resized.contiguous()


def fitted(
    pixels: UInt8[Tensor, "3 H W"], side: int, least: int = 1, *, enlarge: bool = False
) -> Float[Tensor, "3 h w"]:
    """A picture in [-1, 1], reduced to ``side`` pixels on its longest side, and at least ``least`` on any. A smaller
    picture keeps its size unless ``enlarge`` is true."""
    factor = side / max(pixels.shape[-2:])
    factor = factor if enlarge else min(1.0, factor)
    height, width = (max(least, round(length * factor)) for length in pixels.shape[-2:])
    return resize(to_float(pixels), height, width).clamp(-1, 1)


def _resample(image: Tensor, dimension: int, length: int, part: slice) -> Float[Tensor, "..."]:
    """One dimension resized to ``length`` pixels, of which only a part is computed."""
    before = image.shape[dimension]
    lines_taken, weights = (taps[part] for taps in _taps(before, length))
    lines = image.movedim(dimension, 0)
    # embedding_bag: a weighted sum of a few rows of a table, here of lines of pixels.
    table = lines.reshape(before, -1)
    sums = F.embedding_bag(lines_taken.to(image.device), table, per_sample_weights=weights.to(image), mode="sum")
    return sums.view(len(weights), *lines.shape[1:]).movedim(0, dimension)


@lru_cache(maxsize=64)  # training resizes to the same few sizes again and again
def _taps(before: int, length: int) -> tuple[Int[Tensor, "L T"], Float[Tensor, "L T"]]:
    """For each of ``length`` output pixels, the indices and the weights of the ``before`` input pixels."""
    scale = length / before
    narrowing = min(scale, 1.0)  # for reduction the kernel is wider by the same factor
    positions = (torch.arange(length, dtype=torch.float64) + 0.5) / scale - 0.5
    offsets = torch.arange(math.ceil(SUPPORT / narrowing) + 2, dtype=torch.float64)
    taps = (positions - SUPPORT / narrowing / 2).floor()[:, None] + offsets
    weights = keys(narrowing * (positions[:, None] - taps))
    weights = weights / weights.sum(dim=1, keepdim=True)
    mirrored = taps.long() % (2 * before)
    return torch.where(mirrored < before, mirrored, 2 * before - 1 - mirrored), weights


def upsample(image: Float[Tensor, "B 3 H W"], scale: int) -> Float[Tensor, "B 3 sH sW"]:
    """Bicubic enlargement by a whole factor (Keys, a = -0.5, borders repeated); the identity for 1."""
    if scale == 1:
        return image
    phases = (torch.arange(scale, dtype=torch.float64) + 0.5) / scale - 0.5
    taps = keys(torch.arange(-2, 3, dtype=torch.float64)[None] - phases[:, None])
    kernel = torch.einsum("ri,qj->rqij", taps, taps).reshape(scale**2, 1, 5, 5).to(image)
    channels = image.shape[1]
    padded = F.pad(image, (2, 2, 2, 2), mode="replicate")
    return F.pixel_shuffle(F.conv2d(padded, kernel.repeat(channels, 1, 1, 1), groups=channels), scale)


def keys(distance: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """The cubic convolution kernel with a = -0.5 (Keys 1981, eq. 15)."""
    x = distance.abs()
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return torch.where(x <= 1, near, torch.where(x < 2, far, torch.zeros_like(x)))


def bicubic_phases(scale: int) -> Float[Tensor, "P 12 3 3"]:
    """Weights of a 3x3 convolution that enlarges a picture unshuffled by 2, with P = 3 (2 scale)^2.

    Away from the border ``pixel_shuffle(conv2d(pixel_unshuffle(image, 2), weights), 2 * scale)`` equals
    :func:`upsample`. It is several times faster on large maps, and can be added to a network's residual directly."""
    side = 2 * scale
    positions = (torch.arange(side, dtype=torch.float64) + 0.5) / scale - 0.5
    taps = keys(torch.arange(-2, 4, dtype=torch.float64)[None] - positions[:, None]).view(side, 3, 2)
    # Rows r and columns q of the output cell; blocks i, j of two pixels; pixels y, x within a block.
    kernel = torch.einsum("riy,qjx->rqyxij", taps, taps).reshape(side**2, 4, 3, 3)
    weights = torch.zeros(3, side**2, 3, 4, 3, 3, dtype=torch.float64)
    for channel in range(3):
        weights[channel, :, channel] = kernel
    return weights.reshape(3 * side**2, 12, 3, 3).float()


def bilinear_phases(factor: int) -> Float[Tensor, "P 3 3 3"]:
    """Weights of a 3x3 convolution that enlarges three channels bilinearly, with P = 3 factor^2. Away from the border
    ``pixel_shuffle(conv2d(image, weights), factor)`` equals torch's ``interpolate`` with ``align_corners=False``."""
    positions = (torch.arange(factor, dtype=torch.float64) + 0.5) / factor - 0.5
    distances = torch.arange(-1, 2, dtype=torch.float64)[None] - positions[:, None]
    taps = (1 - distances.abs()).clamp_min(0)
    kernel = torch.einsum("ri,qj->rqij", taps, taps).reshape(factor**2, 3, 3)
    return torch.einsum("cd,pij->cpdij", torch.eye(3, dtype=torch.float64), kernel).flatten(0, 1).float()
