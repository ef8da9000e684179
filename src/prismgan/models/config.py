"""What the recipe says of a model, whatever its kind."""

import math
from abc import ABC
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from prismgan.balancing import BalancerName
from prismgan.config import Config
from prismgan.models.adversary import AdversaryConfig
from prismgan.networks import GeneratorSizes, HeadSpec
from prismgan.tasks import Task
from prismgan.weights import HeadEntry


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


def _several(value: Any) -> Any:
    """One path may stand for a list of one, and null for none."""
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else value


class ModelConfig(Config, ABC):
    """What every kind of model has in common in a recipe."""

    source: ClassVar[Literal["photo", "noise"]] = "photo"
    """What the generator reads."""
    betas: ClassVar[tuple[float, float]] = (0.9, 0.99)
    """Of the generator's Adam."""
    varies: ClassVar[bool] = True
    """Whether tasks that ask for a latent get pictures that vary with it."""

    kind: str
    generator: GeneratorSizes
    """Size of the generator."""
    perceptual: Annotated[tuple[str, ...], Field(max_length=2), BeforeValidator(_several)] = ()
    """Weights of the feature network that styles are compared by: a path to VGG-19 or SqueezeNet weights, or two paths:
    of the second network those levels are taken that the first one lacks. By default the one that prismgan brings."""
    balancer: BalancerName = "normalised"
    """How the tasks' losses or gradients are weighed against each other; the last four need the extra `balancing`."""
    tasks_per_step: Annotated[int, Field(ge=1)] | None = None
    """Draw only so many tasks in each step, by their `frequency`; by default all."""
    rate: Annotated[float, Field(gt=0)] = 1e-3
    """Learning rate of the generator (Adam)."""
    clip: Annotated[float, Field(gt=0)] | None = 1.0
    """Largest global gradient norm of the generator; null clips nothing."""
    schedule: Schedule = Schedule()
    """Learning rates over the steps."""

    @property
    def opponent(self) -> AdversaryConfig | None:
        """The game against a discriminator; None for a model that has none."""
        return None

    def check(self, tasks: Sequence[Task], crop: int) -> None:
        """Reject tasks or crop sizes (pixels that losses see) that this model cannot train on, by a ValueError."""
        if self.opponent is not None:
            levels = self.opponent.discriminator.levels
            if crop < 2 ** (levels + 1):
                raise ValueError(
                    f"training.crop: {crop} pixels are too few for a discriminator of {levels} levels; "
                    f"use at least {2 ** (levels + 1)}, or fewer levels"
                )


def head_specs(tasks: Iterable[Task]) -> list[HeadSpec]:
    """What the generator has to know of the tasks."""
    return [HeadEntry.of(task).spec() for task in tasks]
