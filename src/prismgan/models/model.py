"""What training, evaluation, export and rendering know of a model, ours or one it is compared with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from jaxtyping import Float
from torch import Tensor, nn

from prismgan.batch import Batch

__all__ = ["Model"]


class Model(Protocol):
    """A multi-task model that trains itself one batch at a time."""

    device: str
    """Where batches have to be."""

    @property
    def generator(self) -> nn.Module:
        """The network whose weights are averaged (EMA) and rendered with."""
        ...

    @property
    def discriminator(self) -> nn.Module | None:
        """The network that judges pictures, if the model has one."""
        ...

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """One optimizer step of every network; returns scalars for the log.

        The key ``skipped`` is 1 where a network's gradient was not finite; that network was not changed by it.
        """
        ...

    def generate(
        self,
        source: Float[Tensor, "B 3 H W"],
        latent: Float[Tensor, "B Z"] | None = None,
        tasks: Iterable[str] | None = None,
    ) -> dict[str, Float[Tensor, "B 3 sH sW"]]:
        """Every task's image, in one pass."""
        ...

    def judge(self, batch: Batch, outputs: Mapping[str, Tensor]) -> dict[str, Float[Tensor, " N"]]:
        """Discriminator's loss and whether it was right, a value a picture: its metrics at test time."""
        ...

    def shared_gradients(self, batch: Batch) -> dict[str, tuple[Tensor | None, ...]]:
        """Every task's gradient at the parameters that tasks share, for analysis; nothing is changed.

        None stands for a parameter that a task does not reach.
        """
        ...

    def slow_down(self, factor: float) -> None:
        """Multiply all learning rates from here on."""
        ...

    def state(self) -> dict[str, Any]:
        """Everything that the next step depends on."""
        ...

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from a :meth:`state`."""
        ...
