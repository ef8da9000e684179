"""Requests for outputs, and their plan for given weights: the validated outputs with their names."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prismgan.errors import PictureError, PrismganError, named_tasks
from prismgan.networks import RESERVED, HeadSpec
from prismgan.render.painting import LARGEST_BRUSH, SMALLEST_BRUSH

MAXIMUM_STRENGTH = 2.0  # twice the change of the source; larger values mostly clip colours
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


@dataclass(frozen=True)
class Output:
    """One picture to compute: a blend of tasks, and its strength relative to the enlarged source."""

    name: str
    weights: Mapping[str, float]  # by task; they sum to 1
    scale: int
    seed: int
    strength: float = 1.0


@dataclass(frozen=True)
class Plan:
    """The outputs of a request for given weights."""

    chain: tuple[Output, ...]  # each computed from the one before; the last one names the result
    outputs: tuple[Output, ...]  # computed from the chain's result, or from the source if there is no chain

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all outputs, in order."""
        return tuple(output.name for output in self.chain[-1:] + self.outputs)

    @property
    def scales(self) -> dict[str, int]:
        """Scale of every output relative to the source's sides, by name."""
        source = math.prod(output.scale for output in self.chain)
        of_chain = {output.name: source for output in self.chain[-1:]}
        return of_chain | {output.name: source * output.scale for output in self.outputs}


@dataclass(frozen=True)
class Request:
    """The outputs to render; by default every task at strength 1. :meth:`plan` validates it for given weights."""

    tasks: tuple[str, ...] | None = None  # None means all; an empty tuple means only the blends and the chain
    strength: Mapping[str, float] = field(default_factory=dict)
    """Strengths by the name of a task or blend, from 0 to 2: 0 is the source (enlarged bicubically), 1, the default, is
    the output, and 2 exaggerates it. A task's strength also applies in the chain. Within a blend only the weights
    count, and the blend has its own strength."""
    blends: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """By the name of an extra output, the non-negative weights of its tasks, which are divided by their sum. All tasks
    of a blend must have the same scale."""
    seeds: tuple[int, ...] = (0,)  # of the latent z; with several, outputs that vary are named ``NAME-seed-N``
    chain: tuple[str, ...] = ()  # tasks, each computed from the one before; the last one names the result
    mask: NDArray[Any] | None = field(default=None, compare=False, repr=False)
    """Array (H, W) of the source's size, floats in [0, 1] or booleans: where the outputs apply. Where it is 0, the
    source (enlarged bicubically) is kept, also in the chain. For enlarged outputs it is enlarged bilinearly."""

    brush: int | None = None
    """Longest side in pixels at which styles are painted: a smaller side gives a broader brush relative to the picture.
    By default the picture's own, within :data:`~prismgan.render.painting.FINE` and
    :data:`~prismgan.render.painting.BRUSH`."""

    def plan(self, specs: Mapping[str, HeadSpec]) -> Plan:
        """The outputs, given a generator's heads. PrismganError if a name is unknown or taken, or a number invalid."""
        whole = isinstance(self.brush, int | np.integer) and not isinstance(self.brush, bool)
        if self.brush is not None and not (whole and SMALLEST_BRUSH <= self.brush <= LARGEST_BRUSH):
            expected = f"expected a whole number of pixels from {SMALLEST_BRUSH} to {LARGEST_BRUSH}"
            raise PrismganError(f"brush is {self.brush!r}; {expected}")
        tasks = named_tasks(self.tasks, specs, empty=bool(self.chain or self.blends))
        chain = named_tasks(self.chain, specs, empty=True)
        seeds = self._checked_seeds()
        blends = {name: _checked_blend(name, weights, specs) for name, weights in self.blends.items()}
        self._check_strengths({*tasks, *chain, *blends}, specs)

        def strength(name: str) -> float:
            return float(self.strength.get(name, 1.0))

        def outputs(name: str, weights: Mapping[str, float]) -> Iterator[Output]:
            scale = specs[next(iter(weights))].scale
            if len(seeds) == 1 or not any(specs[task].latent for task in weights):
                yield Output(name, weights, scale, seeds[0], strength(name))
            else:
                yield from (Output(f"{name}-seed-{seed}", weights, scale, seed, strength(name)) for seed in seeds)

        links = tuple(
            Output("+".join(chain[: number + 1]), {task: 1.0}, specs[task].scale, seeds[0], strength(task))
            for number, task in enumerate(chain)
        )
        wanted = {task: {task: 1.0} for task in tasks if [task] != chain} | blends
        plan = Plan(links, tuple(output for name, weights in wanted.items() for output in outputs(name, weights)))
        if len(seeds) > 1 and len({output.seed for output in plan.outputs}) < 2:
            varying = ", ".join(name for name, spec in specs.items() if spec.latent) or "none"
            problem = f"none of the requested outputs varies with the seed (tasks of these weights that do: {varying})"
            raise PrismganError(f"{len(seeds)} variations: {problem}; request one of those, or a single variation")
        for name in plan.names:
            if plan.names.count(name) > 1:
                raise PrismganError(f"two outputs would be named {name!r}; give the blend another name")
        return plan

    def checked_mask(self, where: str, height: int, width: int) -> NDArray[Any] | None:
        """The mask, after checking its size and its range, 0 to 1; ``where`` names the picture in errors."""
        if self.mask is None:
            return None
        mask = np.asarray(self.mask)
        if mask.dtype != np.bool_ and not np.issubdtype(mask.dtype, np.floating):
            problem = f"holds {mask.dtype} values" if mask.ndim else f"is of type {type(self.mask).__name__}"
            raise PictureError(f"{where}: the mask {problem}; expected an array (height, width) of floats from 0 to 1")
        if mask.shape != (height, width):
            shape = "x".join(str(side) for side in mask.shape[::-1])
            raise PictureError(f"{where}: the mask is {shape} and the picture {width}x{height} pixels; make them equal")
        low, high = float(mask.min()), float(mask.max())
        if not (low >= 0 and high <= 1):  # written so that NaN is refused as well
            raise PictureError(f"{where}: the mask has values from {low:g} to {high:g}; expected 0 to 1")
        return mask

    def _checked_seeds(self) -> tuple[int, ...]:
        for seed in self.seeds:
            if not isinstance(seed, int | np.integer) or isinstance(seed, bool) or not 0 <= seed < 2**63:
                raise PrismganError(f"seed {seed!r}: expected a whole number from 0 to 2^63 - 1")
            if self.seeds.count(seed) > 1:
                raise PrismganError(f"seed {seed} is given twice; give it once")
        if not self.seeds:
            raise PrismganError("no seed is given; give one, for example 0")
        return tuple(int(seed) for seed in self.seeds)

    def _check_strengths(self, asked: set[str], specs: Mapping[str, HeadSpec]) -> None:
        for name, strength in self.strength.items():
            if name not in asked:
                if name in specs:
                    raise PrismganError(f"a strength is given for {name!r}, which is not requested; request it too")
                named_tasks([name], [*specs, *self.blends])
            if not (_is_number(strength) and 0 <= strength <= MAXIMUM_STRENGTH):
                expected = f"expected a number from 0 to {MAXIMUM_STRENGTH:g}"
                raise PrismganError(f"strength of {name!r}: found {strength!r}, {expected}")


