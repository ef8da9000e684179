"""What a comparison gives everybody alike: steps, pictures a step, and parameters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from prismgan.comparison.contenders import EXPERTS, Contender
from prismgan.errors import PrismganError
from prismgan.models.budget import TOLERANCE, beside, rendering

__all__ = ["Budget", "budget_of", "must_be_equal"]


@dataclass(frozen=True)
class Budget:
    """What a contender is given for one seed."""

    steps: int
    """Of every training: an expert sees its task as often as the joint network does."""
    batch_size: int
    crop: int
    parameters: Mapping[str, int]
    """Parameters that render, by part."""
    beside: Mapping[str, int]
    """Parameters that serve training alone, by the network that they are of."""

    @property
    def total(self) -> int:
        """Parameters that it takes to render every task."""
        return sum(self.parameters.values())

    def __str__(self) -> str:
        networks = f" in {len(self.parameters)} networks" if len(self.parameters) > 1 else ""
        helpers = sum(self.beside.values())
        return (
            f"{self.total:,} parameters{networks}, and {helpers:,} for training alone; "
            f"{self.steps} steps of {self.batch_size} crops of {self.crop} pixels"
        )


def budget_of(contender: Contender) -> Budget:
    """Count the parameters of a contender's networks."""
    training = next(iter(contender.recipes.values())).training
    parameters = {part: rendering(recipe.model, recipe.all_tasks()) for part, recipe in contender.recipes.items()}
    helpers: Counter[str] = Counter()
    for recipe in contender.recipes.values():
        helpers.update(beside(recipe.model, recipe.all_tasks()))
    return Budget(training.steps, training.batch_size, training.crop, parameters, dict(helpers))


def must_be_equal(contenders: Sequence[Contender], budgets: Mapping[str, Budget]) -> None:
    """Refuse models that are not given the same: steps, pictures, and parameters within :data:`TOLERANCE`.

    Models are compared within one variation. What a variation changes is its own business: it may be the size. Experts
    are exempt, since each of them has the trunk of the joint network and its own head, and all of them together as
    many trunks as there are tasks.

    Raises:
        PrismganError: they are not; every model that differs is named.
    """
    problems = []
    first: dict[str, Contender] = {}
    for contender in contenders:
        if contender.model == EXPERTS:
            continue
        reference = first.setdefault(contender.variation, contender)
        mine, other = budgets[contender.name], budgets[reference.name]
        if (mine.steps, mine.batch_size, mine.crop) != (other.steps, other.batch_size, other.crop):
            problems.append(
                f"{contender.name}: trains {mine.steps} steps of {mine.batch_size} crops of {mine.crop} pixels, "
                f"{reference.name} {other.steps} of {other.batch_size} of {other.crop}; give both the same"
            )
        ratio = mine.total / other.total
        if abs(ratio - 1) > TOLERANCE:
            problems.append(
                f"{contender.name}: has {mine.total:,} parameters, {ratio:.2f} times those of {reference.name} "
                f"({other.total:,}), and may differ by {TOLERANCE:.0%}; change its width"
            )
    if problems:
        raise PrismganError(*problems)
