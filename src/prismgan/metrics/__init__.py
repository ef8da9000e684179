"""Metrics of pictures. To add one: a function and a ``Metric`` in ``pairs.py``, and its name in ``METRICS``.

Those that see by a network whose weights prismgan does not bring, :func:`lpips` and :func:`kid`, are made from files.
"""

from prismgan.metrics.learnt import Modes as Modes
from prismgan.metrics.learnt import SetMetric as SetMetric
from prismgan.metrics.learnt import classifier_kid as classifier_kid
from prismgan.metrics.learnt import kid as kid
from prismgan.metrics.learnt import lpips as lpips
from prismgan.metrics.learnt import modes as modes
from prismgan.metrics.pairs import ABSOLUTE as ABSOLUTE
from prismgan.metrics.pairs import CONTENT_METRICS as CONTENT_METRICS
from prismgan.metrics.pairs import METRICS as METRICS
from prismgan.metrics.pairs import PAIR_METRICS as PAIR_METRICS
from prismgan.metrics.pairs import PSNR as PSNR
from prismgan.metrics.pairs import PSNR_Y as PSNR_Y
from prismgan.metrics.pairs import Metric as Metric
