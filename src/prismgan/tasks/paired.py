"""Kind ``paired``: a picture of the user's own for every photo, from a column of the manifest."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from prismgan.losses import charbonnier
from prismgan.metrics import PAIR_METRICS
from prismgan.tasks.base import LossTerm, NonNegative, Paired, Task, TaskEntry


class PairedEntry(TaskEntry):
    """Learns from pairs of photo and target; rows of the manifest may lack the target."""

    kind: Literal["paired"] = "paired"
    column: Annotated[str, Field(min_length=1)] | None = None
    """The manifest's column with the target pictures; the task's name where it is not given."""
    scale: Literal[1, 2, 4] = 1
    """Side of the target divided by side of the source."""
    pixel_weight: NonNegative = 10.0
    """Weight of the Charbonnier distance to the target."""
    fine: bool = True
    """Whether the output needs every pixel of the photo (true) or is a repainting (false)."""

    def task(self) -> Task:
        return self.make(
            target=Paired(self.column or self.name),
            losses=[LossTerm("pixel", self.pixel_weight, charbonnier.build, needs_pair=True)],
            metrics=PAIR_METRICS,
            fine=self.fine,
            scale=self.scale,
        )
