"""The endless sequence of training samples, each a pure function of the seed and its position."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from prismgan import images
from prismgan.data import scene
from prismgan.data.degradation import DegradationConfig, draw
from prismgan.data.pictures import Cache, exemplar_crop, shown_pictures, unpaired_crop
from prismgan.data.scene import SOURCE, Load, Scene, View
from prismgan.data.sources import Row
from prismgan.data.streams import integer, permutation, stream, uniform
from prismgan.errors import DataError, PictureError
from prismgan.tasks import Derived, Exemplar, PictureName, Task

ATTEMPTS = 4  # maximum number of crops tried per photo, if flat ones may be rejected


@dataclass(frozen=True)
class Sample:
    """One row of a training batch, in [-1, 1]; tasks are keyed by name."""

    source: Float[Tensor, "3 H W"]
    reference: Float[Tensor, "3 H W"]
    targets: Mapping[str, Float[Tensor, "3 sH sW"]]
    examples: Mapping[str, Float[Tensor, "3 sH sW"]]
    present: Mapping[str, bool]  # by task, whether the row has its target; only for tasks whose targets may be missing
    skipped: tuple[PictureName, ...] = field(default=())  # pictures that could not be read and were replaced by others


@dataclass(eq=False)
class TrainingSet:
    rows: Sequence[Row]
    tasks: Sequence[Task]
    crop: int  # side of the source in pixels
    degradation: DegradationConfig | None = None  # degradation of the sources; None leaves them clean
    seed: int = 0
    cache_mb: int = 2048  # memory for decoded pictures, in megabytes
    mirror: bool = True
    alongside: Sequence[Task] = ()  # tasks that are not trained here, but still affect how pictures are cropped
    batch: int = 1
    """Rows of a training step. All of them share one randomly drawn super-resolution scale, so that tasks of the other
    scales need not be computed. Samples are then the same as in a training with the tasks ``alongside``. If a step
    would be left without any task, as for an expert of one of two scales, rows alternate between the scales instead."""
    reduced: bool = False
    """Whether photos are downscaled too, by any whole factor that leaves a crop, because styles are applied to whole
    photos and crops should not be flat. Not for tasks that enlarge."""
    quarter_turns: bool = False
    """Whether crops may be rotated by 90, 180 or 270 degrees. This is only for tasks whose target is the photo itself.
    If there are other tasks, every other step is upright, and only the upright steps train them."""
    reject_flat: float = 0.0  # probability of drawing a flat crop again

    def __post_init__(self) -> None:
        of_photo = any(task.is_photo for task in self.tasks)
        self.rows = tuple(row for row in self.rows if row.weight > 0 and (of_photo or not row.drawn))
        if not self.rows:
            raise DataError("data: there is no picture to train on; add some to 'train'")
        self._weights = tuple(row.weight for row in self.rows)
        self.quarter_turns = self.quarter_turns and of_photo
        self._photo_only = self.quarter_turns or any(row.drawn for row in self.rows)
        """Whether there may be rows that only tasks of the photo itself can use."""
        self._cut_for = (*self.tasks, *self.alongside)
        self._scales = sorted({task.scale for task in self._cut_for} - {1})
        trained = {task.scale for task in self.tasks if task.has_pairs}
        derived = [task.scale == 1 and isinstance(task.target, Derived) for task in self.tasks if task.has_pairs]
        of_any_scale = any(derived) or len(derived) < len(self.tasks)
        self._alike = self.batch if of_any_scale or trained.issuperset(self._scales) else 1
        self._domains = {task.name: shown_pictures(task) for task in self.tasks if not task.has_pairs}
        wanted = [row.picture for row in self.rows]
        wanted += [each.picture for row in self.rows for each in scene.companions(row, self._cut_for)]
        wanted += [picture for several in self._domains.values() for picture in several]
        self._cache = Cache(wanted, self.cache_mb)
        self._exemplars: dict[tuple[str, PictureName], Float[Tensor, "3 H W"]] = {}

    def sample(self, position: int) -> Sample:
        """The sample at ``position`` of the endless sequence, bitwise the same in any process, at any time. Each epoch,
        with as many positions as there are rows, uses each row once, or as often as its weight says. A row with an
        unreadable picture is replaced by another one; DataError if none can be read."""
        skipped: list[PictureName] = []

        def load(picture: PictureName) -> UInt8[Tensor, "3 H W"]:
            try:
                return self._cache.load(picture)
            except PictureError:
                skipped.append(picture)
                raise

        row, view = self._view(position, load)
        source, config = view.companions.get(SOURCE, view.reference), self.degradation
        if config is not None and SOURCE not in view.companions:
            if row.clean is not None:
                config = config.model_copy(update={"clean": row.clean})
            random = stream(self.seed, position, "degradation")
            source = draw(config, random).apply(source, random)
        targets = view.targets(self.tasks)
        examples = {task.name: self._example(task, position, load) for task in self.tasks if not task.has_pairs}
        present = {task.name: view.has(task) for task in self.tasks if task.has_pairs or self._photo_only}
        return Sample(source, view.reference, targets, examples, present, tuple(dict.fromkeys(skipped)))

    def _view(self, position: int, load: Load) -> tuple[Row, View]:
        epoch, place = divmod(position, len(self.rows))
        first, reason = _order(self.seed, epoch, self._weights)[place], ""
        for index in _candidates(first, len(self.rows), stream(self.seed, position, "redraw")):
            row = self.rows[index]
            if row.drawn:
                return row, self._graphics(position, stream(self.seed, position, "graphics"))
            try:
                whole = scene.read(row, self._cut_for, load)
                return row, self._crop(whole, position, stream(self.seed, position, "crop"))
            except PictureError as error:  # named in Sample.skipped
                reason = str(error)
        raise DataError(f"data: none of the {len(self.rows)} training pictures can be read ({reason})")

    def _crop(self, whole: Scene, position: int, generator: torch.Generator) -> View:
        view = self._rectangle(whole, position, generator)
        if self.mirror and uniform(generator, 0.0, 1.0) < 0.5:
            view = view.changed(lambda image: image.flip(-1))
        if not self.quarter_turns:
            return view
        if all(task.is_photo for task in self.tasks):
            return view.turned(integer(generator, 0, 3))
        upright = uniform(stream(self.seed, position // self.batch, "upright"), 0.0, 1.0) < 0.5
        return view if upright else view.turned(integer(generator, 1, 3))

    def _graphics(self, position: int, generator: torch.Generator) -> View:
        """Graphics at the scale of the row's step, or as fine as the source itself for tasks that do not enlarge."""
        scale = self._scales[self._turn(position)] if self._scales else 1
        if any(task.is_photo and task.scale == 1 for task in self.tasks) and uniform(generator, 0.0, 1.0) < 0.5:
            scale = 1
        # Enlarged nearly as much as the picture is reduced, because detail finer than a source pixel can't be learnt.
        unit = scale * uniform(generator, 0.7, 1.0) if scale > 1 else 1.0
        return scene.drawn(self.crop, scale, integer(generator, 0, 2**62), unit)

    def _rectangle(self, whole: Scene, position: int, generator: torch.Generator) -> View:
        size = (self.crop, self.crop)
        several = len(self._scales) > 1 and not self.reduced
        if (several or self.reduced) and not whole.companions:
            # Any reduction that leaves enough pixels.
            height, width = whole.photo.shape[1:]
            scale, most = 1, min(height, width) // self.crop
            if several:
                scale, most = self._scales[self._turn(position)], min(self._scales[-1], most)
            if most >= scale:
                pixels = integer(generator, scale, most)
                corner = self._corner(whole.photo, (height, width), self.crop * pixels, pixels, generator)
                return whole.reduced(corner, size, scale, pixels)
        # A picture smaller than the crop is enlarged: slight blur does less harm than omission or artificial borders.
        grid, shorter = whole.grid, min(whole.grid)
        if shorter < self.crop:
            grid = (math.ceil(grid[0] * self.crop / shorter), math.ceil(grid[1] * self.crop / shorter))
        return whole.view(self._corner(whole.photo, grid, self.crop, 1, generator), size, grid)

    def _corner(
        self, photo: UInt8[Tensor, "3 H W"], grid: tuple[int, int], side: int, step: int, generator: torch.Generator
    ) -> tuple[int, int]:
        """The corner of a square of ``side`` in a photo resized to ``grid``, preferably not where it is flat."""
        corner = (0, 0)
        for _ in range(ATTEMPTS):
            corner = (integer(generator, 0, grid[0] - side), integer(generator, 0, grid[1] - side))
            if self.reject_flat == 0:
                break
            factor = photo.shape[1] / grid[0]
            top, left = (int(place * factor) for place in corner)
            window = photo[1, top : top + round(side * factor), left : left + round(side * factor)]
            stride = max(1, round(step * factor))
            if not scene.is_flat(window[::stride, ::stride]) or uniform(generator, 0.0, 1.0) >= self.reject_flat:
                break
        return corner

    def _turn(self, position: int) -> int:
        """The index of the scale that a row is cropped for; random, so that no penalty coincides with one scale."""
        if self._alike == 1:
            return position % len(self._scales)
        return integer(stream(self.seed, position // self._alike, "scale"), 0, len(self._scales) - 1)

    def _example(self, task: Task, position: int, load: Load) -> Float[Tensor, "3 sH sW"]:
        domain, reason = self._domains[task.name], ""
        generator = stream(self.seed, position, "example", task.name)
        side = self.crop * task.scale
        for index in _candidates(integer(generator, 0, len(domain) - 1), len(domain), generator):
            picture = domain[index]
            try:
                if not isinstance(task.target, Exemplar):
                    return unpaired_crop(load(picture), side, generator)
                # There are few, and every sample needs one; resizing it each time took most of a sample's time.
                if (task.name, picture) not in self._exemplars:
                    exemplar = images.fitted(load(picture), task.target.size, enlarge=True)
                    self._exemplars[task.name, picture] = exemplar
                return exemplar_crop(self._exemplars[task.name, picture], side, generator)
            except PictureError as error:  # named in Sample.skipped
                reason = str(error)
        raise DataError(f"task {task.name!r}: none of its {len(domain)} pictures can be read ({reason})")


def _candidates(first: int, count: int, generator: torch.Generator) -> Iterator[int]:
    """``first``, then, if that cannot be used, all in random order."""
    yield first
    yield from permutation(generator, count)


@lru_cache(maxsize=4)
def _order(seed: int, epoch: int, weights: tuple[float, ...]) -> list[int]:
    """The rows of an epoch, in random order, each as often as its weight says, rounded up or down."""
    generator = stream(seed, epoch, "epoch")
    order = permutation(generator, len(weights))
    if len(set(weights)) == 1:
        return order
    bounds = np.cumsum(weights)
    places = (np.arange(len(weights)) + uniform(generator, 0.0, 1.0)) * bounds[-1] / len(weights)
    rows = np.searchsorted(bounds, places, side="right").clip(max=len(weights) - 1)
    return [int(row) for row in rows[order]]
