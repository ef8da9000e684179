"""Kind ``style``: the photo, painted as one or several exemplar pictures are."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from prismgan.losses import content, style, total_variation
from prismgan.metrics import CONTENT_METRICS
from prismgan.tasks.base import Exemplar, LossTerm, NonNegative, PictureName, Task, TaskEntry


class Style(TaskEntry):
    """Paints the photo in the style of the exemplars."""

    picture_fields: ClassVar[tuple[str, ...]] = ("exemplars",)

    kind: Literal["style"] = "style"
    weight: NonNegative = 0.1
    """Weight of this task against the others. Looks are content with a tenth of what restoration needs of the trunk."""
    exemplars: Annotated[tuple[PictureName, ...], Field(min_length=1)]
    """Pictures that show the style: paths, or built-in ones as `builtin:NAME`."""
    exemplar_size: Annotated[int, Field(ge=64, le=2048)] = 384
    """Longest side in pixels at which the exemplars are looked at; smaller means a finer brush."""
    style_weight: NonNegative = 12.0
    """Weight of the distance between feature statistics of output and exemplars."""
    content_weight: NonNegative = 1.0
    """Weight of the distance between the structure of output and photo."""
    tone_weight: NonNegative = 1.0
    """Weight of the distance between light and dark of output and photo, by areas larger than a brush stroke."""
    total_variation_weight: NonNegative = 0.1
    """Weight of the total variation, against speckle."""

    def task(self) -> Task:
        return self.make(
            target=Exemplar(self.exemplars, self.exemplar_size),
            losses=[
                LossTerm("style", self.style_weight, style.build, reported=True),
                LossTerm("content", self.content_weight, content.build),
                LossTerm("tone", self.tone_weight, content.build_tone),
                LossTerm("total_variation", self.total_variation_weight, total_variation.build),
            ],
            metrics=CONTENT_METRICS,
            fine=False,
        )
