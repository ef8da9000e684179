"""Balancing: one scalar loss per task in, one loss to minimise out. To add one: a file, and its name here.

Some weigh the losses (``fixed``, ``uncertainty``, ``dwa``), one their gradients at the outputs (``normalised``), and
the others combine their gradients with respect to what all tasks share (:mod:`prismgan.balancing.aggregated`).
"""

from typing import Literal

from prismgan.balancing.agreement import gradient_cosines
from prismgan.balancing.aligned_mtl import AlignedMTL
from prismgan.balancing.balancer import Balancer, Step
from prismgan.balancing.dwa import DynamicWeightAverage
from prismgan.balancing.fixed import Fixed
from prismgan.balancing.imtl_g import IMTLG
from prismgan.balancing.mgda import MGDA
from prismgan.balancing.normalised import Normalised
from prismgan.balancing.pcgrad import PCGrad
from prismgan.balancing.uncertainty import Uncertainty

__all__ = [
    "BALANCERS",
    "IMTLG",
    "MGDA",
    "AlignedMTL",
    "Balancer",
    "BalancerName",
    "DynamicWeightAverage",
    "Fixed",
    "Normalised",
    "PCGrad",
    "Step",
    "Uncertainty",
    "gradient_cosines",
]

BalancerName = Literal["normalised", "fixed", "uncertainty", "dwa", "pcgrad", "mgda", "aligned_mtl", "imtl_g"]

BALANCERS: dict[BalancerName, type[Balancer]] = {
    "normalised": Normalised,
    "fixed": Fixed,
    "uncertainty": Uncertainty,
    "dwa": DynamicWeightAverage,
    "pcgrad": PCGrad,
    "mgda": MGDA,
    "aligned_mtl": AlignedMTL,
    "imtl_g": IMTLG,
}
