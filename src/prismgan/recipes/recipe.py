"""The recipe: everything that a training depends on, in one YAML file; and the rows that its steps read."""

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from prismgan.config import Config
from prismgan.data import Condition, DataConfig, DegradationConfig, Part, Row, TrainingSet
from prismgan.errors import nearest
from prismgan.models import MODELS, ModelConfig, PrismConfig
from prismgan.networks import TaskName
from prismgan.tasks import KINDS, Task, TaskEntry

TrackerName = Literal["tensorboard", "wandb", "trackio", "mlflow"]


def _prism_by_default(value: Any) -> Any:
    return {"kind": "prism", **value} if isinstance(value, Mapping) else value


# The recipe's unions of kinds follow from KINDS and MODELS: adding a kind adds it here.
if TYPE_CHECKING:
    TaskChoice = TaskEntry
    ModelChoice = ModelConfig
else:
    TaskChoice = Annotated[reduce(or_, KINDS), Field(discriminator="kind")]
    ModelChoice = Annotated[
        reduce(or_, (model.config_type for model in MODELS.values())),
        Field(discriminator="kind"),
        BeforeValidator(_prism_by_default),
    ]


class OwnRows(Config):
    """Rows of the steps that train some of the tasks, where these have steps of their own."""

    share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Part of the steps that train these tasks; the others train everything else."""
    batch_size: Annotated[int, Field(ge=1, le=1024)] = 1
    """Pictures in such a step, of each process."""
    crop: Annotated[int, Field(ge=64, le=1024)] = 256
    """Side of their crops in pixels."""
    degradation: DegradationConfig | None = None
    """What is done to their sources; null leaves them clean."""


class TrainingConfig(Config):
    """The training loop."""

    steps: Annotated[int, Field(ge=1)] = 10_000
    """Steps to train; the learning rate's schedule spans them."""
    batch_size: Annotated[int, Field(ge=1, le=1024)] = 8
    """Pictures in a step, of each process."""
    crop: Annotated[int, Field(ge=32, le=1024)] = 64
    """Side of the source crops in pixels."""
    mirror: bool = True
    """Whether crops may be mirrored; false for writing, and whatever else has a left and a right."""
    quarter_turns: bool = False
    """Whether crops may also be turned by 90, 180 and 270 degrees, for tasks whose target is the photo itself. Where
    other tasks are trained as well, every other step is turned, and does not train them."""
    reject_flat: Annotated[float, Field(ge=0, le=1)] = 0.0
    """How often a crop with next to nothing in it is drawn anew, up to three times."""
    painting: OwnRows | None = None
    """Rows of their own for looks without a right answer (styles, cartoons): larger crops, fewer of them, hardly
    degraded. They are cut from photos as they are, and reduced by any whole factor that leaves a crop: a style is asked
    of whole photos, and a crop of a large one is mostly plain. Null shows them the rows of all tasks."""
    enlarging: OwnRows | None = None
    """Rows of their own for tasks that enlarge: more clean ones than restoration learns from. Null shows them the rows
    of all tasks."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Arithmetic of the networks; auto takes bfloat16 where the processor is fast at it."""
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.999
    """Decay of the averaged weights, which are what is rendered with; 0 averages nothing."""
    log_every: Annotated[int, Field(ge=1)] = 20
    """Steps between two lines of metrics.jsonl."""
    save_every: Annotated[int, Field(ge=1)] = 500
    """Steps between two checkpoints."""
    sample_every: Annotated[int, Field(ge=0)] = 500
    """Steps between two sheets of samples; 0 for none."""
    cosines_every: Annotated[int, Field(ge=0)] = 0
    """Steps between two measurements of the cosines between the tasks' gradients in the trunk; 0 for none."""
    patience: Annotated[int, Field(ge=1)] = 5
    """Steps in a row that may be skipped for a loss or gradient that is not finite; then training goes back to
    the last checkpoint, at half the rate."""
    trackers: tuple[TrackerName, ...] = ()
    """Experiment trackers that get the scalars, sample sheets and recipe beside `metrics.jsonl`: `tensorboard` (extra
    `tracking`), `wandb`, `trackio` or `mlflow`."""


