"""Kinds with one correct output for each photo: ``derived``, ``paired``, ``restore`` and ``super_resolution``."""

from typing import Annotated, Literal

from pydantic import Field

from prismgan.images.drawing import comic, edges, inverse, pencil
from prismgan.losses.content import Perceptual
from prismgan.losses.pixels import EPSILON, Charbonnier, Lattice, LogError
from prismgan.tasks.base import Derived, LossTerm, NonNegative, Paired, Task, TaskEntry, clean_photo

FUNCTIONS = {"pencil": pencil, "edges": edges, "inverse": inverse, "comic": comic, "photo": clean_photo}
WITHOUT_COLOURS = ("pencil", "edges")  # functions whose results keep only the photo's lines


class DerivedEntry(TaskEntry):
    """Learns a function of the clean photo, and applies it to degraded photos, too."""

    kind: Literal["derived"] = "derived"
    weight: NonNegative = 0.1
    """Weight of this task relative to the others; tasks that repaint need only a tenth of restoration's."""
    function: Literal["pencil", "edges", "inverse", "comic", "photo"]
    """The function: a pencil drawing, outlines, the negative, or a flat comic drawing of the photo; or the photo
    itself, which is the task that the others are aligned with if the source is noise."""
    pixel_weight: NonNegative = 10.0
    """Weight of the Charbonnier distance to the function's result."""
    adversarial_weight: NonNegative = 0.01
    """Weight of the adversarial loss; small, because the pairs determine nearly everything."""

    def task(self) -> Task:
        losses = [LossTerm("pixel", self.pixel_weight, Charbonnier, needs_pair=True)]
        target, additive = Derived(FUNCTIONS[self.function]), self.function not in WITHOUT_COLOURS
        return self.make(target, losses, additive=additive)


class PairedEntry(TaskEntry):
    """Learns from pairs of photo and target; rows of the manifest may lack the target."""

    kind: Literal["paired"] = "paired"
    column: Annotated[str, Field(min_length=1)] | None = None
    """The manifest's column with the target pictures; by default the task's name."""
    scale: Literal[1, 2, 4] = 1
    """Side of the target divided by side of the source."""
    pixel_weight: NonNegative = 10.0
    """Weight of the Charbonnier distance to the target."""
    fine: bool = True
    """Whether the output keeps the photo's fine detail (true) or is a repainting (false)."""

    def task(self) -> Task:
        losses = [LossTerm("pixel", self.pixel_weight, Charbonnier, needs_pair=True)]
        return self.make(Paired(self.column or self.name), losses, fine=self.fine, scale=self.scale)


class Restore(TaskEntry):
    """Removes noise, blur and compression: the output is the clean photo."""

    kind: Literal["restore"] = "restore"
    pixel_weight: NonNegative = 20.0
    """Weight of the Charbonnier distance to the clean photo."""
    pixel_epsilon: Annotated[float, Field(gt=0, le=2)] = EPSILON
    """Charbonnier epsilon in units of [-1, 1]: smaller differences count quadratically and thus hardly at all. Larger
    values favour heavily degraded inputs over leaving clean ones exactly unchanged."""
    log_weight: NonNegative = 0.0
    """Weight of the logarithm of the squared error, which gives the PSNR of heavily and slightly degraded pictures the
    same weight."""
    adversarial_weight: NonNegative = 0.001
    """Weight of the adversarial loss; almost 0, because it improves sharpness but lowers PSNR."""

    def task(self) -> Task:
        losses = [
            LossTerm("pixel", self.pixel_weight, Charbonnier, {"epsilon": self.pixel_epsilon}, needs_pair=True),
            LossTerm("log", self.log_weight, LogError, needs_pair=True),
        ]
        return self.make(Derived(clean_photo), losses)


class SuperResolution(TaskEntry):
    """Enlarges the source; the target is the photo before it was downscaled."""

    kind: Literal["super_resolution"] = "super_resolution"
    scale: Literal[2, 4] = 2
    """Side of the output divided by side of the source."""
    pixel_weight: NonNegative = 20.0
    """Weight of the Charbonnier distance to the photo before it was downscaled."""
    log_weight: NonNegative = 0.0
    """Weight of the logarithm of the squared error, which gives the PSNR of plain and detailed pictures the same
    weight."""
    perceptual_weight: NonNegative = 0.0
    """Weight of the distance between features of output and target, at fine and coarse levels. Together with the
    adversarial loss it makes invented detail sharp."""
    lattice_weight: NonNegative = 0.0
    """Weight of the loss against 16-pixel patterns in flat regions, caused by perceptual and adversarial losses."""
    adversarial_weight: NonNegative = 0.001
    """Weight of the adversarial loss; almost 0, because it improves sharpness but lowers PSNR."""
    smooth: bool = False
    """Whether the head doubles its maps step by step and blurs the residual, which is added to the bicubic enlargement,
    by (1, 2, 1). This prevents the patterns of cells and single pixels that perceptual and adversarial losses cause.
    Such a head also adds grain where the source is not flat."""

    def task(self) -> Task:
        losses = [
            LossTerm("pixel", self.pixel_weight, Charbonnier, needs_pair=True),
            LossTerm("log", self.log_weight, LogError, needs_pair=True),
            LossTerm("perceptual", self.perceptual_weight, Perceptual, needs_pair=True),
            LossTerm("lattice", self.lattice_weight, Lattice, needs_pair=True),
        ]
        return self.make(Derived(clean_photo), losses, scale=self.scale, smooth=self.smooth)
