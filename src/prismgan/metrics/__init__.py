"""Metrics of pictures and of discriminators. To add one: a file with a ``Metric``, a line in ``METRICS``.

Those that see by a network whose weights prismgan does not bring, :func:`lpips` and :func:`kid`, are made from files.
"""

from prismgan.metrics.lpips import lpips as lpips
from prismgan.metrics.metric import Metric as Metric
from prismgan.metrics.metric import SetMetric as SetMetric
from prismgan.metrics.metric import real_or_fake as real_or_fake
from prismgan.metrics.metric import right_task as right_task
from prismgan.metrics.pairs import ABSOLUTE as ABSOLUTE
from prismgan.metrics.pairs import EUCLIDEAN as EUCLIDEAN
from prismgan.metrics.pairs import NMI as NMI
from prismgan.metrics.pairs import PSNR as PSNR
from prismgan.metrics.pairs import PSNR_Y as PSNR_Y
from prismgan.metrics.pairs import SSIM as SSIM
from prismgan.metrics.sets import Modes as Modes
from prismgan.metrics.sets import classifier_kid as classifier_kid
from prismgan.metrics.sets import kid as kid
from prismgan.metrics.sets import modes as modes

METRICS: tuple[Metric, ...] = (PSNR, PSNR_Y, SSIM, EUCLIDEAN, ABSOLUTE, NMI)
"""Every metric of a picture that needs no weights."""

PAIR_METRICS: tuple[Metric, ...] = (PSNR, PSNR_Y, SSIM, EUCLIDEAN, NMI)
"""For a task with one right answer for each photo: output against target."""

CONTENT_METRICS: tuple[Metric, ...] = (NMI, SSIM, EUCLIDEAN)
"""For a task without pairs: how much of the clean photo is still in the output."""