class EvaluationConfig(Config):
    """What the test pictures are rendered from."""

    conditions: Annotated[tuple[Condition, ...], Field(min_length=1)] = (
        Condition(name="clean"),
        Condition(name="noise-25", noise=25),
    )
    """Degradations to test under."""
    maximum_side: Annotated[int, Field(ge=32)] = 384
    """Test photos are reduced to at most twice this side."""
    every: Annotated[int, Field(ge=0)] = 0
    """Steps between two evaluations while training; 0 evaluates at the end only."""
    squeezenet: str | None = None
    """Weights of the network that the metrics LPIPS and KID see by: a path to torchvision's SqueezeNet 1.1; without it
    neither is reported."""
    lpips: str | None = None
    """Weights of LPIPS on top of that: a path to the published linear heads, `squeeze.pth`; without it LPIPS is not
    reported."""

    @model_validator(mode="after")
    def _heads_have_a_network(self) -> Self:
        if self.lpips is not None and self.squeezenet is None:
            raise ValueError("lpips needs the network that its heads belong to: name squeezenet as well")
        return self


class Recipe(Config):
    """One training: source, data, tasks, model, schedule, evaluation."""

    name: Annotated[str, Field(min_length=1, max_length=80)] = "untitled"
    """Title of the run and its report."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Seed of everything random."""
    source: Literal["photo", "noise"] = "photo"
    """What the generator reads: a photo; or noise alone, for a model of kind `cogan`."""
    data: DataConfig
    """Photos to train and to test on."""
    degradation: DegradationConfig | None = None
    """What is done to a clean photo to make it a source; null leaves sources clean."""
    tasks: Annotated[tuple[TaskChoice, ...], Field(min_length=1)]
    """The outputs, each with a name and a kind."""
    only: Annotated[tuple[TaskName, ...], Field(min_length=1)] | None = None
    """Train only these of the tasks, by name, on pictures that are cut as for all: an expert, which sees what the joint
    network sees, or as many of it where the tasks are of one scale of several. Null trains all."""
    model: ModelChoice = PrismConfig()
    """Networks, game and optimisation; of kind `prism` where none is named."""
    training: TrainingConfig = TrainingConfig()
    """The training loop."""
    evaluation: EvaluationConfig = EvaluationConfig()
    """What is measured on test pictures."""

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
                raise ValueError(f"only: {name!r} is named {only.count(name)} times; name it once")
            if name not in tasks:
                known = ", ".join(tasks)
                raise ValueError(f"only: no task is named {name!r}{nearest(name, tasks)} (there is: {known})")
        return self

    @model_validator(mode="after")
    def _the_model_reads_the_source(self) -> Self:
        if self.source != self.model.source:
            kinds = ", ".join(name for name, model in MODELS.items() if model.config_type.source == self.source)
            raise ValueError(
                f"source: is {self.source}, and a model of kind {self.model.kind} reads {self.model.source}; "
                f"set model.kind to one for {self.source} ({kinds}), or source: {self.model.source}"
            )
        if self.source == "noise" and self.training.cosines_every:
            raise ValueError("training.cosines_every: compares losses on photos, and the source is noise; set it to 0")
        if self.source == "noise" and self.degradation is not None:
            raise ValueError("degradation: is done to photos, and the source is noise; leave it out")
        return self

    @model_validator(mode="after")
    def _everything_can_learn(self) -> Self:
        for task in self.all_tasks():
            if not task.losses and not task.adversarial_weight:
                raise ValueError(f"task {task.name!r}: the weights of all its losses are 0, so it cannot learn")
            self.model.check([task], self.rows_of(task).crop)
        own = [rows.share for rows in (self.training.painting, self.training.enlarging) if rows is not None]
        if sum(own) >= 1:
            raise ValueError(
                "training: the shares of painting and enlarging leave nothing to the other tasks; lower one"
            )
        return self

    def rows_of(self, task: Task) -> OwnRows | TrainingConfig:
        """Size and share of the rows that a task is trained on: those of ``training``, or its own."""
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
        """Those that are not trained, and that pictures are cut for all the same."""
        return [entry.task() for entry in self.tasks if self.only is not None and entry.name not in self.only]


def training_parts(recipe: Recipe, rows: Sequence[Row], *, seed: int, world: int = 1) -> list[Part]:
    """The training set of each part of the steps, with its batch size and share.

    Steps are of one part, unless looks without a right answer, or tasks that enlarge, have rows of their own
    (``training.painting``, ``training.enlarging``).
    """
    settings, trained, parts = recipe.training, recipe.all_tasks(), []
    everything = [*trained, *recipe.other_tasks()]
    for own in (settings, settings.enlarging, settings.painting):
        tasks = [task for task in trained if recipe.rows_of(task) is own]
        if own is None or not tasks:
            continue
        painted = own is settings.painting
        # Restoration learns from pictures that are reduced as for enlargement, though that has rows of its own.
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
    # What the others leave is the share of the rows of ``training``, or they share all steps.
    shared = sum(part.share for part in parts)
    if parts[0].share == 0:
        return [parts[0]._replace(share=1 - shared), *parts[1:]]
    return [part._replace(share=part.share / shared) for part in parts]
