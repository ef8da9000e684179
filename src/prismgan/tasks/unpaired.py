"""Kind ``unpaired``: the photo, moved into the domain of a folder of pictures."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from prismgan.losses import content, total_variation
from prismgan.metrics import CONTENT_METRICS
from prismgan.tasks.base import LossTerm, NonNegative, PictureName, Task, TaskEntry, Unpaired


class UnpairedEntry(TaskEntry):
    """Learns a domain from pictures that belong to no photo: the adversary alone says what it looks like."""

    picture_fields: ClassVar[tuple[str, ...]] = ("pictures",)

    kind: Literal["unpaired"] = "unpaired"
    weight: NonNegative = 0.1
    """Weight of this task against the others. Looks are content with a tenth of what restoration needs of the trunk."""
    pictures: Annotated[tuple[PictureName, ...], Field(min_length=1)]
    """Folders or files of the domain, or a built-in collection as `builtin:NAME`."""
    adversarial_weight: NonNegative = 1.0
    """Weight of the adversarial loss, the only one that knows the domain."""
    content_weight: NonNegative = 1.0
    """Weight of the distance between the structure of output and photo."""
    total_variation_weight: NonNegative = 0.1
    """Weight of the total variation, against speckle."""

    def task(self) -> Task:
        return self.make(
            target=Unpaired(self.pictures),
            losses=[
                LossTerm("content", self.content_weight, content.build_structure),
                LossTerm("total_variation", self.total_variation_weight, total_variation.build),
            ],
            metrics=CONTENT_METRICS,
            fine=False,
        )
