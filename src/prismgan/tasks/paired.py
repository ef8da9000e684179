"""Kinds with one right answer for each photo: ``derived``, ``paired``, ``restore`` and ``super_resolution``."""

from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor

from prismgan.images.drawing import comic, edges, inverse, pencil
from prismgan.losses.content import Perceptual
from prismgan.losses.pixels import EPSILON, Charbonnier, LogError, TotalVariation
from prismgan.metrics import PAIR_METRICS
from prismgan.tasks.base import Derived, LossTerm, NonNegative, Paired, Task, TaskEntry, clean_photo

FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "pencil": pencil,
    "edges": edges,
    "inverse": inverse,
    "comic": comic,
    "photo": clean_photo,
}
WITHOUT_COLOURS = ("pencil", "edges")  # functions whose results have no more of the photo than its lines


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
            losses=[LossTerm("pixel", self.pixel_weight, Charbonnier, needs_pair=True)],
            metrics=PAIR_METRICS,
            fine=True,
            additive=self.function not in WITHOUT_COLOURS,
        )


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
            losses=[LossTerm("pixel", self.pixel_weight, Charbonnier, needs_pair=True)],
            metrics=PAIR_METRICS,
            fine=self.fine,
            scale=self.scale,
        )


class Restore(TaskEntry):
    """Removes noise, blur and compression: the output is the clean photo."""

    kind: Literal["restore"] = "restore"
    pixel_weight: NonNegative = 20.0
    """Weight of the Charbonnier distance to the clean photo."""
    pixel_epsilon: Annotated[float, Field(gt=0, le=2)] = EPSILON
    """Differences below it, in units of [-1, 1], count quadratically: little. A larger one spends the training on
    sources that much is wrong with, and less on leaving clean ones exactly as they are."""
    log_weight: NonNegative = 0.0
    """Weight of the logarithm of the squared error, which makes PSNR of pictures with heavy and with slight faults
    count alike."""
    adversarial_weight: NonNegative = 0.001
    """Weight of the adversarial loss; it buys sharpness and costs PSNR, hence almost none."""

    def task(self) -> Task:
        return self.make(
            target=Derived(clean_photo),
            losses=[
                LossTerm("pixel", self.pixel_weight, Charbonnier, {"epsilon": self.pixel_epsilon}, needs_pair=True),
                LossTerm("log", self.log_weight, LogError, needs_pair=True),
            ],
            metrics=PAIR_METRICS,
            fine=True,
        )


class SuperResolution(TaskEntry):
    """Enlarges the source; judged against the photo before it was made small."""

    kind: Literal["super_resolution"] = "super_resolution"
    scale: Literal[2, 4] = 2
    """Side of the output divided by side of the source."""
    pixel_weight: NonNegative = 20.0
    """Weight of the Charbonnier distance to the large photo."""
    log_weight: NonNegative = 0.0
    """Weight of the logarithm of the squared error, which makes PSNR of plain and of detailed pictures count alike."""
    perceptual_weight: NonNegative = 0.0
    """Weight of the distance of features, fine and coarse; with the adversary it makes sharp what cannot be known."""
    total_variation_weight: NonNegative = 0.0
    """Weight of the total variation, against the pattern of single pixels that the two above allow."""
    adversarial_weight: NonNegative = 0.001
    """Weight of the adversarial loss; it buys sharpness and costs PSNR, hence almost none."""
    smooth: bool = False
    """Whether what is added to the bicubic enlargement is blurred by 1, 2, 1: features and the adversary reward
    patterns of single pixels."""

    def task(self) -> Task:
        return self.make(
            target=Derived(clean_photo),
            losses=[
                LossTerm("pixel", self.pixel_weight, Charbonnier, needs_pair=True),
                LossTerm("log", self.log_weight, LogError, needs_pair=True),
                LossTerm("perceptual", self.perceptual_weight, Perceptual, needs_pair=True),
                LossTerm("total_variation", self.total_variation_weight, TotalVariation),
            ],
            metrics=PAIR_METRICS,
            fine=True,
            scale=self.scale,
            smooth=self.smooth,
        )
