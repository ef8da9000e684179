"""The recipe: everything that a training depends on, in one YAML file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial, reduce
from operator import or_
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import yaml
from pydantic import BeforeValidator, Field, ValidationError, model_validator

from prismgan import data, recipes
from prismgan.config import Config
from prismgan.data import Condition, DataConfig, DegradationConfig, pictures
from prismgan.errors import RecipeError, nearest
from prismgan.models import MODELS, ModelConfig, PrismConfig
from prismgan.networks import TaskName
from prismgan.recipes.text import StrictLoader, override
from prismgan.tasks import KINDS, Task, TaskEntry

__all__ = [
    "EvaluationConfig",
    "Recipe",
    "TrackerName",
    "TrainingConfig",
    "differences",
    "load",
    "parse",
    "schema",
    "to_yaml",
]


TrackerName = Literal["tensorboard", "wandb", "trackio", "mlflow"]


def _prism_by_default(value: Any) -> Any:
    """A model of no kind is ours."""
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
    reduced: bool = False
    """Cut crops from photos as they are, and reduced by any whole factor that leaves a crop. Not with tasks that
    enlarge: leave those out by `only`. Where tasks enlarge by several scales, looks too see every photo reduced, and
    nothing plain."""
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
    def _names_are_unique(self) -> Self:
        for kind, named in (("task", self.tasks), ("condition", self.evaluation.conditions)):
            names = [entry.name for entry in named]
            for name in names:
                if names.count(name) > 1:
                    raise ValueError(f"{kind} name {name!r} is given {names.count(name)} times; names are keys")
        return self

    @model_validator(mode="after")
    def _only_known_tasks(self) -> Self:
        names = [entry.name for entry in self.tasks]
        for name in self.only or ():
            if self.only is not None and self.only.count(name) > 1:
                raise ValueError(f"only: {name!r} is named {self.only.count(name)} times; name it once")
            if name not in names:
                raise ValueError(
                    f"only: no task is named {name!r}{nearest(name, names)} (there is: {', '.join(names)})"
                )
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
        self.model.check(self.all_tasks(), self.training.crop)
        return self

    @model_validator(mode="after")
    def _nothing_enlarges_reduced_photos(self) -> Self:
        for task in self.all_tasks():
            if self.training.reduced and task.scale > 1:
                raise ValueError(
                    f"training.reduced: is for looks, and task {task.name!r} enlarges; name the looks in 'only'"
                )
        return self

    def all_tasks(self) -> list[Task]:
        """The tasks that are trained."""
        return [entry.task() for entry in self.tasks if self.only is None or entry.name in self.only]

    def other_tasks(self) -> list[Task]:
        """Those that are not trained, and that pictures are cut for all the same."""
        return [entry.task() for entry in self.tasks if self.only is not None and entry.name not in self.only]


def load(path: Path, overrides: Iterable[str] = ()) -> Recipe:
    """Read a recipe; relative paths in it are relative to the recipe.

    Args:
        path: the YAML file; or ``recipe:NAME`` for one that comes with prismgan, whose paths are relative to the
            present folder.
        overrides: ``path=value`` settings, as in ``training.steps=100`` or ``tasks.restore.weight=2``.

    Raises:
        RecipeError: the file is missing, is not YAML, or does not describe a training.
    """
    if str(path).startswith(recipes.PREFIX):
        return parse(recipes.read_built_in(str(path)), origin=str(path), base=Path.cwd(), overrides=overrides)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        name = path.stem
        hint = f"; did you mean {recipes.PREFIX}{name}?" if name in recipes.built_in() else ""
        raise RecipeError(f"{path}: no such recipe{hint}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: cannot be read as a recipe ({error})") from None
    return parse(text, origin=str(path), base=path.parent.resolve(), overrides=overrides)


def parse(text: str, *, origin: str, base: Path, overrides: Iterable[str] = ()) -> Recipe:
    """A recipe from YAML text; ``origin`` names it in errors, and relative paths are relative to ``base``."""
    try:
        raw = yaml.load(text, Loader=StrictLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{origin}:{mark.line + 1}" if mark else origin
        raise RecipeError(f"{where}: is not valid YAML ({getattr(error, 'problem', error)})") from None
    except ValueError as error:  # what looks like a date and is none
        raise RecipeError(f"{origin}: is not valid YAML ({error})") from None
    if not isinstance(raw, dict):
        raise RecipeError(f"{origin}: expected a mapping with the keys {', '.join(Recipe.model_fields)}")
    places = [(override(raw, setting), setting) for setting in overrides]
    try:
        recipe = Recipe.model_validate(raw)
    except ValidationError as error:
        raise RecipeError(*(f"{_blamed(line, origin, places)}: {line}" for line in _explain(error))) from None
    locate = partial(pictures.resolve, base=base)
    perceptual = recipe.model.perceptual and locate(recipe.model.perceptual)
    measured_by = {name: getattr(recipe.evaluation, name) for name in ("squeezenet", "lpips")}
    return recipe.model_copy(
        update={
            "model": recipe.model.model_copy(update={"perceptual": perceptual}),
            "data": data.resolve(recipe.data, base),
            "tasks": tuple(entry.located(locate) for entry in recipe.tasks),
            "evaluation": recipe.evaluation.model_copy(
                update={name: locate(path) for name, path in measured_by.items() if path is not None}
            ),
        }
    )


def to_yaml(recipe: Recipe) -> str:
    """The whole recipe, defaults included: what reproduces a run."""
    return yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def schema() -> dict[str, Any]:
    """A JSON schema of recipes, for editors."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Recipe.model_json_schema()}


