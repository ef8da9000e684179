"""Kind ``restore``: the clean photo from a degraded one."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from prismgan.losses import charbonnier, log_error
from prismgan.metrics import PAIR_METRICS
from prismgan.tasks.base import Derived, LossTerm, NonNegative, Task, TaskEntry, clean_photo


class Restore(TaskEntry):
    """Removes noise, blur and compression: the output is the clean photo."""

    kind: Literal["restore"] = "restore"
    pixel_weight: NonNegative = 20.0
    """Weight of the Charbonnier distance to the clean photo."""
    pixel_epsilon: Annotated[float, Field(gt=0, le=2)] = charbonnier.EPSILON
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
                LossTerm(
                    "pixel",
                    self.pixel_weight,
                    charbonnier.Build(self.pixel_epsilon),
                    needs_pair=True,
                ),
                LossTerm("log", self.log_weight, log_error.build, needs_pair=True),
            ],
            metrics=PAIR_METRICS,
            fine=True,
        )
