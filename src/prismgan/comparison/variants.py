"""The variants of a comparison: models, and variations of the recipe's fields, all at the same budget."""

import itertools
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeVar

import yaml

from prismgan.errors import PrismganError, RecipeError, nearest
from prismgan.models import MODELS as KINDS
from prismgan.models import ModelConfig, PrismConfig, head_specs
from prismgan.models.adversary import OpponentConfig
from prismgan.networks import KINDS as NETWORKS
from prismgan.networks import Discriminator
from prismgan.recipes.recipe import Recipe
from prismgan.recipes.text import load, read_yaml
from prismgan.tasks import Task

JOINT: str = PrismConfig.model_fields["kind"].default  # the recipe as it is
EXPERTS = "experts"  # one training per task on the same pictures, with only that task trained
RIVALS = [kind for kind, model in KINDS.items() if kind != JOINT and model.config_type.source == PrismConfig.source]
MODELS = (JOINT, EXPERTS, *RIVALS)  # all models that can be compared; rivals get as many parameters as ours

TOLERANCE = 0.05  # relative difference allowed between two models' sizes
WIDEST = 16.0  # largest factor by which widths are scaled
MEASUREMENTS = 20  # number of gradient comparisons per training, unless the recipe sets their interval

AnyConfig = TypeVar("AnyConfig", bound=ModelConfig)


class Axis(NamedTuple):
    """A field of the recipe and its values, one variant each."""

    path: str
    values: list[Any]

    @classmethod
    def parse(cls, text: str) -> Self:
        path, equals, listed = (part.strip() for part in text.partition("="))
        try:
            values = read_yaml(f"[{listed}]")
        except yaml.YAMLError:
            raise RecipeError(f"--vary {text}: the values are not valid YAML") from None
        if not path or not equals or not values:
            raise RecipeError(f"--vary {text}: expected path=value,value, for example model.balancer=normalised,fixed")
        for value in values:
            if values.count(value) > 1:
                raise RecipeError(f"--vary {text}: {value!r} is given twice; give it once")
        return cls(path, values)


@dataclass(frozen=True)
class Variant:
    """One or several networks that are trained once per seed."""

    name: str
    model: str  # one of `MODELS`
    variation: str  # the changes to the recipe; empty if there are none
    recipes: Mapping[str, Recipe]  # one training each: by task for experts, otherwise one with an empty key

    @property
    def folder(self) -> str:
        return re.sub(r"[^a-z0-9.]+", "-", self.name.lower()).strip("-.")


def find_variants(
    path: Path, settings: Sequence[str], models: Sequence[str], axes: Sequence[Axis] = ()
) -> list[Variant]:
    """Every model with every combination of the axes' values; the others are compared with the first."""
    for model in models:
        if model not in MODELS:
            raise RecipeError(f"--models {model}: unknown model{nearest(model, MODELS, 'known')}")
        if models.count(model) > 1:
            raise RecipeError(f"--models: {model!r} is given twice; give it once")
    if not models:
        raise RecipeError(f"--models: names no model (known: {', '.join(MODELS)})")
    variants = []
    fields = _short([axis.path for axis in axes])
    for values in itertools.product(*(axis.values for axis in axes)):
        changes = [f"{axis.path}={json.dumps(value)}" for axis, value in zip(axes, values, strict=True)]
        shown = [value if isinstance(value, str) else json.dumps(value) for value in values]
        variation = " ".join(f"{field}={value}" for field, value in zip(fields, shown, strict=True))
        recipe = load(path, [*settings, *changes])
        if recipe.model.kind != JOINT:
            found_kind = f"model.kind is {recipe.model.kind!r}, but a comparison starts from {JOINT!r}"
            raise RecipeError(f"{path}: {found_kind}; leave model.kind out, and select models with --models")
        variants += [Variant(f"{each} {variation}".strip(), each, variation, _recipes(each, recipe)) for each in models]
    folders = [variant.folder for variant in variants]
    for folder in folders:
        if folders.count(folder) > 1:
            raise RecipeError(f"--vary: two variations would have the folder {folder!r}; use fewer values")
    return variants


def _short(paths: Sequence[str]) -> list[str]:
    """The shortest endings of the paths that distinguish them: ``balancer`` of ``model.balancer``."""
    parts = [path.split(".") for path in paths]
    for depth in range(1, max(map(len, parts), default=0) + 1):
        short = [".".join(path[-depth:]) for path in parts]
        if len(set(short)) == len(short):
            return short
    return list(paths)