EVERYTHING = Request()  # every task at strength 1


def _is_number(value: object) -> bool:
    """Whether it is a finite number and not a boolean."""
    number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    return number and math.isfinite(value)  # type: ignore[arg-type]


def _checked_blend(name: str, weights: Mapping[str, float], specs: Mapping[str, HeadSpec]) -> dict[str, float]:
    """Weights of tasks of one scale, divided by their sum, without zeros."""
    where = f"blend {name!r}"
    if name in specs or name in RESERVED:
        raise PrismganError(f"{where}: another output or file has that name; choose another one")
    if not NAME.fullmatch(name):
        raise PrismganError(f"{where}: expected a name of at most 40 lower-case letters, digits and dashes")
    for task in named_tasks(weights, specs, empty=True):
        if not (_is_number(weight := weights[task]) and weight >= 0):
            raise PrismganError(f"{where}: the weight of {task!r} is {weight!r}, expected a number of at least 0")
    total = math.fsum(weights.values())
    if not (total > 0 and math.isfinite(total)):
        cure = f"make at least one positive, for example {next(iter(specs))}: 1"
        raise PrismganError(f"{where}: all blend weights are 0; {cure}")
    scales = {specs[task].scale: task for task in weights}
    if len(scales) > 1:
        (scale, task), (other_scale, other) = list(scales.items())[:2]
        problem = f"{task!r} has scale {scale}x and {other!r} {other_scale}x"
        raise PrismganError(f"{where}: {problem}; blend tasks of the same scale")
    return {task: weight / total for task, weight in weights.items() if weight > 0}
