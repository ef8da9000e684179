"""Balancing: one scalar loss per task in, one loss to minimise out. To add one: a file, and its name here; or a row of
:data:`prismgan.balancing.aggregated.METHODS`.

Some weigh the losses (``fixed``, ``uncertainty``, ``dwa``), one their gradients at the outputs (``normalised``), and
the others combine their gradients with respect to what all tasks share (:mod:`prismgan.balancing.aggregated`).
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal

from prismgan.balancing.aggregated import Aggregated as Aggregated
from prismgan.balancing.aggregated import gradient_cosines as gradient_cosines
from prismgan.balancing.balancer import Balancer as Balancer
from prismgan.balancing.balancer import Fixed as Fixed
from prismgan.balancing.balancer import Normalised as Normalised
from prismgan.balancing.balancer import Step as Step
from prismgan.balancing.balancer import Uncertainty as Uncertainty
from prismgan.balancing.dwa import DynamicWeightAverage as DynamicWeightAverage
from prismgan.balancing.shares import GradientShares as GradientShares

BalancerName = Literal["normalised", "fixed", "uncertainty", "dwa", "pcgrad", "mgda", "aligned_mtl", "imtl_g"]

BALANCERS: dict[BalancerName, Callable[[Mapping[str, float]], Balancer]] = {
    "normalised": Normalised,
    "fixed": Fixed,
    "uncertainty": Uncertainty,
    "dwa": DynamicWeightAverage,
    "pcgrad": partial(Aggregated, "pcgrad"),
    "mgda": partial(Aggregated, "mgda"),
    "aligned_mtl": partial(Aggregated, "aligned_mtl"),
    "imtl_g": partial(Aggregated, "imtl_g"),
}
"""From the recipe's weights to the balancer, by its name in a recipe."""
