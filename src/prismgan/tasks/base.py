"""A task is a value: it defines the target of one named output of the generator, and how the output is judged. A *kind*
is a recipe entry (:class:`TaskEntry`) that creates a :class:`Task`; all other code iterates over tasks of any kind."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from prismgan.config import Config, Reference
from prismgan.errors import nearest
from prismgan.images import upsample
from prismgan.losses import Exemplars, Loss
from prismgan.metrics import CONTENT_METRICS, PAIR_METRICS, Metric
from prismgan.networks import TaskName

PictureName = Reference  # a picture's path, or `builtin:NAME` for a built-in picture

NonNegative = Annotated[float, Field(ge=0)]


@dataclass(frozen=True)
class Derived:
    """The target is computed from the clean photo."""

    function: Callable[[Float[Tensor, "B 3 H W"]], Float[Tensor, "B 3 H W"]]
    """Computes the target from the clean photo at the output's resolution, both in [-1, 1]."""


def clean_photo(photo: Tensor) -> Tensor:
    """The function of tasks whose target is the photo itself."""
    return photo


@dataclass(frozen=True)
class Paired:
    """The target is a separate picture for every photo, named in a column of the manifest."""

    column: str


@dataclass(frozen=True)
class Exemplar:
    """The target is a style, defined by one or several pictures."""

    pictures: tuple[PictureName, ...]
    size: int  # longest side in pixels to which the pictures are resized; it sets the size of the brush


@dataclass(frozen=True)
class Unpaired:
    """The target is a domain, defined by pictures that correspond to no photo."""

    pictures: tuple[PictureName, ...]  # folders, pictures, or built-in collections


Target = Derived | Paired | Exemplar | Unpaired


@dataclass(frozen=True)
class LossTerm:
    """One weighted loss of a task."""

    name: str
    weight: float
    loss: Callable[..., Loss]  # class of the loss
    settings: Mapping[str, Any] = field(default_factory=dict)  # further arguments of the class
    needs_pair: bool = False  # whether the loss reads `task_batch.target`
    reported: bool = False  # whether evaluation reports it for tasks without pairs

    def build(self, features: nn.Module, exemplars: Exemplars) -> Loss:
        return self.loss(features, exemplars, **self.settings)


@dataclass(frozen=True)
class Task:
    """One named output of the generator. :class:`TaskEntry` documents the fields that recipes share."""

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
    fine: bool  # whether the head reads the trunk's features (restoration) or the branch's (painting)
    scale: int = 1  # side of the output divided by side of the source
    additive: bool = True  # whether the head's output is added to the source
    smooth: bool = False  # whether a fine head doubles its maps step by step and blurs its residual
    ink: bool = False  # whether the head multiplies its colours by ink
    shares: tuple[str, ...] = ()  # names of all losses, if the weights above are shares of the gradient at the output

    def baseline(self, source: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 sH sW"]:
        """The result of doing nothing: the source, enlarged bicubically by the task's scale."""
        return upsample(source, self.scale)

    @property
    def has_pairs(self) -> bool:
        """Whether each photo has one correct output."""
        return isinstance(self.target, Derived | Paired)

    @property
    def is_photo(self) -> bool:
        """Whether the target is the photo itself."""
        return isinstance(self.target, Derived) and self.target.function is clean_photo

    @property
    def exemplars(self) -> tuple[PictureName, ...]:
        """Pictures that define the style for the losses."""
        return self.target.pictures if isinstance(self.target, Exemplar) else ()


Images = Mapping[str, Float[Tensor, "B 3 H W"]]  # by task


def made_of_photo(tasks: Iterable[Task], outputs: Images) -> Images:
    """For every derived task but the photo, its function applied to the image of the task whose target is the photo
    itself. Empty if there is no such task among the outputs."""
    shown = [task for task in tasks if task.name in outputs]
    photo = next((outputs[task.name] for task in shown if task.is_photo), None)
    return {
        task.name: task.target.function(photo.clamp(-1, 1))
        for task in shown
        if photo is not None and isinstance(task.target, Derived) and not task.is_photo
    }


class TaskEntry(Config, ABC):
    """The fields that all kinds of task share in a recipe."""

    name: TaskName
    """Name of the output: lower-case letters, digits and dashes. Unique in a recipe."""
    weight: NonNegative = 1.0
    """Weight of this task relative to the others."""
    adversarial_weight: NonNegative = 0.1
    """Weight of the adversarial loss relative to the task's own losses."""
    latent: bool = False
    """Whether the output should vary with the latent z."""
    diversity_weight: NonNegative = 1.0
    """Weight of the loss that makes outputs differ between latents; used if `latent` is true."""
    steadiness_weight: NonNegative = 0.0
    """Weight of the temporal consistency loss, which reduces flicker in videos: a photo that is slightly shifted or has
    different noise should give the same output."""
    shares: Mapping[str, Annotated[float, Field(gt=0)]] | None = None
    """Shares of the gradient at the output, by loss, instead of weights: for example `{style: 0.6, content: 0.25,
    adversarial: 0.15}`. Running means of the gradients' norms maintain them; losses that are not named are omitted."""
    frequency: Annotated[float, Field(gt=0)] = 1.0
    """How often the task is drawn relative to the others, if `model.tasks_per_step` is smaller than their number."""
    degraded_weight: NonNegative = 1.0
    """Weight of degraded sources relative to clean ones in this task's losses."""
    blocks: Annotated[int, Field(ge=0, le=16)] | None = None
    """Residual blocks of the task's head; null for `model.generator.head_blocks`."""

    @abstractmethod
    def task(self) -> Task:
        """The task that this entry describes; no file is opened."""

    def make(self, target: Target, losses: Sequence[LossTerm], **more: Any) -> Task:
        """A task with the entry's common fields and ``more`` fields of :class:`Task`; by default with a fine head and
        metrics that fit the target. Losses of weight 0 are omitted. ValueError if a loss in ``shares`` is unknown."""
        others: dict[str, Any] = {"adversarial": self.adversarial_weight, "steadiness": self.steadiness_weight}
        others["diversity"] = self.diversity_weight if self.latent else 0.0
        if self.shares is not None:
            known = [*(term.name for term in losses), *others]
            for name in self.shares:
                if name not in known:
                    hint = nearest(name, known, "known")
                    raise ValueError(f"task {self.name!r}: shares: there is no loss {name!r}{hint}")
            losses = [replace(term, weight=self.shares.get(term.name, 0.0)) for term in losses]
            others = {name: self.shares.get(name, 0.0) for name in others}
        metrics = PAIR_METRICS if isinstance(target, Derived | Paired) else CONTENT_METRICS
        return Task(
            kind=type(self).model_fields["kind"].default,
            target=target,
            losses=tuple(term for term in losses if term.weight > 0),
            shares=tuple(self.shares or ()),
            **self.model_dump(include={"name", "weight", "latent", "frequency", "degraded_weight", "blocks"}),
            **{f"{name}_weight": weight for name, weight in others.items()},
            **{"metrics": metrics, "fine": True, **more},
        )
