"""Whole test pictures under one condition, in batches of one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from prismgan.batch import Batch
from prismgan.data import pictures, scene
from prismgan.data.batches import collate
from prismgan.data.degradation import Condition
from prismgan.data.scene import SOURCE, View
from prismgan.data.sources import Row
from prismgan.data.streams import stream
from prismgan.data.training_set import Sample
from prismgan.errors import PictureError
from prismgan.images import MINIMUM_SIDE
from prismgan.tasks import PictureName, Task

GRID = 4  # the sides of sources are multiples of this, so that networks with cells of that size need no padding


@dataclass(eq=False)
class TestSet:
    """Whole test pictures, reduced to at most twice ``maximum_side`` and cropped to multiples of :data:`GRID`."""

    __test__ = False  # for pytest: this class is not a test

    rows: Sequence[Row]
    tasks: Sequence[Task]  # those that are tested; tasks without pairs get neither target nor example
    condition: Condition  # degradation of the sources; rows with their own source keep it
    maximum_side: int = 512  # half the largest side of a photo, in pixels
    seed: int = 0  # of the noise, which also depends on the picture's index in `rows`
    alongside: Sequence[Task] = field(kw_only=True)
    """The recipe's other tasks, which are not tested here: the largest scale of all tasks determines how far photos are
    reduced, and the sizes of a row's own source and its targets."""
    skipped: dict[PictureName, str] = field(init=False, default_factory=dict)  # by photo, why it could not be used

    def __iter__(self) -> Iterator[Batch]:
        for _, batch in self.pairs():
            yield batch

    def pairs(self) -> Iterator[tuple[Row, Batch]]:
        """Every readable row, with its batch of one."""
        for index, row in enumerate(self.rows):
            try:
                view = self._view(row)
            except PictureError as error:
                self.skipped[row.picture] = str(error)
                continue
            source = view.companions.get(SOURCE)
            if source is None:
                source = self.condition.apply(view.reference, stream(self.seed, index, "condition"))
            present = {task.name: view.has(task) for task in self.tasks if task.has_pairs}
            yield row, collate([Sample(source, view.reference, view.targets(self.tasks), {}, present)])

    def _view(self, row: Row) -> View:
        whole = scene.read(row, [*self.tasks, *self.alongside], pictures.load)
        factor = min(1.0, 2 * self.maximum_side / max(whole.photo.shape[1:]))
        height, width = (int(side * factor) for side in whole.grid)
        size = (height // GRID * GRID, width // GRID * GRID)
        if min(size) < MINIMUM_SIDE:
            raise PictureError(f"{row.picture}: is too small to test on; leave it out")
        return whole.view((0, 0), size, (height, width))
