"""Evaluation of a weights file on a folder of photos."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from prismgan import data, images
from prismgan.data import DataConfig, SourceEntry
from prismgan.errors import PrismganError, WeightsError
from prismgan.evaluation.anomaly import anomaly
from prismgan.evaluation.named_metrics import NamedMetrics
from prismgan.evaluation.photos import evaluate, judge
from prismgan.evaluation.trained import trained_model
from prismgan.losses.context import LossContext
from prismgan.recipes.header import recipe_of
from prismgan.recipes.recipe import EvaluationConfig, Recipe
from prismgan.tasks import Exemplar, Paired, Task, Unpaired
from prismgan.weights import default_features, find_features, load_weights

__all__ = ["evaluate_weights"]


def evaluate_weights(
    path: Path | None, folder: Path, *, squeezenet: Path | None = None, lpips: Path | None = None
) -> dict[str, Any]:
    """Metrics of generator and discriminator on the photos of a folder, under the recipe's conditions; of the
    ready-made weights where ``path`` is None.

    ``squeezenet`` and ``lpips`` are the files that KID and LPIPS need, instead of those that the recipe names. Where
    the recipe's are no longer at hand these metrics are left out.

    A task whose exemplar or domain pictures are no longer at hand is measured without its distance to them, and the
    discriminator without that task. Without the recipe's feature network there is no distance to exemplars.

    Raises:
        WeightsError: the weights, or a file given for a metric, cannot be read.
        PictureError: the folder is missing or holds no picture.
    """
    weights = load_weights(path)
    recipe = recipe_of(weights.header, weights.path)
    if recipe.source == "noise":
        raise WeightsError(
            f"{weights.path}: makes pictures of noise and reads none; its figures are in its run's report"
        )
    metrics = _named(recipe) if squeezenet is None else _given(squeezenet, lpips)
    images.find_pictures(folder)
    entry = DataConfig(train=(SourceEntry(folder=str(folder.resolve())),), test_fraction=0)
    rows = data.rows(entry)
    # A folder of photos holds no targets of a user's own.
    tasks = [task for task in recipe.all_tasks() if not isinstance(task.target, Paired)]
    measured = {task.name for task in tasks}
    others = [task for task in [*recipe.all_tasks(), *recipe.other_tasks()] if task.name not in measured]
    shown = [task for task in tasks if _at_hand(task)]
    model = trained_model(weights)
    features = _features(recipe)
    any_features = default_features() if features is None else features  # a guidance is measured with either
    losses = {
        task.name: torch.nn.ModuleDict(
            {
                term.name: term.build(LossContext(data.exemplars(task), any_features))
                for term in task.losses
                if term.reported
            }
        )
        for task in shown
        if features is not None or not task.exemplars
    }
    latent = model.generator.seeded_latent()
    found = evaluate(
        lambda source: model.generate(source, latent),
        tasks,
        rows,
        recipe.evaluation.conditions,
        maximum_side=recipe.evaluation.maximum_side,
        losses=losses,
        named=metrics,
        shown=shown,
        seed=recipe.seed,
        alongside=others,
    )
    found["discriminator"] = judge(model, shown, rows, recipe) if weights.part("discriminator") else {}
    found["anomaly"] = anomaly(
        model,
        rows,
        recipe.evaluation.conditions,
        maximum_side=recipe.evaluation.maximum_side,
        cut_for=[*tasks, *others],
        seed=recipe.seed,
    )
    return {"weights": str(weights.path), "step": weights.header.step, **found}


def _features(recipe: Recipe) -> torch.nn.Module | None:
    """The feature network that the recipe's styles are compared by; None if its file cannot be read."""
    try:
        return find_features(recipe.model.perceptual)
    except WeightsError:
        return None


def _named(recipe: Recipe) -> NamedMetrics:
    """Metrics by the files that the recipe names; none if they cannot be read."""
    try:
        return NamedMetrics.of(recipe.evaluation)
    except WeightsError:
        return NamedMetrics()


def _given(squeezenet: Path, lpips: Path | None) -> NamedMetrics:
    return NamedMetrics.of(EvaluationConfig(squeezenet=str(squeezenet), lpips=None if lpips is None else str(lpips)))


def _at_hand(task: Task) -> bool:
    """Whether the pictures that show the task can be read."""
    try:
        if isinstance(task.target, Exemplar):
            data.exemplars(task)
        elif isinstance(task.target, Unpaired):
            data.pictures.expand(task.target.pictures)
    except PrismganError:
        return False
    return True
