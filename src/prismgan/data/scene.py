"""One row's pictures, decoded and aligned pixel by pixel. The photo is the clean picture at the largest scale M of all
tasks. A row's own source has 1/M of the photo's side; the target of a paired task of scale s has s/M of it, or is as
large as the photo and is reduced together with it. The *grid* is the source's raster; views are cropped on it, so that
every picture is cropped at whole pixels."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from prismgan import images
from prismgan.data import graphics
from prismgan.data.sources import Row
from prismgan.errors import DataError
from prismgan.tasks import Derived, Paired, PictureName, Task

SOURCE = ""  # the companion that is no task's target: the row's own source. No task can have this name.
Load = Callable[[PictureName], UInt8[Tensor, "3 H W"]]
FLAT = 4.0  # mean difference of neighbouring pixels, of 255, below which a crop counts as flat


@dataclass(frozen=True)
class Companion:
    task: str  # the task that it is a target of; `SOURCE` for the row's own source
    picture: PictureName
    scale: int  # its side in a batch divided by the source's side

    def scale_of(self, size: tuple[int, int], photo: tuple[int, int], largest: int) -> int | None:
        """Its side divided by the source's, from its size (height, width), rounded up or down; None if it does not fit
        its photo. A target may be as large as the photo, whatever its task's scale."""
        sides = zip(size, photo, strict=True)
        if all(abs(side * largest - whole * self.scale) < largest for side, whole in sides):
            return self.scale
        return largest if self.task != SOURCE and size == photo else None

    def misfit(self, size: tuple[int, int], row: Row, photo: tuple[int, int], largest: int) -> str | None:
        """A description of the problem with its size (height, width), or None."""
        if self.scale_of(size, photo, largest) is not None:
            return None
        height, width = (side * self.scale // largest for side in photo)
        role = f"target of task {self.task!r}" if self.task else "source"
        ratio, why = "", ""
        if self.scale != largest:
            ratio = f" times {self.scale}/{largest}"
            why = f"; the recipe enlarges by {largest}, so its sources have 1/{largest} of their photos' sides"
            why += ", and a target may be as large as its photo" if self.task else ""
        of = f"({role}, for the {photo[1]}x{photo[0]} pixels of {row.picture}{ratio})"
        return f"has {size[1]}x{size[0]} pixels, expected {width}x{height} {of}{why}"


@dataclass(frozen=True)
class View:
    """A part of a scene, in [-1, 1], with everything that a batch needs."""

    photo: Float[Tensor, "3 Mh Mw"]  # the clean photo at the largest scale that the view has pixels for
    reference: Float[Tensor, "3 h w"]  # the clean photo at the source's size
    companions: Mapping[str, Float[Tensor, "3 sh sw"]]  # the row's own source, as `SOURCE`, and targets of paired tasks
    exact: bool = False  # whether, of the tasks that enlarge, only those of the photo's own scale have a target here
    photo_only: bool = False  # whether only tasks of the photo itself have a target here: it is drawn, or rotated

    def changed(self, change: Callable[[Tensor], Tensor], photo_only: bool = False) -> "View":
        beside = {name: change(image) for name, image in self.companions.items()}
        return View(change(self.photo), change(self.reference), beside, self.exact, self.photo_only or photo_only)

    def turned(self, quarters: int) -> "View":
        if quarters % 4 == 0:
            return self
        return self.changed(lambda image: torch.rot90(image, quarters, (-2, -1)).contiguous(), photo_only=True)

    def has(self, task: Task) -> bool:
        """Whether the view has a target for a task; for a task without pairs, whether its output is trained here."""
        if self.photo_only and not task.is_photo:
            return False
        if isinstance(task.target, Paired):
            return task.name in self.companions
        any_scale = not task.has_pairs or not self.exact
        return any_scale or task.scale in (1, self.photo.shape[-1] // self.reference.shape[-1])

    def targets(self, tasks: Sequence[Task]) -> dict[str, Float[Tensor, "3 sh sw"]]:
        """The targets of all tasks with pairs by name; zeros for missing ones."""
        height, width = self.reference.shape[-2:]
        targets: dict[str, Tensor] = {}
        for task in tasks:
            size = (height * task.scale, width * task.scale)
            if task.has_pairs and not self.has(task):
                targets[task.name] = torch.zeros(3, *size)
            elif isinstance(task.target, Derived):
                clean = self.reference if task.scale == 1 else _resized(self.photo, size)
                targets[task.name] = task.target.function(clean[None])[0]
            elif isinstance(task.target, Paired):
                targets[task.name] = self.companions[task.name]
        return targets


@dataclass(frozen=True)
class Scene:
    """A row's complete pictures; the side of each is a whole multiple of the grid's."""

    grid: tuple[int, int]  # height and width of the source
    photo: UInt8[Tensor, "3 MH MW"]
    companions: Mapping[str, UInt8[Tensor, "3 _ _"]]  # by task name; the row's own source as `SOURCE`
    scales: Mapping[str, int]  # side of each companion in a view divided by side of the source: its task's scale

    def view(self, corner: tuple[int, int], size: tuple[int, int], grid: tuple[int, int]) -> View:
        """A rectangle of the scene, after resizing the scene to another grid (usually its own). ``corner`` (row,
        column) and ``size`` (height, width) are on that ``grid``."""

        def cut(pixels: UInt8[Tensor, "3 H W"]) -> Float[Tensor, "3 h w"]:
            scale = pixels.shape[1] // self.grid[0]
            top, left = corner[0] * scale, corner[1] * scale
            window = (slice(top, top + size[0] * scale), slice(left, left + size[1] * scale))
            if grid == self.grid:  # the usual case: convert only the necessary part
                return images.to_float(pixels[:, window[0], window[1]])
            whole = _resized(images.to_float(pixels), (grid[0] * scale, grid[1] * scale))
            return whole[:, window[0], window[1]]

        photo = cut(self.photo)
        sizes = {name: (size[0] * scale, size[1] * scale) for name, scale in self.scales.items()}
        beside = {name: _resized(cut(each), sizes[name]) for name, each in self.companions.items()}
        return View(photo, _resized(photo, size), beside)

    def reduced(self, corner: tuple[int, int], size: tuple[int, int], scale: int, pixels: int) -> View:
        """A rectangle with a single scale, for a scene without companions. A source made by reducing a photo by 4
        differs from one made by halving it twice, and a network trained on both would learn neither. The photo is
        therefore first resized to ``scale`` times the source's ``size``, and the source is made from that. A pixel of
        the source covers ``pixels`` pixels of the photo, at least ``scale``."""
        window = (slice(corner[0], corner[0] + size[0] * pixels), slice(corner[1], corner[1] + size[1] * pixels))
        photo = _resized(images.to_float(self.photo[:, window[0], window[1]]), (size[0] * scale, size[1] * scale))
        return View(photo, _resized(photo, size), {}, exact=True)


def drawn(side: int, scale: int, seed: int, unit: float) -> View:
    """Graphics at ``scale``, and reduced by it to a square source of ``side`` pixels; see :func:`graphics.draw`."""
    pixels = torch.from_numpy(graphics.draw(side * scale, side * scale, seed, unit)).permute(2, 0, 1)
    photo = images.to_float(pixels.contiguous())
    return View(photo, _resized(photo, (side, side)), {}, exact=True, photo_only=True)


def is_flat(pixels: UInt8[Tensor, "H W"]) -> bool:
    levels = pixels.short()
    return sum(float(levels.diff(dim=axis).abs().float().mean()) for axis in (0, 1)) < FLAT


def largest_scale(tasks: Sequence[Task]) -> int:
    return max((task.scale for task in tasks), default=1)


def companions(row: Row, tasks: Sequence[Task]) -> list[Companion]:
    """The row's own source and targets, as far as the tasks need them."""
    needed = [] if row.source is None else [Companion(SOURCE, row.source, 1)]
    for task in tasks:
        if isinstance(task.target, Paired) and task.target.column in row.targets:
            needed.append(Companion(task.name, row.targets[task.target.column], task.scale))
    return needed


def read(row: Row, tasks: Sequence[Task], load: Load) -> Scene:
    """Decode all pictures of a row; PictureError if one cannot be read, DataError if sizes do not fit."""
    largest = largest_scale(tasks)
    photo = load(row.picture)
    whole = (photo.shape[1], photo.shape[2])
    grid = (whole[0] // largest, whole[1] // largest)
    if min(grid) < 1:
        raise DataError(f"{row.picture}: has {whole[1]}x{whole[0]} pixels, too few; leave it out")
    beside: dict[str, Tensor] = {}
    scales: dict[str, int] = {}
    for each in companions(row, tasks):
        pixels = load(each.picture)
        size = (pixels.shape[1], pixels.shape[2])
        scale = each.scale_of(size, whole, largest)
        if scale is None:
            raise DataError(f"{each.picture}: {each.misfit(size, row, whole, largest)}; resize it, or leave it out")
        beside[each.task] = pixels[:, : grid[0] * scale, : grid[1] * scale]
        scales[each.task] = each.scale
    return Scene(grid, photo[:, : grid[0] * largest, : grid[1] * largest], beside, scales)


def _resized(image: Float[Tensor, "3 H W"], size: tuple[int, int]) -> Float[Tensor, "3 h w"]:
    # Bicubic overshoots at edges, but a file cannot store values outside [-1, 1].
    return images.resize(image, *size).clamp(-1.0, 1.0) if tuple(image.shape[1:]) != size else image
