"""Metrics that see by a network whose weights somebody has to bring."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from prismgan.metrics import Metric, SetMetric, kid, lpips
from prismgan.recipes.recipe import EvaluationConfig
from prismgan.weights import load_squeeze

__all__ = ["NamedMetrics"]


@dataclass(frozen=True)
class NamedMetrics:
    """Those of which the recipe names the weights; nothing is said of the others."""

    pictures: tuple[Metric, ...] = ()
    sets: tuple[SetMetric, ...] = ()

    @classmethod
    def of(cls, settings: EvaluationConfig, device: str = "cpu") -> NamedMetrics:
        """Read the files that are named.

        Raises:
            WeightsError: one of them is missing or damaged, or holds something else.
        """
        if settings.squeezenet is None:
            return cls()
        network = load_squeeze(Path(settings.squeezenet))
        network.to(device)
        pictures = () if settings.lpips is None else (lpips(network, Path(settings.lpips), device),)
        return cls(pictures, (kid(network),))
