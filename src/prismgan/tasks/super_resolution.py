"""Kind ``super_resolution``: the photo at 2 or 4 times the source's side."""

from __future__ import annotations

from typing import Literal

from prismgan.losses import charbonnier, content, log_error, total_variation
from prismgan.metrics import PAIR_METRICS
from prismgan.tasks.base import Derived, LossTerm, NonNegative, Task, TaskEntry, clean_photo


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
                LossTerm("pixel", self.pixel_weight, charbonnier.build, needs_pair=True),
                LossTerm("log", self.log_weight, log_error.build, needs_pair=True),
                LossTerm("perceptual", self.perceptual_weight, content.build_perceptual, needs_pair=True),
                LossTerm("total_variation", self.total_variation_weight, total_variation.build),
            ],
            metrics=PAIR_METRICS,
            fine=True,
            scale=self.scale,
            smooth=self.smooth,
        )