def differences(old: Mapping[str, Any], new: Mapping[str, Any], path: str = "") -> list[str]:
    """Paths at which two dumped recipes differ, with both values."""
    found = []
    for key in {**old, **new}:
        before, after = old.get(key), new.get(key)
        here = f"{path}.{key}" if path else key
        old_names, new_names = _names(before), _names(after)
        if old_names and new_names:
            if old_names != new_names:
                found.append(f"{here} ({', '.join(old_names)} -> {', '.join(new_names)})")
                continue
            before, after = (
                dict(zip(old_names, before or (), strict=True)),
                dict(zip(new_names, after or (), strict=True)),
            )
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            found += differences(before, after, here)
        elif before != after:
            found.append(f"{here} ({before!r} -> {after!r})")
    return found


def _names(entries: Any) -> list[str]:
    """Names of a list of tasks or conditions; empty for anything else."""
    named = isinstance(entries, list) and all(isinstance(entry, dict) and "name" in entry for entry in entries)
    return [str(entry["name"]) for entry in entries] if named else []


def _blamed(line: str, origin: str, places: Sequence[tuple[str, str]]) -> str:
    """Where a fault comes from: the recipe, or what was set beside it, the last setting of a place first."""
    line = line.removeprefix("recipe: ")
    for path, setting in reversed(places):
        parent, _, key = path.rpartition(".")
        unknown = f"unknown key {key!r}"
        if line.startswith((f"{path}:", f"{path}.", f"{parent}: {unknown}" if parent else unknown)):
            return f"{origin}, with {setting}"
    return origin


def _explain(error: ValidationError) -> list[str]:
    """One line for every fault: where, what, and what is allowed."""
    lines = []
    faults = error.errors(include_url=False)
    for fault in faults:
        # A list whose entries are all faulty counts as too short on top of it.
        if fault["type"] == "too_short" and any(
            other["loc"][: len(fault["loc"])] == fault["loc"] != other["loc"] for other in faults
        ):
            continue
        # Pydantic puts the kind of a task or model into the path; the user did not.
        of_model = fault["loc"][:1] == ("model",)
        kinds = set(MODELS) if of_model else {str(kind.model_fields["kind"].default) for kind in KINDS}
        place = 1 if of_model else 2
        parts = [str(part) for index, part in enumerate(fault["loc"]) if not (index == place and part in kinds)]
        where = ".".join(parts) or "recipe"
        given = fault.get("input")
        context = fault.get("ctx", {})
        if fault["type"] == "union_tag_invalid":
            given = str(context["tag"])
            hint = nearest(given, kinds)
            lines.append(f"{where}.kind: unknown kind {given!r}{hint} (known: {', '.join(sorted(kinds))})")
        elif fault["type"] == "union_tag_not_found":
            lines.append(f"{where}.kind: is missing (one of {', '.join(sorted(kinds))})")
        elif fault["type"] == "literal_error":
            allowed = str(context["expected"]).replace("'", "")
            hint = nearest(str(given), allowed.replace(" or ", ", ").split(", "))
            lines.append(f"{where}: {given!r} is not allowed{hint} (one of: {allowed})")
        elif fault["type"] == "missing":
            lines.append(f"{where}: is missing")
        elif fault["type"] == "value_error":
            lines.append(f"{where}: {fault['msg'].removeprefix('Value error, ')}")
        else:
            shown = "" if isinstance(given, dict | list) else f", found {given!r}"
            lines.append(f"{where}: {fault['msg'][0].lower()}{fault['msg'][1:]}{shown}")
    return lines
