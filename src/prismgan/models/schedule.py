"""The learning rate as a pure function of the step, so that a resumed run follows the same curve."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import Field

from prismgan.config import Config

__all__ = ["Schedule"]


class Schedule(Config):
    """Linear warm-up, then a cosine down to a final fraction (Loshchilov & Hutter, "SGDR", 2017, eq. 5)."""

    warmup: Annotated[int, Field(ge=0)] = 100
    """Steps over which the rate rises from 0."""
    final: Annotated[float, Field(ge=0, le=1)] = 0.02
    """Fraction of the rate that is left at the last step."""

    def factor(self, step: int, steps: int) -> float:
        """What the base rate is multiplied with at ``step`` of ``steps``."""
        rise = min(1.0, (step + 1) / (self.warmup + 1))
        progress = min(1.0, step / max(1, steps))
        return rise * (self.final + (1 - self.final) * 0.5 * (1 + math.cos(math.pi * progress)))
