"""Balancers combine one scalar loss per task into one loss to minimise. To add one, write a :class:`Balancer` and list
it here, or add a row to :data:`prismgan.balancing.aggregated.METHODS`."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal

from prismgan.balancing.aggregated import METHODS, Aggregated, gradient_cosines
from prismgan.balancing.balancer import Balancer, DynamicWeightAverage, Fixed, Normalised, Step, Uncertainty

BalancerName = Literal["normalised", "fixed", "uncertainty", "dwa", "pcgrad", "mgda", "aligned_mtl", "imtl_g"]

WEIGHTING = {"normalised": Normalised, "fixed": Fixed, "uncertainty": Uncertainty, "dwa": DynamicWeightAverage}
AGGREGATING = {name: partial(Aggregated, name) for name in METHODS}
BALANCERS: dict[str, Callable[[Mapping[str, float]], Balancer]] = {**WEIGHTING, **AGGREGATING}
"""Functions from the recipe's weights to a balancer, by the balancer's name in a recipe."""
