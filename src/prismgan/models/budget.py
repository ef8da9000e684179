"""Counts the parameters of models, and scales models to the same size. Only the weights that rendering needs count
(:func:`rendering`), including a VAE's prior. :func:`beside` counts networks used only in training."""

from collections.abc import Sequence
from typing import TypeVar

from prismgan.errors import RecipeError
from prismgan.models.config import ModelConfig, head_specs
from prismgan.networks import KINDS, Discriminator
from prismgan.tasks import Task

TOLERANCE = 0.05  # relative difference allowed between two models' sizes
WIDEST = 16.0  # largest factor by which widths are scaled

C = TypeVar("C", bound=ModelConfig)


def rendering(config: ModelConfig, tasks: Sequence[Task]) -> int:
    """Number of weights needed to render these tasks."""
    generator = KINDS[config.kind].generator(config.generator, head_specs(tasks))
    return sum(generator.parameter_counts().values())


def beside(config: ModelConfig, tasks: Sequence[Task]) -> dict[str, int]:
    """Number of weights of every network that is trained beside the generator."""
    networks = dict(KINDS[config.kind].helpers(config.generator, head_specs(tasks)))
    if config.opponent is not None:
        networks["discriminator"] = Discriminator(config.opponent.discriminator, [task.name for task in tasks])
    return {name: sum(p.numel() for p in network.parameters()) for name, network in networks.items()}


def at_equal_parameters(config: C, tasks: Sequence[Task], parameters: int) -> C:
    """The configuration with its generator's widths scaled until :func:`rendering` equals ``parameters`` within
    :data:`TOLERANCE`; RecipeError if no width achieves that."""
    low, high = 1.0 / WIDEST, WIDEST
    tried: dict[int, C] = {}
    for _ in range(24):  # bisection to far less than a step of the widths
        middle = (low * high) ** 0.5
        widths = tuple(max(1, min(1024, round(middle * width))) for width in config.generator.widths)
        generator = config.generator.model_copy(update={"widths": widths})
        candidate = config.model_copy(update={"generator": generator})
        count = rendering(candidate, tasks)
        tried[count] = candidate
        if count == parameters:
            break
        low, high = (middle, high) if count < parameters else (low, middle)
    nearest = min(tried, key=lambda count: abs(count - parameters))
    if abs(nearest - parameters) > TOLERANCE * parameters:
        raise RecipeError(
            f"model of kind {config.kind}: no width gives it {parameters:,} parameters within {TOLERANCE:.0%}; the "
            f"nearest has {nearest:,}. Change model.generator.widths or blocks"
        )
    return tried[nearest]
