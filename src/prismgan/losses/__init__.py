"""Losses, one idea a file. Each returns one value a picture, unreduced and unweighted."""

from prismgan.losses.diversity import diversity
from prismgan.losses.objectives import (
    OBJECTIVES,
    Objective,
    ObjectiveName,
    PenaltyKind,
    wasserstein_penalty,
    zero_centred_penalty,
)
from prismgan.losses.steadiness import Disturbance, steadiness

__all__ = [
    "OBJECTIVES",
    "Disturbance",
    "Objective",
    "ObjectiveName",
    "PenaltyKind",
    "diversity",
    "steadiness",
    "wasserstein_penalty",
    "zero_centred_penalty",
]
