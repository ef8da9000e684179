"""Kind ``cartoon``: the photo as a drawing, learnt from drawings that belong to no photo."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from prismgan.losses import guidance, total_variation
from prismgan.metrics import CONTENT_METRICS
from prismgan.tasks.base import LossTerm, NonNegative, PictureName, Task, TaskEntry, Unpaired


class Cartoon(TaskEntry):
    """Draws the photo: flat regions and dark outlines by the guidance, the texture of the drawings by the adversary."""

    picture_fields: ClassVar[tuple[str, ...]] = ("pictures",)

    kind: Literal["cartoon"] = "cartoon"
    weight: NonNegative = 0.1
    """Weight of this task against the others. Looks are content with a tenth of what restoration needs of the trunk."""
    pictures: Annotated[tuple[PictureName, ...], Field(min_length=1)]
    """Folders or files of drawings, or a built-in collection as `builtin:NAME`."""
    guidance_weight: NonNegative = 10.0
    """Weight of the distance to a drawing made from the photo by filters (flat regions, dark outlines)."""
    guidance_structure: NonNegative = 0.05
    """Within the guidance, weight of the features' distance against that of the pixels."""
    total_variation_weight: NonNegative = 0.1
    """Weight of the total variation: it keeps flat regions flat."""

    def task(self) -> Task:
        build = guidance.Build(self.guidance_structure, varied=self.latent)
        return self.make(
            target=Unpaired(self.pictures),
            losses=[
                LossTerm("guidance", self.guidance_weight, build, reported=True),
                LossTerm("total_variation", self.total_variation_weight, total_variation.build),
            ],
            metrics=CONTENT_METRICS,
            fine=True,
            ink=True,
        )
