"""Kind ``derived``: a picture that a known function makes of the clean photo."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from torch import Tensor

from prismgan.images.drawing import comic, edges, inverse, pencil
from prismgan.losses import charbonnier
from prismgan.metrics import PAIR_METRICS
from prismgan.tasks.base import Derived, LossTerm, NonNegative, Task, TaskEntry, clean_photo

FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "pencil": pencil,
    "edges": edges,
    "inverse": inverse,
    "comic": comic,
    "photo": clean_photo,
}
WITHOUT_COLOURS = ("pencil", "edges")
"""Functions whose results have no more of the photo than its lines."""


class DerivedEntry(TaskEntry):
    """Learns a function of the clean photo, and applies it to photos that are not clean."""

    kind: Literal["derived"] = "derived"
    weight: NonNegative = 0.1
    """Weight of this task against the others. Looks are content with a tenth of what restoration needs of the trunk."""
    function: Literal["pencil", "edges", "inverse", "comic", "photo"]
    """What is made of the photo: a pencil drawing, its outlines, its negative, a flat comic drawing; or the photo
    itself, as the task that the others are aligned with where the source is noise."""
    pixel_weight: NonNegative = 10.0
    """Weight of the Charbonnier distance to the function's result."""
    adversarial_weight: NonNegative = 0.01
    """Weight of the adversarial loss; the pairs say nearly everything."""

    def task(self) -> Task:
        return self.make(
            target=Derived(FUNCTIONS[self.function]),
            losses=[LossTerm("pixel", self.pixel_weight, charbonnier.build, needs_pair=True)],
            metrics=PAIR_METRICS,
            fine=True,
            additive=self.function not in WITHOUT_COLOURS,
        )
