"""The fields of a recipe that all kinds of model share."""

import math
from abc import ABC
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from prismgan.balancing import BalancerName
from prismgan.config import Config, Reference
from prismgan.models.adversary import AdversaryConfig
from prismgan.models.muon import OptimizerName
from prismgan.networks import GeneratorSizes, HeadSpec
from prismgan.tasks import Task
from prismgan.weights import HeadEntry


class Schedule(Config):
    """Linear warm-up, then a cosine down to a final fraction (Loshchilov & Hutter, "SGDR", 2017, eq. 5)."""

    warmup: Annotated[int, Field(ge=0)] = 100
    """Steps in which the rate rises from 0."""
    final: Annotated[float, Field(ge=0, le=1)] = 0.02
    """Fraction of the rate at the last step."""

    def factor(self, step: int, steps: int) -> float:
        """Factor of the base rate at ``step`` of ``steps``."""
        rise = min(1.0, (step + 1) / (self.warmup + 1))
        progress = min(1.0, step / max(1, steps))
        return rise * (self.final + (1 - self.final) * 0.5 * (1 + math.cos(math.pi * progress)))


def _several(value: Any) -> Any:
    """One path may stand for a list of one, and null for none."""
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else value


class ModelConfig(Config, ABC):
    """The fields that all kinds of model share in a recipe."""

    source: ClassVar[Literal["photo", "noise"]] = "photo"
    """The generator's input."""
    betas: ClassVar[tuple[float, float]] = (0.9, 0.99)
    """Betas of the generator's Adam."""
    varies: ClassVar[bool] = True
    """Whether outputs of tasks with a latent vary with it."""

    kind: str
    generator: GeneratorSizes
    """Size of the generator."""
    perceptual: Annotated[tuple[Reference, ...], Field(max_length=2), BeforeValidator(_several)] = ()
    """Weights of the feature network for comparing styles: a path to VGG-19 or SqueezeNet weights, or two paths, where
    the second network is used for the levels that the first one lacks. By default the built-in network."""
    balancer: BalancerName = "normalised"
    """How the tasks' losses or gradients are balanced; the last four need the extra `balancing`."""
    tasks_per_step: Annotated[int, Field(ge=1)] | None = None
    """Number of tasks drawn in each step, by their `frequency`; by default all."""
    optimizer: OptimizerName = "adam"
    """Optimizer of the generator: `adam`, or `muon` for the weights of convolutions and Adam for all others."""
    rate: Annotated[float, Field(gt=0)] = 1e-3
    """Learning rate of the generator, for either optimizer."""
    clip: Annotated[float, Field(gt=0)] | None = 1.0
    """Largest global gradient norm of the generator; null disables clipping."""
    schedule: Schedule = Schedule()
    """Schedule of the learning rates."""

    @property
    def opponent(self) -> AdversaryConfig | None:
        """The settings of the discriminator; None for a model that has none."""
        return None

    def check(self, tasks: Sequence[Task], crop: int) -> None:
        """Reject tasks or crop sizes (pixels that losses see) that this model cannot train on, by a ValueError."""
        if self.opponent is not None:
            levels = self.opponent.discriminator.levels
            if crop < (least := 2 ** (levels + 1)):
                problem = f"{crop} pixels are too few for a discriminator of {levels} levels"
                raise ValueError(f"training.crop: {problem}; use at least {least}, or fewer levels")


def head_specs(tasks: Iterable[Task]) -> list[HeadSpec]:
    """The generator's view of the tasks."""
    return [HeadEntry.of(task).spec() for task in tasks]
