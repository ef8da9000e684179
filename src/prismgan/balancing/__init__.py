"""Balancing: one scalar loss per task in, one loss to minimise out. To add one: a :class:`Balancer`, and its name here;
or a row of :data:`prismgan.balancing.aggregated.METHODS`."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal

from prismgan.balancing.aggregated import METHODS, Aggregated, gradient_cosines
from prismgan.balancing.balancer import Balancer, DynamicWeightAverage, Fixed, Normalised, Step, Uncertainty

BalancerName = Literal["normalised", "fixed", "uncertainty", "dwa", "pcgrad", "mgda", "aligned_mtl", "imtl_g"]

BALANCERS: dict[str, Callable[[Mapping[str, float]], Balancer]] = {
    "normalised": Normalised,
    "fixed": Fixed,
    "uncertainty": Uncertainty,
    "dwa": DynamicWeightAverage,
    **{name: partial(Aggregated, name) for name in METHODS},
}
"""From the recipe's weights to the balancer, by its name in a recipe."""
