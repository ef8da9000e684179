"""The recipe, one YAML file with everything that a training depends on, and the rows that its steps read."""

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from prismgan.config import Config, Reference
from prismgan.data import Condition, DataConfig, DegradationConfig, Part, Row, TrainingSet
from prismgan.errors import nearest
from prismgan.models import MODELS, ModelConfig, PrismConfig
from prismgan.networks import TaskName
from prismgan.tasks import KINDS, Task, TaskEntry

TrackerName = Literal["tensorboard", "wandb", "trackio", "mlflow"]


# The recipe's unions of kinds follow from KINDS and MODELS: adding a kind adds it here.
if TYPE_CHECKING:
    TaskChoice = TaskEntry
    ModelChoice = ModelConfig
else:
    TaskChoice = Annotated[reduce(or_, KINDS), Field(discriminator="kind")]
    ModelChoice = Annotated[
        reduce(or_, (model.config_type for model in MODELS.values())),
        Field(discriminator="kind"),
        BeforeValidator(lambda value: {"kind": "prism", **value} if isinstance(value, Mapping) else value),
    ]


class OwnRows(Config):
    """Separate rows for some of the tasks, which are then trained in separate steps."""

    share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Share of the steps that train these tasks; the other steps train all other tasks."""
    batch_size: Annotated[int, Field(ge=1, le=1024)] = 1
    """Pictures per process in such a step."""
    crop: Annotated[int, Field(ge=64, le=1024)] = 256
    """Side of their crops in pixels."""
    degradation: DegradationConfig | None = None
    """How their sources are degraded; null leaves them clean."""


class TrainingConfig(Config):
    """The training loop."""

    steps: Annotated[int, Field(ge=1)] = 10_000
    """Number of steps, which is also the length of the learning rate schedule."""
    batch_size: Annotated[int, Field(ge=1, le=1024)] = 8
    """Pictures per process in a step."""
    crop: Annotated[int, Field(ge=32, le=1024)] = 64
    """Side of the source crops in pixels."""
    mirror: bool = True
    """Whether crops may be mirrored; set it to false for writing and anything else where left and right differ."""
    quarter_turns: bool = False
    """Whether crops may also be rotated by 90, 180 and 270 degrees, for tasks whose target is the photo itself. If
    other tasks are trained too, only every second step uses rotated crops, and omits those tasks."""
    reject_flat: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Probability of drawing a nearly featureless crop again, up to three times."""
    painting: OwnRows | None = None
    """Separate rows for tasks without a ground truth (styles, cartoons): fewer and larger crops with hardly any
    degradation. Photos are first reduced by a random whole factor, 1 included, such that a crop still fits: styles are
    applied to whole photos, and a crop of a large photo is mostly flat. With null these tasks use the rows of all
    tasks."""
    enlarging: OwnRows | None = None
    """Separate rows for tasks that enlarge, which need more clean sources than restoration. With null these tasks use
    the rows of all tasks."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Arithmetic of the networks; auto selects bfloat16 if the processor is fast at it."""
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.999
    """Decay of the averaged weights, which are used for rendering; 0 disables averaging."""
    log_every: Annotated[int, Field(ge=1)] = 20
    """Steps between two lines of metrics.jsonl."""
    save_every: Annotated[int, Field(ge=1)] = 500
    """Steps between two checkpoints."""
    sample_every: Annotated[int, Field(ge=0)] = 500
    """Steps between two sheets of samples; 0 for none."""
    cosines_every: Annotated[int, Field(ge=0)] = 0
    """Steps between two measurements of the cosines between the tasks' gradients in the trunk; 0 for none."""
    patience: Annotated[int, Field(ge=1)] = 5
    """Number of consecutive steps that may be skipped because a loss or gradient is not finite; after that, training
    returns to the last checkpoint at half the learning rate."""
    trackers: tuple[TrackerName, ...] = ()
    """Experiment trackers that receive the scalars, sample sheets and recipe in addition to `metrics.jsonl`:
    `tensorboard` (extra `tracking`), `wandb`, `trackio` or `mlflow`."""


class EvaluationConfig(Config):
    """How the test pictures are evaluated."""

    conditions: Annotated[tuple[Condition, ...], Field(min_length=1)] = (
        Condition(name="clean"),
        Condition(name="noise-25", noise=25),
    )
    """Degradations to test under."""
    maximum_side: Annotated[int, Field(ge=32)] = 384
    """Test photos are reduced to at most twice this side."""
    every: Annotated[int, Field(ge=0)] = 0
    """Steps between two evaluations during training; 0 evaluates only at the end."""
    squeezenet: Reference | None = None
    """Path to torchvision's SqueezeNet 1.1 weights, which the metrics LPIPS and KID need; without it neither is
    reported."""
    lpips: Reference | None = None
    """Path to the published linear heads of LPIPS, `squeeze.pth`, which LPIPS needs in addition; without it LPIPS is
    not reported."""

    @model_validator(mode="after")
    def _heads_have_a_network(self) -> Self:
        if self.lpips is not None and self.squeezenet is None:
            raise ValueError("lpips needs the network that its heads belong to: set squeezenet as well")
        return self


