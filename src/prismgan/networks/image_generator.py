"""The base of every generator that reads photos. A source is encoded once, and all tasks' images are decoded from the
result. An output is added to the bicubically enlarged source, unless its task keeps none of the source's colours. The
sum is computed on cells of 2x2 source pixels, as ``3 (2 scale)^2`` sub-pixels each, which is twice as fast at 4x."""

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from prismgan.images import bicubic_phases
from prismgan.networks.task_generator import GeneratorSizes, HeadSpec, Images, Latent, Names, TaskGenerator

PERIOD = 64  # pixels of the source after which the grain of an enlargement repeats; a multiple of every trunk's cell
Cells = Float[Tensor, "B P h w"]  # the P sub-pixels of every cell at half the source's side


def add(own: Cells, other: Cells) -> Cells:
    """The sum, in the memory of ``own`` if its precision allows it: fresh memory costs ten times as much as adding."""
    return own.add_(other) if own.dtype == other.dtype else own + other


class ImageGenerator(TaskGenerator):
    finest: int = 2  # side in source pixels of a position of the first level of ``widths``

    def __init__(self, sizes: GeneratorSizes, specs: Sequence[HeadSpec]) -> None:
        super().__init__(sizes, specs)
        self.widths = sizes.widths
        for scale in {spec.scale for spec in specs} - {1}:
            self.register_buffer(f"bicubic{scale}", bicubic_phases(scale), persistent=False)

    @abstractmethod
    def encode(self, source: Float[Tensor, "B 3 H W"], tasks: Names = None) -> Any:
        """Compute everything that the named tasks (default: all) share; the source may have any height and width."""

    @abstractmethod
    def decode(self, encoded: Any, latent: Latent | None = None, tasks: Names = None) -> Images:
        """The named tasks' images, decoded from a source that was encoded for them; see :meth:`forward`."""

    @abstractmethod
    def receptive_field_radius(self, tasks: Names = None) -> int:
        """Distance in source pixels up to which an output pixel of the named tasks (default: all) depends on the
        source. A tile with a halo of this width gives the same result as the whole picture."""

    def reads_whole(self, task: str) -> bool:
        """Whether the task needs the whole picture at once and is never computed from tiles."""
        return False

    @property
    def cell(self) -> int:
        """Side of the coarsest cell in pixels. Sides are padded to multiples of it, and tiles start at them."""
        return max(2, self.finest * 2 ** (len(self.widths) - 1))

    @property
    def largest_maps(self) -> float:
        """Values per source pixel at the level that has the most."""
        return max(width / (self.finest * 2**level) ** 2 for level, width in enumerate(self.widths))

    def grid(self, tasks: Names = None) -> int:
        """Tiles of the named tasks (default: all) start at multiples of this number of pixels."""
        return PERIOD if any(self.specs[name].smooth for name in self.named(tasks)) else self.cell

    def halo(self, tasks: Names = None) -> int:
        """Width in pixels of the halo of the named tasks' tiles: their receptive field, rounded up to the grid."""
        return -(-self.receptive_field_radius(tasks) // self.grid(tasks)) * self.grid(tasks)

    def forward(self, source: Float[Tensor, "B 3 H W"], latent: Latent | None = None, tasks: Names = None) -> Images:
        """Render ``source``, in [-1, 1] and of any height and width, for the named tasks (default: all). Outputs are
        not clipped. ``latent`` is only used by tasks that have one. KeyError if a task is unknown."""
        names = self.named(tasks)
        return self.decode(self.encode(source, names), latent, names)

    def named(self, tasks: Names) -> list[str]:
        return list(self.specs) if tasks is None else list(tasks)

    def bordered(self, source: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 12 h w"]:
        """The source unshuffled by 2, padded to whole cells, with a border of one cell."""
        bottom, right = (-side % self.cell for side in source.shape[-2:])
        # A border of one cell (two pixels) for the enlargement; networks pad their own borders.
        return F.pixel_unshuffle(F.pad(source, (2, right + 2, 2, bottom + 2), mode="replicate"), 2)

    def bases(self, bordered: Float[Tensor, "B 12 h w"], tasks: Iterable[str]) -> dict[int, Float[Tensor, "B _ _ _"]]:
        """The base of the outputs of every scale: the source, enlarged bicubically, as cells without border."""
        return {scale: self._base(bordered, scale) for scale in {self.specs[name].scale for name in tasks}}

    def enlarged(self, source: Float[Tensor, "B 3 H W"], scale: int) -> Float[Tensor, "B 3 sH sW"]:
        """The bicubically enlarged source, which is the base of the outputs of this scale."""
        height, width = source.shape[-2:]
        image = F.pixel_shuffle(self._base(self.bordered(source), scale), 2 * scale)
        return image[..., : height * scale, : width * scale]

    def _base(self, bordered: Float[Tensor, "B 12 h w"], scale: int) -> Float[Tensor, "B P h-2 w-2"]:
        """The base in cells, always in the source's own precision."""
        if scale == 1:
            return bordered[..., 1:-1, 1:-1]
        with torch.autocast(bordered.device.type, enabled=False):
            return F.conv2d(bordered, self.get_buffer(f"bicubic{scale}"))
