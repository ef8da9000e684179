"""Whole test pictures under one condition, one in a batch."""

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

GRID = 4  # the sides of sources are whole multiples of this, so that networks of cells of that size need no padding


@dataclass(eq=False)
class TestSet:
    """Test pictures, whole: reduced to at most twice ``maximum_side``, and cut to whole multiples of :data:`GRID`."""

    __test__ = False  # for pytest: the name is no test's

    rows: Sequence[Row]
    tasks: Sequence[Task]  # those that are tested. Tasks without pairs get neither target nor example.
    condition: Condition  # what is done to sources; rows with a source of their own keep that
    maximum_side: int = 512  # half the largest side of a photo, in pixels
    seed: int = 0  # of the noise. It depends on the picture's place in `rows` too.
    alongside: Sequence[Task] = field(kw_only=True)
    """The recipe's other tasks, which are not tested here: the largest scale of all tasks says how far photos are
    reduced, and how large a row's own source and its targets have to be."""
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
