"""Evaluation of a weights file on a folder of photos."""

from __future__ import annotations

from pathlib import Path

import torch

from prismgan import data, images
from prismgan.data import DataConfig, SourceEntry
from prismgan.errors import PrismganError, WeightsError
from prismgan.evaluation.measurement import Evaluation
from prismgan.evaluation.photos import evaluate, judge
from prismgan.evaluation.set_scores import NamedMetrics
from prismgan.losses.context import LossContext
from prismgan.packages import require_training
from prismgan.recipes.recipe import EvaluationConfig, Recipe
from prismgan.recipes.weights import recipe_of, trained_model
from prismgan.tasks import Exemplar, Paired, Task, Unpaired
from prismgan.weights import default_features, find_features, load_weights

__all__ = ["evaluate_weights"]


def evaluate_weights(
    path: Path | None, folder: Path, *, squeezenet: Path | None = None, lpips: Path | None = None
) -> Evaluation:
    """Evaluate generator and discriminator on the photos of a folder, under the recipe's conditions.

    A task whose exemplar or domain pictures cannot be found is measured without its distance to them, and is left out
    of the discriminator's figures. Without the recipe's feature network no distance to exemplars is reported.

    Args:
        path: the weights file; None for the ready-made weights.
        folder: the photos.
        squeezenet: the network that KID and LPIPS need, instead of the one that the recipe names. If the recipe's
            files cannot be found, these metrics are left out.
        lpips: the linear heads of LPIPS.

    Raises:
        WeightsError: the weights, or a file given for a metric, cannot be read.
        PictureError: the folder is missing or holds no picture.
    """
    require_training()
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
    evaluation = evaluate(model, recipe, tasks, rows, losses=losses, named=metrics, shown=shown)
    judged = judge(model, shown, rows, recipe) if weights.part("discriminator") else {}
    return evaluation.model_copy(
        update={"weights": str(weights.path), "step": weights.header.step, "discriminator": judged}
    )


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
