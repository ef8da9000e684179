"""The stages of a rendering: their outputs, tiles and memory, and how outputs are blended."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import psutil
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from prismgan.errors import PictureError
from prismgan.images import Depth
from prismgan.networks import ImageGenerator
from prismgan.render.painting import canvas_sides, painting_bytes
from prismgan.render.request import Output, Plan
from prismgan.render.tiles import Tile, pixel_bytes, smallest_area, tile_sides, tiles


def is_mixed(output: Output) -> bool:
    """Whether the output, without a mask, is anything other than one unchanged task."""
    return output.strength != 1 or len(output.weights) > 1


def mixture(
    output: Output,
    images: Mapping[str, Float[Tensor, "1 3 sH sW"]],
    base: Float[Tensor, "1 3 sH sW"] | None,
    mask: Float[Tensor, "1 1 sH sW"] | None,
) -> Float[Tensor, "1 3 sH sW"]:
    """``base + mask * strength * (weighted sum of images - base)``, exact for the factors 0 and 1.

    Values beyond [-1, 1] are clipped first, in place. ``base``, the enlarged source, may be None if nothing
    :func:`is_mixed`; no mask means 1 everywhere."""
    if mask is None and not is_mixed(output):
        (task,) = output.weights
        return images[task]
    assert base is not None
    base.clamp_(-1, 1)
    blend = torch.zeros_like(base)
    for name, weight in output.weights.items():
        blend.add_(images[name].clamp_(-1, 1), alpha=weight)
    # lerp starts at the nearer end, so 0 and 1 are exact.
    return torch.lerp(base, blend, output.strength if mask is None else (mask * output.strength).expand_as(base))


def enlarged_mask(mask: NDArray[Any], scale: int) -> Float[Tensor, "1 1 sH sW"]:
    """A mask (H, W), enlarged bilinearly."""
    enlarged = torch.from_numpy(mask.astype(np.float32, order="C"))[None, None]
    return enlarged if scale == 1 else F.interpolate(enlarged, scale_factor=scale, mode="bilinear", align_corners=False)


WORKING_MEMORY = 1_800_000_000  # default of the bytes for one tile; twice as much would save a tenth of the work


@dataclass(frozen=True)
class Stage:
    """Outputs that are computed from one source."""

    outputs: tuple[Output, ...]
    height: int  # of the source, in pixels
    width: int
    depths: tuple[Depth, ...]  # every output is stored once in each
    count: int = 1  # sources of this size that are rendered together
    before: int = 0  # bytes still held by the previous stage

    def rooms(self) -> dict[str, list[NDArray[Any]]]:
        """Arrays for every output of one source, by name: one for each depth, the lower first."""
        shapes = {each.name: (self.height * each.scale, self.width * each.scale, 3) for each in self.outputs}
        types = [np.uint8 if depth == 8 else np.uint16 for depth in self.depths]
        return {name: [np.empty(shape, kind) for kind in types] for name, shape in shapes.items()}

    @property
    def held(self) -> int:
        """Bytes of the outputs and of the previous stage."""
        numbers = sum(3 * self.height * self.width * output.scale**2 for output in self.outputs)
        return self.before + self.count * sum(numbers * depth // 8 for depth in self.depths)

    def passes(self, *, one_by_one: bool = False) -> list[tuple[int, list[Output]]]:
        """The outputs that are decoded together (those of one scale and seed), each list with its scale. With
        ``one_by_one`` each output is separate, unless they share tasks, so that the first is ready early."""
        tasks = [task for output in self.outputs for task in output.weights]
        if one_by_one and len(tasks) == len(set(tasks)):
            return [(output.scale, [output]) for output in self.outputs]
        groups: dict[tuple[int, int], list[Output]] = {}
        for output in self.outputs:
            groups.setdefault((output.scale, output.seed), []).append(output)
        return [(scale, outputs) for (scale, _), outputs in groups.items()]


def task_names(outputs: Sequence[Output]) -> list[str]:
    """The tasks that the outputs are mixed from, each once."""
    return list(dict.fromkeys(task for output in outputs for task in output.weights))


def stages(plan: Plan, height: int, width: int, depth: Depth, count: int = 1) -> Iterator[Stage]:
    """The links of the chain, then all outputs. Links are kept in 16 bits; the last one also in the requested depth."""
    before = 0
    for number, link in enumerate(plan.chain, start=1):
        last = number == len(plan.chain)
        depths: tuple[Depth, ...] = (16,)
        if last and depth == 8:
            depths = (8, 16) if plan.outputs else (8,)
        stage = Stage((link,), height, width, depths, count, before)
        yield stage
        before = stage.held - before
        height, width = height * link.scale, width * link.scale
    if plan.outputs:
        yield Stage(plan.outputs, height, width, (depth,), count, before)


def cut(
    stage: Stage,
    generator: ImageGenerator,
    masked: bool,
    together: bool,
    memory: int | None,
    where: str,
    brush: int | None,
) -> list[Tile]:
    """The tiles of a stage, as large as the memory allows. Raises :class:`PictureError` if not even the smallest fits.
    ``together`` says whether the images of all groups are in memory at once. ``memory`` limits tile and outputs, by
    default to half of the free memory, and at most :data:`WORKING_MEMORY` for the tile."""
    tasks = task_names(stage.outputs)
    grid, halo = generator.grid(tasks), generator.halo(tasks)
    groups = [(scale, len(task_names(group))) for scale, group in stage.passes()]
    mixed = masked or any(is_mixed(output) for output in stage.outputs)
    each = stage.count * pixel_bytes(generator.largest_maps, groups, mixed=mixed, together=together)
    painted = sum(map(generator.reads_whole, tasks))
    canvas = canvas_sides(stage.height, stage.width, brush)
    painting = painting_bytes(canvas, painted, stage.count) if painted else 0
    smallest = smallest_area(stage.height, stage.width, halo) * each + painting
    if memory is None:
        free = psutil.virtual_memory().available
        room, needed = min((free - stage.held) / 2, max(WORKING_MEMORY, smallest)), stage.held + 2 * smallest
        limit = f"{_mb(free)} free"
    else:
        room, needed = memory - stage.held, stage.held + smallest
        limit = f"{_mb(memory)} allowed"
    if smallest > room:
        fault = f"rendering {stage.width}x{stage.height} pixels takes at least {_mb(needed + 999_999)} of memory"
        cure = "request fewer outputs, allow more memory, or make the picture smaller"
        raise PictureError(f"{where}: {fault}, and there are {limit}; {cure}")
    sides = tile_sides(stage.height, stage.width, halo, grid, int((room - painting) / each))
    return tiles(stage.height, stage.width, sides, halo)


def _mb(count: float) -> str:
    return f"{count // 1_000_000:,.0f} MB"
