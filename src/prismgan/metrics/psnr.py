"""Peak signal-to-noise ratio, over RGB and over luma alone."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from prismgan.metrics.metric import Metric

__all__ = ["CEILING", "PSNR", "PSNR_Y", "psnr", "psnr_y", "studio_luma"]

CEILING = 100.0
"""Decibels given to equal pictures, whose ratio is infinite; nothing scores higher."""


def psnr(output: Float[Tensor, "B 3 H W"], expected: Float[Tensor, "B 3 H W"]) -> Float[Tensor, " B"]:
    """``10 log10(1 / MSE)`` over all RGB values in [0, 1], in dB, at most :data:`CEILING`."""
    return _decibels(_unit(output), _unit(expected))


def psnr_y(output: Float[Tensor, "B 3 H W"], expected: Float[Tensor, "B 3 H W"]) -> Float[Tensor, " B"]:
    """PSNR of studio-swing luma with a peak of 255, in dB: the number in super-resolution papers.

    Papers also cut a rim of ``scale`` pixels and round to 8 bits. Neither is done here: a metric does not
    know the scale. Luma spans 219 of the peak's 255 levels, so a grey error scores 1.3 dB more than in RGB.
    """
    return _decibels(studio_luma(output), studio_luma(expected))


def studio_luma(image: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B H W"]:
    """Y of ITU-R BT.601 with studio swing, as MATLAB's ``rgb2ycbcr``: 16/255 (black) to 235/255 (white)."""
    weights = image.new_tensor([65.481, 128.553, 24.966]).float().view(1, 3, 1, 1)
    return ((_unit(image) * weights).sum(dim=1) + 16) / 255


def _unit(image: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 H W"]:
    return (image.float().clamp(-1, 1) + 1) / 2


def _decibels(output: Float[Tensor, "B ..."], expected: Float[Tensor, "B ..."]) -> Float[Tensor, " B"]:
    error = (output - expected).square().flatten(1).mean(dim=1)
    return -10 * error.clamp(min=10 ** (-CEILING / 10)).log10()


PSNR = Metric("psnr", "dB", "higher", psnr)
PSNR_Y = Metric("psnr_y", "dB", "higher", psnr_y)
