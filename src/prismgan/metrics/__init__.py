"""Metrics of pictures and of discriminators. To add one: a file with a ``Metric``, a line in ``METRICS``."""

from prismgan.metrics.discrimination import real_or_fake, right_task
from prismgan.metrics.euclidean import EUCLIDEAN
from prismgan.metrics.metric import Metric
from prismgan.metrics.nmi import NMI
from prismgan.metrics.psnr import PSNR, PSNR_Y
from prismgan.metrics.ssim import SSIM

__all__ = [
    "CONTENT_METRICS",
    "EUCLIDEAN",
    "METRICS",
    "NMI",
    "PAIR_METRICS",
    "PSNR",
    "PSNR_Y",
    "SSIM",
    "Metric",
    "real_or_fake",
    "right_task",
]

METRICS: tuple[Metric, ...] = (PSNR, PSNR_Y, SSIM, EUCLIDEAN, NMI)
"""Every metric of a picture."""

PAIR_METRICS: tuple[Metric, ...] = (PSNR, PSNR_Y, SSIM, EUCLIDEAN, NMI)
"""For a task with one right answer for each photo: output against target."""

CONTENT_METRICS: tuple[Metric, ...] = (NMI, SSIM, EUCLIDEAN)
"""For a task without pairs: how much of the clean photo is still in the output."""