def _recipes(model: str, recipe: Recipe) -> dict[str, Recipe]:
    if not recipe.training.cosines_every:
        every = max(1, recipe.training.steps // MEASUREMENTS)
        recipe = recipe.model_copy(update={"training": recipe.training.model_copy(update={"cosines_every": every})})
    if model == EXPERTS:
        return {task.name: recipe.model_copy(update={"only": (task.name,)}) for task in recipe.all_tasks()}
    if model == JOINT:
        return {"": recipe}
    return {"": recipe.model_copy(update={"model": _rival(model, recipe)})}


def _rival(kind: str, recipe: Recipe) -> ModelConfig:
    """Another kind of model, as large as ours and trained equally: with the recipe's rate, schedule, balancer and so
    on, and a discriminator of the same size. Fields that only it has keep their defaults."""
    ours, tasks = recipe.model, recipe.all_tasks()
    shared = {name: getattr(ours, name) for name in ModelConfig.model_fields if name not in ("kind", "generator")}
    config = KINDS[kind].config_type(**shared)
    if ours.opponent is not None:
        size = {"discriminator": ours.opponent.discriminator}
        opponents = {name: value.model_copy(update=size) for name, value in config if isinstance(value, OpponentConfig)}
        config = config.model_copy(update=opponents)
    return at_equal_parameters(config, tasks, rendering(ours, tasks))


def rendering(config: ModelConfig, tasks: Sequence[Task]) -> int:
    """Number of weights needed to render these tasks, including a VAE's prior."""
    return sum(NETWORKS[config.kind].generator(config.generator, head_specs(tasks)).parameter_counts().values())


def beside(config: ModelConfig, tasks: Sequence[Task]) -> dict[str, int]:
    """Number of weights of every network that is trained beside the generator."""
    networks = dict(NETWORKS[config.kind].helpers(config.generator, head_specs(tasks)))
    if config.opponent is not None:
        networks["discriminator"] = Discriminator(config.opponent.discriminator, [task.name for task in tasks])
    return {name: sum(p.numel() for p in network.parameters()) for name, network in networks.items()}


def at_equal_parameters(config: AnyConfig, tasks: Sequence[Task], parameters: int) -> AnyConfig:
    """The configuration with its generator's widths scaled until :func:`rendering` equals ``parameters`` within
    :data:`TOLERANCE`; RecipeError if no width achieves that."""
    low, high = 1.0 / WIDEST, WIDEST
    tried: dict[int, AnyConfig] = {}
    for _ in range(24):  # bisection to far less than a step of the widths
        middle = (low * high) ** 0.5
        widths = tuple(max(1, min(1024, round(middle * width))) for width in config.generator.widths)
        generator = config.generator.model_copy(update={"widths": widths})
        candidate = config.model_copy(update={"generator": generator})
        count = rendering(candidate, tasks)
        tried[count] = candidate
        if count == parameters:
            break
        low, high = (middle, high) if count < parameters else (low, middle)
    closest = min(tried, key=lambda count: abs(count - parameters))
    if abs(closest - parameters) > TOLERANCE * parameters:
        problem = f"no width gives it {parameters:,} parameters within {TOLERANCE:.0%}; the nearest has {closest:,}"
        raise RecipeError(f"model of kind {config.kind}: {problem}. Change model.generator.widths or blocks")
    return tried[closest]


@dataclass(frozen=True)
class Budget:
    """The budget of a variant for one seed."""

    steps: int  # of every training: an expert sees its task as often as the joint network does
    batch_size: int
    crop: int
    parameters: Mapping[str, int]  # parameters needed for rendering, by part
    beside: Mapping[str, int]  # parameters used only in training, by network

    @property
    def total(self) -> int:
        """Parameters needed to render every task."""
        return sum(self.parameters.values())

    def __str__(self) -> str:
        networks = f" in {len(self.parameters)} networks" if len(self.parameters) > 1 else ""
        helpers = sum(self.beside.values())
        steps = f"{self.steps} steps of {self.batch_size} crops of {self.crop} pixels"
        return f"{self.total:,} parameters{networks}, and {helpers:,} only for training; {steps}"


def budget_of(variant: Variant) -> Budget:
    training = next(iter(variant.recipes.values())).training
    parameters = {part: rendering(recipe.model, recipe.all_tasks()) for part, recipe in variant.recipes.items()}
    helpers: Counter[str] = Counter()
    for recipe in variant.recipes.values():
        helpers.update(beside(recipe.model, recipe.all_tasks()))
    return Budget(training.steps, training.batch_size, training.crop, parameters, dict(helpers))


def check_equal_budgets(variants: Sequence[Variant], budgets: Mapping[str, Budget]) -> None:
    """Raise unless all models of one variation have the same steps and pictures, and equal parameter counts within
    :data:`TOLERANCE`. Experts are exempt, because each of them has the trunk of the joint network and its own head."""
    problems = []
    first: dict[str, Variant] = {}
    for variant in variants:
        if variant.model == EXPERTS:
            continue
        reference = first.setdefault(variant.variation, variant)
        mine, other = budgets[variant.name], budgets[reference.name]
        if (mine.steps, mine.batch_size, mine.crop) != (other.steps, other.batch_size, other.crop):
            own = f"trains {mine.steps} steps of {mine.batch_size} crops of {mine.crop} pixels"
            others = f"{reference.name} {other.steps} of {other.batch_size} of {other.crop}"
            problems.append(f"{variant.name}: {own}, {others}; give both the same")
        ratio = mine.total / other.total
        if abs(ratio - 1) > TOLERANCE:
            times = f"{ratio:.2f} times those of {reference.name} ({other.total:,})"
            limit = f"they may differ by at most {TOLERANCE:.0%}"
            problems.append(f"{variant.name}: has {mine.total:,} parameters, {times}, but {limit}; change its width")
    if problems:
        raise PrismganError(*problems)
