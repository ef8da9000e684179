"""What every generator is to those who render with it, whatever its network: ours, or one that it is compared with.

A source is encoded once; from that the images of all tasks are decoded. Every output starts from the source, enlarged
bicubically by the task's scale.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Self

import torch
from jaxtyping import Float
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from prismgan.config import Config
from prismgan.images import bicubic_phases, bilinear_phases
from prismgan.networks.cells import detail_of

__all__ = ["GeneratorSizes", "HeadSpec", "ImageGenerator"]

Positive = Annotated[int, Field(gt=0, le=1024)]
Levels = Annotated[tuple[Positive, ...], Field(min_length=1, max_length=4)]


class GeneratorSizes(Config):
    """What every generator has sizes of."""

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
            raise ValueError(
                f"widths has {len(self.widths)} levels and blocks {len(self.blocks)}; "
                "give one number of each for every level"
            )
        return self


@dataclass(frozen=True)
class HeadSpec:
    """What a generator has to know of an output."""

    name: str
    scale: int = 1
    fine: bool = True
    latent: bool = False
    blocks: int | None = None
    """Residual blocks of this head; by default as many as the generator's other heads have."""


class ImageGenerator(nn.Module, ABC):
    """Source image and latent to one image per task.

    Args:
        sizes: of the network.
        specs: the outputs.
    """

    def __init__(self, sizes: GeneratorSizes, specs: Sequence[HeadSpec]) -> None:
        super().__init__()
        self.specs = {spec.name: spec for spec in specs}
        if len(self.specs) != len(specs):
            raise ValueError("two heads have the same name")
        self.widths = sizes.widths
        self.latent = sizes.latent
        for scale in {spec.scale for spec in specs} - {1}:
            self.register_buffer(f"bicubic{scale}", bicubic_phases(scale), persistent=False)
        for scale in {spec.scale for spec in specs if not spec.fine}:
            self.register_buffer(f"bilinear{scale}", bilinear_phases(2 * scale), persistent=False)

    # -- what a network is asked for --------------------------------------------------------------

    @abstractmethod
    def encode(self, source: Float[Tensor, "B 3 H W"], tasks: Iterable[str] | None = None) -> Any:
        """The part of the work that the named tasks, all by default, share; any height and width."""

    @abstractmethod
    def decode(
        self, encoded: Any, latent: Float[Tensor, "B Z"] | None = None, tasks: Iterable[str] | None = None
    ) -> dict[str, Float[Tensor, "B 3 sH sW"]]:
        """The named tasks' images of a source that was encoded for them; see :meth:`forward`."""

    @abstractmethod
    def reach(self, tasks: Iterable[str] | None = None) -> int:
        """Pixels of the source, to each side of its own place, that a pixel of the named tasks (default: all) sees.

        What lies farther changes nothing: a tile with a halo of this width is what the whole picture is there.
        """

    @abstractmethod
    def own_parameters(self, task: str) -> list[nn.Parameter]:
        """What a task has for itself."""

    # -- what follows from it ---------------------------------------------------------------------

    @property
    def multiple(self) -> int:
        """Sides are padded to a multiple of this many pixels, and the padding is cut off again."""
        return int(2 ** len(self.widths))

    def shared_parameters(self) -> list[nn.Parameter]:
        """What no task has for itself."""
        own = {id(parameter) for name in self.specs for parameter in self.own_parameters(name)}
        return [parameter for parameter in self.parameters() if id(parameter) not in own]

    def parameter_counts(self) -> dict[str, int]:
        """Number of weights of what all tasks share, under ``shared``, and of what each task has for itself."""
        parts = {"shared": self.shared_parameters(), **{name: self.own_parameters(name) for name in self.specs}}
        return {name: sum(parameter.numel() for parameter in part) for name, part in parts.items()}

    def forward(
        self,
        source: Float[Tensor, "B 3 H W"],
        latent: Float[Tensor, "B Z"] | None = None,
        tasks: Iterable[str] | None = None,
    ) -> dict[str, Float[Tensor, "B 3 sH sW"]]:
        """Render ``source`` into the named tasks, all of them by default; any height and width.

        Only what the named tasks need is computed. ``latent`` matters where a rendered task has a latent; it
        defaults to zeros, the mean look.

        Raises:
            KeyError: a task that the network does not have.
        """
        names = self.named(tasks)
        return self.decode(self.encode(source, names), latent, names)

    def named(self, tasks: Iterable[str] | None) -> list[str]:
        """The named tasks, or all."""
        return list(self.specs) if tasks is None else list(tasks)

    def bordered(self, source: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 12 h w"]:
        """The source unshuffled by 2, padded to whole cells, with a border of one cell."""
        bottom, right = (-side % self.multiple for side in source.shape[-2:])
        # A border of one cell (two pixels) for the enlargement; networks repeat borders by themselves.
        return F.pixel_unshuffle(F.pad(source, (2, right + 2, 2, bottom + 2), mode="replicate"), 2)

    def bases(self, bordered: Float[Tensor, "B 12 h w"], tasks: Iterable[str]) -> dict[int, Float[Tensor, "B P h w"]]:
        """What the outputs of every scale start from: the source, enlarged bicubically, as cells without border."""
        return {scale: self._base(bordered, scale) for scale in {self.specs[name].scale for name in tasks}}

    def details(
        self, bases: dict[int, Float[Tensor, "B P h w"]], tasks: Iterable[str]
    ) -> dict[int, Float[Tensor, "B P h w"]]:
        """What the bases have beyond half the source's resolution, for tasks that scale it: computed once for all."""
        return {
            scale: detail_of(bases[scale], self.get_buffer(f"bilinear{scale}"))
            for scale in {self.specs[name].scale for name in tasks if not self.specs[name].fine}
        }

    def enlarged(self, source: Float[Tensor, "B 3 H W"], scale: int) -> Float[Tensor, "B 3 sH sW"]:
        """The source, enlarged bicubically: what the outputs of this scale add to."""
        height, width = source.shape[-2:]
        image = F.pixel_shuffle(self._base(self.bordered(source), scale), 2 * scale)
        return image[..., : height * scale, : width * scale]

    def _base(self, bordered: Float[Tensor, "B 12 h w"], scale: int) -> Float[Tensor, "B P h-2 w-2"]:
        """Always in the source's own precision."""
        if scale == 1:
            return bordered[..., 1:-1, 1:-1]
        with torch.autocast(bordered.device.type, enabled=False):
            return F.conv2d(bordered, self.get_buffer(f"bicubic{scale}"))

    def seeded_latent(self, seed: int = 0) -> Float[Tensor, "1 Z"]:
        """The z that belongs to a seed; that of seed 0 is what a picture is rendered with by default."""
        return self.draw_latent(1, torch.Generator().manual_seed(seed))

    def draw_latent(self, count: int, generator: torch.Generator | None = None) -> Float[Tensor, "B Z"]:
        """z ~ N(0, I) for ``count`` pictures."""
        return torch.randn(count, self.latent, generator=generator)
