"""Metrics of pictures. To add one: a function and a ``Metric`` in ``pairs.py``, and its name in ``METRICS``.

Those that see by a network whose weights prismgan does not bring, :func:`lpips` and :func:`kid`, are made from files.
"""

from prismgan.metrics.learnt import Modes, SetMetric, classifier_kid, kid, lpips, modes
from prismgan.metrics.pairs import ABSOLUTE, CONTENT_METRICS, METRICS, PAIR_METRICS, PSNR, PSNR_Y, Metric
