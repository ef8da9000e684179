"""Metrics that compare two pictures, (B, 3, H, W) in [-1, 1], and return one value per picture."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from prismgan.errors import PictureError
from prismgan.images import luma

CEILING = 100.0  # decibels given to equal pictures, whose ratio is infinite; nothing scores higher
WINDOW = 11  # side in pixels of SSIM's Gaussian window (sigma 1.5)
BINS = 100  # grey levels of each picture's histogram for NMI, between its darkest and its brightest value


@dataclass(frozen=True)
class Metric:
    """A distance or similarity between an output and another picture of its size, both clipped to [-1, 1]."""

    name: str
    unit: str  # unit of the values; empty for a plain number
    better: Literal["higher", "lower"]
    function: Callable[[Float[Tensor, "B 3 H W"], Float[Tensor, "B 3 H W"]], Float[Tensor, " B"]]
    """``function(output, expected)`` for images in [-1, 1], one value per picture."""

    def __call__(self, output: Tensor, expected: Tensor) -> Float[Tensor, " B"]:
        if output.shape != expected.shape or output.ndim != 4 or output.shape[1] != 3:
            shapes = f"found {tuple(output.shape)} and {tuple(expected.shape)}; resize one of them first"
            raise PictureError(f"metric {self.name!r}: expected two equal shapes (B, 3, H, W), {shapes}")
        return self.function(output, expected)


def psnr(output: Float[Tensor, "B 3 H W"], expected: Float[Tensor, "B 3 H W"]) -> Float[Tensor, " B"]:
    """``10 log10(1 / MSE)`` over all RGB values in [0, 1], in dB, at most :data:`CEILING`."""
    return _decibels(_unit(output), _unit(expected))


def psnr_y(output: Float[Tensor, "B 3 H W"], expected: Float[Tensor, "B 3 H W"]) -> Float[Tensor, " B"]:
    """PSNR of studio-swing luma with a peak of 255, in dB, as in super-resolution papers, but without cutting off
    borders or rounding to 8 bits. Luma spans 219 of 255 levels, so a grey error gives 1.3 dB more than in RGB."""
    return _decibels(studio_luma(output), studio_luma(expected))


def studio_luma(image: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B H W"]:
    """Y of ITU-R BT.601 with studio swing, as in MATLAB's ``rgb2ycbcr``: 16/255 (black) to 235/255 (white)."""
    weights = image.new_tensor([65.481, 128.553, 24.966]).float().view(1, 3, 1, 1)
    return ((_unit(image) * weights).sum(dim=1) + 16) / 255


def _unit(image: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 H W"]:
    return (image.float().clamp(-1, 1) + 1) / 2


def _decibels(output: Float[Tensor, "B ..."], expected: Float[Tensor, "B ..."]) -> Float[Tensor, " B"]:
    error = (output - expected).square().flatten(1).mean(dim=1)
    return -10 * error.clamp(min=10 ** (-CEILING / 10)).log10()


def ssim(output: Float[Tensor, "B 3 H W"], expected: Float[Tensor, "B 3 H W"]) -> Float[Tensor, " B"]:
    """Mean SSIM over pixels and colour channels: 1 for equal pictures, about 0 for unrelated ones. Wang, Bovik, Sheikh
    and Simoncelli 2004, equation 13, with the paper's window and constants, by torchmetrics; the paper uses luma."""
    from torchmetrics.functional.image import structural_similarity_index_measure  # slow to import

    height, width = output.shape[-2:]
    if min(height, width) < WINDOW:
        sizes = f"expected at least {WINDOW} x {WINDOW} pixels (its window), found {width} x {height}"
        raise PictureError(f"metric 'ssim': {sizes}; compare larger pictures")
    # Its defaults are the paper's window and constants.
    pair = _unit(output), _unit(expected)
    return structural_similarity_index_measure(*pair, data_range=1.0, reduction="none").reshape(output.shape[0])


def euclidean(output: Float[Tensor, "B 3 H W"], expected: Float[Tensor, "B 3 H W"]) -> Float[Tensor, " B"]:
    """The RMSE ``||x - y||_2 / sqrt(3 H W)``, with x and y in [0, 1]: 0 for equal pictures, 1 for black and white."""
    return (_unit(output) - _unit(expected)).square().flatten(1).mean(dim=1).sqrt()


def absolute(output: Float[Tensor, "B 3 H W"], expected: Float[Tensor, "B 3 H W"]) -> Float[Tensor, " B"]:
    """Mean of ``|x - y|`` with x and y in [0, 1]: 0 for equal pictures, 1 for black and white."""
    return (_unit(output) - _unit(expected)).abs().flatten(1).mean(dim=1)


def nmi(output: Float[Tensor, "B 3 H W"], expected: Float[Tensor, "B 3 H W"]) -> Float[Tensor, " B"]:
    """``(H(A) + H(B)) / H(A, B)``: 2 if the grey levels determine each other, 1 if they are independent. Studholme,
    Hill and Hawkes 1999, by scikit-image. It ignores linear changes of grey levels and measures whether the content is
    preserved. Small pictures score high by chance: compare equal sizes. Two flat ones give 2, non-finite ones NaN."""
    from skimage.metrics import normalized_mutual_information  # slow to import

    values = []
    for first, second in zip(_grey(output), _grey(expected), strict=True):
        if not (first.isfinite().all() and second.isfinite().all()):
            values.append(float("nan"))
        elif first.min() == first.max() and second.min() == second.max():
            values.append(2.0)
        else:
            values.append(float(normalized_mutual_information(first.numpy(), second.numpy(), bins=BINS)))
    return torch.tensor(values, dtype=torch.float32, device=output.device)


def _grey(image: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 1 H W"]:
    """Grey in float64 on the CPU: a histogram's bin edges must not depend on the device."""
    return luma(image.detach().to("cpu", torch.float64).clamp(-1, 1))


PSNR = Metric("psnr", "dB", "higher", psnr)
PSNR_Y = Metric("psnr_y", "dB", "higher", psnr_y)
SSIM = Metric("ssim", "", "higher", ssim)
EUCLIDEAN = Metric("euclidean", "", "lower", euclidean)
ABSOLUTE = Metric("absolute", "", "lower", absolute)
NMI = Metric("nmi", "", "higher", nmi)
METRICS: tuple[Metric, ...] = (PSNR, PSNR_Y, SSIM, EUCLIDEAN, ABSOLUTE, NMI)  # all metrics without weights
PAIR_METRICS: tuple[Metric, ...] = (PSNR, PSNR_Y, SSIM, EUCLIDEAN, NMI)  # output against target
CONTENT_METRICS: tuple[Metric, ...] = (NMI, SSIM, EUCLIDEAN)  # how much of the photo is preserved
