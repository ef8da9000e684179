"""A task is a value: what one named output of the generator should be, and how that is judged. A *kind* is a recipe
entry (:class:`TaskEntry`) that turns itself into a :class:`Task`; all else iterates over tasks and knows no kind."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, ClassVar, Self

from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from prismgan.config import Config
from prismgan.errors import nearest
from prismgan.images import upsample
from prismgan.losses.loss import Exemplars, Loss
from prismgan.metrics import Metric
from prismgan.networks import TaskName

PictureName = str  # a picture's path, or `builtin:NAME` for one that prismgan brings

NonNegative = Annotated[float, Field(ge=0)]


@dataclass(frozen=True)
class Derived:
    """The target is computed from the clean photo."""

    function: Callable[[Float[Tensor, "B 3 H W"]], Float[Tensor, "B 3 H W"]]
    """From the clean photo at the output's resolution to the target, both in [-1, 1]."""


def clean_photo(photo: Tensor) -> Tensor:
    """The function of tasks whose target is the photo itself."""
    return photo


@dataclass(frozen=True)
class Paired:
    """The target is a picture of its own for every photo, named in a column of the manifest."""

    column: str


@dataclass(frozen=True)
class Exemplar:
    """The target is a look, shown by one or several pictures."""

    pictures: tuple[PictureName, ...]
    size: int  # longest side in pixels at which the pictures are shown; it sets the size of the brush


@dataclass(frozen=True)
class Unpaired:
    """The target is a domain, shown by pictures that belong to no photo."""

    pictures: tuple[PictureName, ...]  # folders, pictures, or built-in collections


Target = Derived | Paired | Exemplar | Unpaired


@dataclass(frozen=True)
class LossTerm:
    """One weighted loss of a task."""

    name: str
    weight: float
    loss: Callable[..., Loss]  # the loss's class
    settings: Mapping[str, Any] = field(default_factory=dict)  # further arguments of its class
    needs_pair: bool = False  # whether the loss reads `task_batch.target`
    reported: bool = False  # whether evaluation reports it, where there are no pairs

    def build(self, features: nn.Module, exemplars: Exemplars) -> Loss:
        return self.loss(features, exemplars, **self.settings)


