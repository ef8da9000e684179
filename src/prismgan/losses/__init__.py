"""Losses, one idea a file. Each returns one value a picture, unreduced and unweighted."""

from prismgan.losses.diversity import diversity
from prismgan.losses.objectives import OBJECTIVES, Objective, ObjectiveName, PenaltyKind
from prismgan.losses.penalties import wasserstein_penalty, zero_centred_penalty

__all__ = [
    "OBJECTIVES",
    "Objective",
    "ObjectiveName",
    "PenaltyKind",
    "diversity",
    "wasserstein_penalty",
    "zero_centred_penalty",
]
