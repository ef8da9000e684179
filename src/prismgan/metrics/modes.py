"""Modes of a set of pictures: whether each class occurs, how evenly, and how many pictures belong to one at all."""

from __future__ import annotations

import math
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

__all__ = ["LEAST_SHARE", "SURE", "Modes", "modes"]

SURE = 0.9
"""Probability from which on a picture belongs to its most probable class; below it, it shows nothing known."""
LEAST_SHARE = 0.02
"""Share of the pictures from which on a class is covered: of ten equal ones, a fifth of its due."""


class Modes(NamedTuple):
    """What a set of pictures shows, as a classifier sees it."""

    covered: int
    """Classes that at least :data:`LEAST_SHARE` of all pictures belong to."""
    balance: float
    """Entropy of the classes over that of equally many of each: 1 for an even set, 0 for one class alone, and where no
    picture belongs to any."""
    recognised: float
    """Share of the pictures that belong to a class."""
    shares: tuple[float, ...]
    """Of all pictures, for every class."""


def modes(probabilities: Float[Tensor, "N C"], sure: float = SURE, least_share: float = LEAST_SHARE) -> Modes:
    """Count what N pictures show, of C classes, two or more, by a classifier's probabilities."""
    best, found = probabilities.max(dim=1)
    counts = found[best >= sure].bincount(minlength=probabilities.shape[1]).tolist()
    total, belonging = len(probabilities), sum(counts)
    parts = [count / belonging for count in counts if count]
    # Of a single class the sum is -0.0.
    entropy = abs(sum(part * math.log(part) for part in parts))
    return Modes(
        covered=sum(count >= least_share * total for count in counts),
        balance=entropy / math.log(len(counts)),
        recognised=belonging / total,
        shares=tuple(count / total for count in counts),
    )
