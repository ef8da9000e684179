"""Losses, one idea a file. Each returns one value a picture, unreduced and unweighted."""

from prismgan.losses.objectives import OBJECTIVES as OBJECTIVES
from prismgan.losses.objectives import ObjectiveName as ObjectiveName
from prismgan.losses.objectives import PenaltyKind as PenaltyKind
from prismgan.losses.objectives import wasserstein_penalty as wasserstein_penalty
from prismgan.losses.objectives import zero_centred_penalty as zero_centred_penalty
from prismgan.losses.variation import Disturbance as Disturbance
from prismgan.losses.variation import diversity as diversity
from prismgan.losses.variation import steadiness as steadiness