@dataclass(frozen=True)
class Task:
    """One named output of the generator. What the recipe says of every kind is documented in :class:`TaskEntry`."""

    name: str  # the key everywhere: generator heads, discriminator logits, checkpoints, reports, files
    kind: str
    target: Target
    losses: tuple[LossTerm, ...]
    metrics: tuple[Metric, ...]
    weight: float
    adversarial_weight: float
    latent: bool
    diversity_weight: float  # 0 for a task without `latent`
    steadiness_weight: float
    frequency: float
    degraded_weight: float
    blocks: int | None
    fine: bool  # whether the head restores, from the trunk's features, or paints, from the branch's
    scale: int = 1  # side of the output divided by side of the source
    additive: bool = True  # whether the output is the source plus what the head says, or the latter alone
    smooth: bool = False  # whether the head's sub-pixels are blurred by 1, 2, 1 before they are added to the source
    ink: bool = False  # whether the head draws ink over its colours
    shares: tuple[str, ...] = ()  # names of all losses, if the weights above are shares of the gradient at the output

    def baseline(self, source: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 sH sW"]:
        """What doing nothing gives: a copy of the source, enlarged bicubically by the task's scale."""
        return upsample(source, self.scale)

    @property
    def has_pairs(self) -> bool:
        """Whether there is one right answer for each photo."""
        return isinstance(self.target, Derived | Paired)

    @property
    def is_photo(self) -> bool:
        """Whether the target is the photo itself."""
        return isinstance(self.target, Derived) and self.target.function is clean_photo

    @property
    def exemplars(self) -> tuple[PictureName, ...]:
        """Pictures whose look the losses are built from."""
        return self.target.pictures if isinstance(self.target, Exemplar) else ()


def made_of_photo(
    tasks: Iterable[Task], outputs: Mapping[str, Float[Tensor, "B 3 H W"]]
) -> dict[str, Float[Tensor, "B 3 H W"]]:
    """For every other derived task, what its function makes of the image of the task that is the photo itself; empty
    where no task is."""
    shown = [task for task in tasks if task.name in outputs]
    photo = next((outputs[task.name] for task in shown if task.is_photo), None)
    return {
        task.name: task.target.function(photo.clamp(-1, 1))
        for task in shown
        if photo is not None and isinstance(task.target, Derived) and not task.is_photo
    }


class TaskEntry(Config, ABC):
    """What every kind of task has in common in a recipe."""

    picture_fields: ClassVar[tuple[str, ...]] = ()
    """The fields that hold pictures, whose paths are relative to the recipe."""

    name: TaskName
    """Name of the output: lower-case letters, digits and dashes. Unique in a recipe."""
    weight: NonNegative = 1.0
    """Weight of this task against the others."""
    adversarial_weight: NonNegative = 0.1
    """Weight of the adversarial loss against the task's own losses."""
    latent: bool = False
    """Whether the output should vary with the latent z."""
    diversity_weight: NonNegative = 1.0
    """Weight of the loss that keeps z alive; used where `latent` is true."""
    steadiness_weight: NonNegative = 0.0
    """Weight of the loss that gives a photo the same look where it has moved a little or has other noise: against
    flicker in videos."""
    shares: Mapping[str, Annotated[float, Field(gt=0)]] | None = None
    """Shares of the gradient at the output, by loss, instead of weights: for example `{style: 0.6, content: 0.25,
    adversarial: 0.15}`. They are kept by the gradients' norms; a loss that is not named is left out."""
    frequency: Annotated[float, Field(gt=0)] = 1.0
    """How often the task is drawn, relative to the others, where `model.tasks_per_step` leaves some out."""
    degraded_weight: NonNegative = 1.0
    """Weight of a source that was degraded, against one that was left clean, in this task's losses."""
    blocks: Annotated[int, Field(ge=0, le=16)] | None = None
    """Residual blocks of the task's head; null for as many as `model.generator.head_blocks` says."""

    @abstractmethod
    def task(self) -> Task:
        """The task that this entry describes. Opens no file."""

    def located(self, locate: Callable[[PictureName], PictureName]) -> Self:
        """The same entry with every picture's path passed through ``locate``."""
        found = {name: tuple(map(locate, getattr(self, name))) for name in self.picture_fields}
        return self.model_copy(update=found)

    def make(self, losses: Sequence[LossTerm], **more: Any) -> Task:
        """A task of the entry's common fields and ``more`` of :class:`Task`'s; losses of weight 0 are left out."""
        beside = {"adversarial": self.adversarial_weight, "steadiness": self.steadiness_weight}
        beside["diversity"] = self.diversity_weight if self.latent else 0.0
        if self.shares is not None:
            known = [*(term.name for term in losses), *beside]
            for name in self.shares:
                if name not in known:
                    raise ValueError(
                        f"task {self.name!r}: shares: has no loss {name!r}{nearest(name, known)} "
                        f"(it has: {', '.join(known)})"
                    )
            losses = [replace(term, weight=self.shares.get(term.name, 0.0)) for term in losses]
            beside = {name: self.shares.get(name, 0.0) for name in beside}
        return Task(
            name=self.name,
            kind=type(self).model_fields["kind"].default,
            losses=tuple(term for term in losses if term.weight > 0),
            weight=self.weight,
            adversarial_weight=beside["adversarial"],
            latent=self.latent,
            diversity_weight=beside["diversity"],
            steadiness_weight=beside["steadiness"],
            shares=tuple(self.shares or ()),
            frequency=self.frequency,
            degraded_weight=self.degraded_weight,
            blocks=self.blocks,
            **more,
        )
