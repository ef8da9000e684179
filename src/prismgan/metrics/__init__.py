"""Metrics for pictures. To add one, write a function and a ``Metric`` in ``pairs.py``, and add its name to ``METRICS``.
:func:`lpips` and :func:`kid` need a network whose weights prismgan does not include, so they are created from files."""

from prismgan.metrics.learnt import Modes, SetMetric, classifier_kid, kid, lpips, modes
from prismgan.metrics.pairs import ABSOLUTE, CONTENT_METRICS, METRICS, PAIR_METRICS, PSNR, PSNR_Y, Metric
