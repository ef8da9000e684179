"""Metrics of pictures and of discriminators. To add one: a file with a ``Metric``, a line in ``METRICS``.

Those that see by a network whose weights prismgan does not bring, :func:`lpips` and :func:`kid`, are made from files.
"""

from prismgan.metrics.lpips import lpips
from prismgan.metrics.metric import Metric, SetMetric, real_or_fake, right_task
from prismgan.metrics.pairs import ABSOLUTE, EUCLIDEAN, NMI, PSNR, PSNR_Y, SSIM
from prismgan.metrics.sets import Modes, classifier_kid, kid, modes

__all__ = [
    "ABSOLUTE",
    "CONTENT_METRICS",
    "EUCLIDEAN",
    "METRICS",
    "NMI",
    "PAIR_METRICS",
    "PSNR",
    "PSNR_Y",
    "SSIM",
    "Metric",
    "Modes",
    "SetMetric",
    "classifier_kid",
    "kid",
    "lpips",
    "modes",
    "real_or_fake",
    "right_task",
]

METRICS: tuple[Metric, ...] = (PSNR, PSNR_Y, SSIM, EUCLIDEAN, ABSOLUTE, NMI)
"""Every metric of a picture that needs no weights."""

PAIR_METRICS: tuple[Metric, ...] = (PSNR, PSNR_Y, SSIM, EUCLIDEAN, NMI)
"""For a task with one right answer for each photo: output against target."""

CONTENT_METRICS: tuple[Metric, ...] = (NMI, SSIM, EUCLIDEAN)
"""For a task without pairs: how much of the clean photo is still in the output."""
