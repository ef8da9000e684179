"""The base of every generator: one image per task, from shared parameters and each task's own."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Self

import torch
from jaxtyping import Float
from pydantic import AfterValidator, Field, model_validator
from torch import Tensor, nn

from prismgan.config import Config

RESERVED = ("photo", "preview", "sheet", "source")  # names of other files beside a task's pictures and clips


def _free(name: str) -> str:
    """The name; ValueError if another file beside a task's picture, or a method of torch's containers, has it."""
    if name in RESERVED:
        raise ValueError(f"{name!r} is the name of another file beside the task's picture; use '{name}-1', for example")
    if name == "training" or hasattr(nn.ModuleDict, name) or hasattr(nn.ParameterDict, name):
        raise ValueError(f"{name!r} is reserved by torch and cannot name a task; use '{name}-1', for example")
    return name


TaskName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=40), AfterValidator(_free)]
Positive = Annotated[int, Field(gt=0, le=1024)]
Levels = Annotated[tuple[Positive, ...], Field(min_length=1, max_length=4)]
Latent = Float[Tensor, "#B Z"]
Images = dict[str, Float[Tensor, "B 3 sH sW"]]  # by task
Names = Iterable[str] | None  # of tasks; None for all


class GeneratorSizes(Config):
    """Size settings shared by all generators."""

    widths: Levels
    """Channels at 1/2, 1/4, 1/8 ... of the source's side."""
    blocks: Levels
    """Residual blocks at each of these levels."""
    latent: Positive = 16
    """Dimensions of the latent z ~ N(0, I)."""
    code: Positive = 64
    """Width of the vector that modulates the layers."""

    @model_validator(mode="after")
    def _same_length(self) -> Self:
        if len(self.widths) != len(self.blocks):
            problem = f"widths has {len(self.widths)} levels and blocks {len(self.blocks)}"
            raise ValueError(f"{problem}; both need one number per level")
        return self


@dataclass(frozen=True)
class HeadSpec:
    name: str  # of the task
    scale: int = 1  # side of the output divided by side of the source
    fine: bool = True  # whether the head reads the trunk's features (restoration) or the branch's (painting)
    latent: bool = False  # whether the output varies with z
    blocks: int | None = None  # residual blocks of this head; by default the generator's setting for all heads
    additive: bool = True  # whether the head's output is added to the source
    smooth: bool = False  # whether a fine head doubles its maps step by step and blurs its residual
    ink: bool = False  # whether the head multiplies its colours by ink; only if fine, additive and of scale 1


class TaskGenerator(nn.Module, ABC):
    """One image per task."""

    def __init__(self, sizes: GeneratorSizes, specs: Sequence[HeadSpec]) -> None:
        super().__init__()
        self.specs = {spec.name: spec for spec in specs}
        if len(self.specs) != len(specs):
            raise ValueError("two heads have the same name")
        self.latent = sizes.latent

    @abstractmethod
    def own_parameters(self, task: str) -> list[nn.Parameter]:
        """The parameters of one task that it shares with no other."""

    def shared_parameters(self) -> list[nn.Parameter]:
        own = {id(parameter) for name in self.specs for parameter in self.own_parameters(name)}
        return [parameter for parameter in self.parameters() if id(parameter) not in own]

    def parameter_counts(self) -> dict[str, int]:
        """Number of parameters that are shared, under ``shared``, and of those that belong to each task, by task."""
        parts = {"shared": self.shared_parameters(), **{name: self.own_parameters(name) for name in self.specs}}
        return {name: sum(parameter.numel() for parameter in part) for name, part in parts.items()}

    def seeded_latent(self, seed: int = 0) -> Float[Tensor, "1 Z"]:
        """The z of a seed; rendering uses that of seed 0 by default."""
        return self.draw_latent(1, torch.Generator().manual_seed(seed))

    def draw_latent(self, count: int, generator: torch.Generator | None = None) -> Float[Tensor, "B Z"]:
        """z ~ N(0, I) for ``count`` pictures."""
        return torch.randn(count, self.latent, generator=generator)