class Recipe(Config):
    """One training: source, data, tasks, model, schedule, evaluation."""

    name: Annotated[str, Field(min_length=1, max_length=80)] = "untitled"
    """Title of the run and its report."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Seed of everything random."""
    source: Literal["photo", "noise"] = "photo"
    """The generator's input: a photo, or only noise, for a model of kind `cogan`."""
    data: DataConfig
    """Photos to train and to test on."""
    degradation: DegradationConfig | None = None
    """How a clean photo is degraded to make a source; null leaves sources clean."""
    tasks: Annotated[tuple[TaskChoice, ...], Field(min_length=1)]
    """The outputs, each with a name and a kind."""
    only: Annotated[tuple[TaskName, ...], Field(min_length=1)] | None = None
    """Names of the tasks to train, on pictures cropped as for all tasks; null trains all. A network for some of the
    tasks sees the same pictures as the joint network, or as many if its tasks have only one of several scales."""
    model: ModelChoice = PrismConfig()
    """Networks, adversarial training and optimisation; by default of kind `prism`."""
    training: TrainingConfig = TrainingConfig()
    """The training loop."""
    evaluation: EvaluationConfig = EvaluationConfig()
    """How test pictures are evaluated."""

    @model_validator(mode="after")
    def _names_are_unique_and_known(self) -> Self:
        tasks = [entry.name for entry in self.tasks]
        conditions = [entry.name for entry in self.evaluation.conditions]
        for kind, names in (("task", tasks), ("condition", conditions)):
            for name in names:
                if names.count(name) > 1:
                    raise ValueError(f"{kind} name {name!r} is given {names.count(name)} times; names are keys")
        only = self.only or ()
        for name in only:
            if only.count(name) > 1:
                raise ValueError(f"only: {name!r} is given {only.count(name)} times; give it once")
            if name not in tasks:
                raise ValueError(f"only: no task is named {name!r}{nearest(name, tasks, 'the tasks are')}")
        return self

    @model_validator(mode="after")
    def _the_model_reads_the_source(self) -> Self:
        if self.source != self.model.source:
            kinds = ", ".join(name for name, model in MODELS.items() if model.config_type.source == self.source)
            problem = f"is {self.source}, but a model of kind {self.model.kind} reads {self.model.source}"
            cure = f"set model.kind to one for {self.source} ({kinds}), or source: {self.model.source}"
            raise ValueError(f"source: {problem}; {cure}")
        if self.source == "noise" and self.training.cosines_every:
            raise ValueError("training.cosines_every: compares losses on photos, but the source is noise; set it to 0")
        if self.source == "noise" and self.degradation is not None:
            raise ValueError("degradation: applies to photos, but the source is noise; leave it out")
        return self

    @model_validator(mode="after")
    def _everything_can_learn(self) -> Self:
        for task in self.all_tasks():
            if not task.losses and not task.adversarial_weight:
                raise ValueError(f"task {task.name!r}: the weights of all its losses are 0, so it cannot learn")
            self.model.check([task], self.rows_of(task).crop)
        own = [rows.share for rows in (self.training.painting, self.training.enlarging) if rows is not None]
        if sum(own) >= 1:
            shares = "the shares of painting and enlarging leave no steps for the other tasks"
            raise ValueError(f"training: {shares}; reduce one")
        return self

    def rows_of(self, task: Task) -> OwnRows | TrainingConfig:
        """Settings of the rows that a task is trained on: those of ``training``, or its separate ones."""
        settings = self.training
        if settings.painting is not None and not task.has_pairs:
            return settings.painting
        if settings.enlarging is not None and task.has_pairs and task.scale > 1:
            return settings.enlarging
        return settings

    def all_tasks(self) -> list[Task]:
        """The tasks that are trained."""
        return [entry.task() for entry in self.tasks if self.only is None or entry.name in self.only]

    def other_tasks(self) -> list[Task]:
        """The tasks that are not trained, but still affect how pictures are cropped."""
        return [entry.task() for entry in self.tasks if self.only is not None and entry.name not in self.only]


def training_parts(recipe: Recipe, rows: Sequence[Row], *, seed: int, world: int = 1) -> list[Part]:
    """The training set of each part of the steps, with its batch size and share.

    There is one part, unless tasks without a ground truth, or those that enlarge, have separate rows
    (``training.painting``, ``training.enlarging``)."""
    settings, trained, parts = recipe.training, recipe.all_tasks(), []
    everything = [*trained, *recipe.other_tasks()]
    for own in (settings, settings.enlarging, settings.painting):
        tasks = [task for task in trained if recipe.rows_of(task) is own]
        if own is None or not tasks:
            continue
        painted = own is settings.painting
        # Restoration learns from pictures that are reduced as for enlargement, even if that has separate rows.
        alike = [] if painted else [own, settings.enlarging] if own is settings else [own]
        dataset = TrainingSet(
            [row for row in rows if not (painted and row.drawn)],
            tasks,
            own.crop,
            own.degradation if isinstance(own, OwnRows) else recipe.degradation,
            seed,
            recipe.data.cache_mb,
            settings.mirror,
            alongside=[task for task in everything if task not in tasks and recipe.rows_of(task) in alike],
            batch=1 if painted else world * own.batch_size,
            reduced=painted,
            quarter_turns=settings.quarter_turns and not painted,
            reject_flat=0.0 if painted else settings.reject_flat,
        )
        parts.append(Part(dataset, own.batch_size, own.share if isinstance(own, OwnRows) else 0.0))
    # The rows of ``training`` get the remaining share, if there are any; otherwise the others share all steps.
    shared = sum(part.share for part in parts)
    if parts[0].share == 0:
        return [parts[0]._replace(share=1 - shared), *parts[1:]]
    return [part._replace(share=part.share / shared) for part in parts]
