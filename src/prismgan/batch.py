"""The data of one training step: sources, and the targets or examples of every task."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from jaxtyping import Bool, Float
from torch import Tensor

from prismgan.images import interior


@dataclass(frozen=True)
class TaskBatch:
    """The part of a batch that is passed to one task's losses and metrics."""

    source: Float[Tensor, "B 3 H W"]
    reference: Float[Tensor, "B 3 H W"]
    target: Float[Tensor, "B 3 sH sW"] | None  # the target of the output, in [-1, 1]; None for a task without pairs
    latent: Float[Tensor, "B Z"] | None = None  # the z of the output, if one was drawn in training


@dataclass(frozen=True)
class Batch:
    """One training step's pictures, all in [-1, 1]; tasks are keyed by name."""

    source: Float[Tensor, "B 3 H W"]  # the generator's input, the same for every task
    reference: Float[Tensor, "B 3 H W"]  # the clean photo that each source was degraded from
    targets: Mapping[str, Float[Tensor, "B 3 sH sW"]] = field(default_factory=dict)  # of tasks with pairs; or zeros
    examples: Mapping[str, Float[Tensor, "B 3 h w"]] = field(default_factory=dict)  # of tasks without pairs
    present: Mapping[str, Bool[Tensor, " B"]] = field(default_factory=dict)  # rows that have one; by default all
    latent: Float[Tensor, "B Z"] | None = None  # the z of each row, if one was drawn
    skipped: tuple[str, ...] = ()  # pictures that could not be read while this batch was put together

    def of(self, task: str) -> TaskBatch:
        return TaskBatch(self.source, self.reference, self.targets.get(task), self.latent)

    def real(self, task: str) -> Float[Tensor, "B 3 h w"]:
        """Real pictures of ``task`` for the discriminator: its examples, or else its targets."""
        return self.examples[task] if task in self.examples else self.targets[task]

    def interior(self, margin: int) -> Self:
        """The batch without the outermost ``margin`` pixels of sources, references and targets; examples stay whole."""

        def inner(picture: Tensor) -> Tensor:
            return interior(picture, margin * picture.shape[-1] // self.source.shape[-1])

        targets = {name: inner(target) for name, target in self.targets.items()}
        return replace(self, source=inner(self.source), reference=inner(self.reference), targets=targets)

    def to(self, device: str) -> Self:
        def moved(value: Any) -> Any:
            if isinstance(value, Mapping):
                return {name: moved(tensor) for name, tensor in value.items()}
            return value.to(device, non_blocking=True) if isinstance(value, Tensor) else value

        return replace(self, **{name: moved(value) for name, value in vars(self).items()})
