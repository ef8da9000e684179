"""Losses, one idea per file."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from prismgan.batch import TaskBatch

Exemplars = Sequence[Float[Tensor, "3 H W"]]


class Loss(nn.Module, ABC):
    """One loss of a task. ``features`` is the feature network shared by all losses; it maps images (B, 3, H, W) in
    [-1, 1] to a list of maps. ``exemplars`` are pictures of the task's style in [-1, 1], if it has any."""

    def __init__(self, features: nn.Module, exemplars: Exemplars = ()) -> None:
        super().__init__()
        self.features = features

    @abstractmethod
    def forward(self, output: Float[Tensor, "B 3 H W"], batch: TaskBatch) -> Float[Tensor, " B"]:
        """One value per picture, unreduced and unweighted."""
