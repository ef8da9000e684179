"""Evaluation on photos: every task on every test picture under every condition, compared with doing nothing."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn

from prismgan import data, images
from prismgan.batch import Batch
from prismgan.data import DataConfig, Row, SourceEntry, TestSet, collate, largest_scale, shown_pictures
from prismgan.errors import PrismganError, WeightsError
from prismgan.evaluation.measurement import Against, Evaluation, Figure, Measurement, averaged, mean
from prismgan.evaluation.set_scores import NamedMetrics, SetScores
from prismgan.models import Model
from prismgan.packages import require_training
from prismgan.recipes.recipe import EvaluationConfig, Recipe, training_parts
from prismgan.recipes.weights import recipe_of, trained_model
from prismgan.render.sheet import sheet
from prismgan.tasks import Paired, Task
from prismgan.weights import default_features, find_features, load_weights

NO_METRICS = NamedMetrics()
JUDGED = 32  # number of crops for the discriminator
SHEET_PICTURES = 2
SHEET_SIDE = 192  # longest side of a source on a sample sheet, in pixels, if its photo is large enough


@dataclass(frozen=True)
class PhotoEvaluation:
    """The sample sheets and metrics of a training on photos; the caller applies the averaged weights."""

    recipe: Recipe
    model: Model
    tasks: Sequence[Task]
    test: Sequence[Row]
    named: NamedMetrics
    losses: Mapping[str, nn.ModuleDict]  # by task and term; those to exemplars or guidance are reported too
    shown: Sequence[Task]  # the tasks whose exemplars or domain can be read

    def sheet(self) -> Image.Image | None:
        """Samples of every task; None if no test picture can be read."""
        condition, others = self.recipe.evaluation.conditions[-1], self.recipe.other_tasks()
        maximum_side = SHEET_SIDE * largest_scale([*self.tasks, *others]) // 2
        test = TestSet(self.test[:SHEET_PICTURES], self.tasks, condition, maximum_side, alongside=others)
        latent = self.model.generator.seeded_latent().to(self.model.device)  # the latent that users will see
        pictures = {}
        for number, batch in enumerate(test, start=1):
            pictures[f"source {number} ({condition.name})"] = images.to_pil(batch.source[0])
            for name, output in self.model.generate(batch.source.to(self.model.device), latent).items():
                pictures[f"{name} {number}"] = images.to_pil(output[0])
        return sheet(pictures, columns=len(self.tasks) + 1, tile_width=200) if pictures else None

    @torch.no_grad()
    def measure(self, progress: Callable[[int, int], None] | None = None) -> Evaluation:
        """All tasks' metrics over the test pictures, for the outputs and for the task's baseline.

        Tasks with pairs are compared with their targets, and tasks without pairs with the photo, which measures how
        much of it is preserved. ``progress`` receives the numbers of finished and all pictures."""
        recipe, model, tasks, rows, named = self.recipe, self.model, self.tasks, self.test, self.named
        conditions, side = recipe.evaluation.conditions, recipe.evaluation.maximum_side
        latent = model.generator.seeded_latent().to(model.device)
        names = {task.name for task in tasks}
        others = [task for task in (*recipe.all_tasks(), *recipe.other_tasks()) if task.name not in names]
        unpaired = [task for task in self.shown if not task.has_pairs]
        sets = SetScores(named.sets, unpaired, maximum_side=side, seed=recipe.seed, device=model.device)
        measurements: list[Measurement] = []
        skipped: dict[str, str] = {}
        pictures = 0
        for number, condition in enumerate(conditions):
            test = TestSet(rows, tasks, condition, side, recipe.seed, alongside=others)
            own: list[Measurement] = []
            for count, each in enumerate(test, start=1):
                pictures = max(pictures, count)
                batch = each.to(model.device)
                outputs = model.generate(batch.source, latent)
                for task in tasks:
                    output, baseline = outputs[task.name], task.baseline(batch.source)
                    compared = _compared(task, batch)
                    if compared is None:
                        continue
                    expected, against = compared
                    sets.add(condition.name, task, output, baseline, expected if task.has_pairs else None)
                    for metric in (*task.metrics, *named.pictures):
                        scores = metric(output, expected), metric(baseline, expected)
                        own.append(Measurement.of(task, metric, *scores, against, condition=condition.name))
                    own += _distances(task, condition.name, batch, output, baseline, self.losses.get(task.name))
                if progress is not None:
                    progress(number * len(rows) + count, len(conditions) * len(rows))
            means = averaged(own)
            for task in tasks:
                measurements += [m for m in means if m.task == task.name]
                measurements += sets.measurements(condition.name, task)
            skipped |= test.skipped
        unread, anomaly = sorted((skipped | sets.skipped).values()), _anomaly(model, recipe, rows, [*tasks, *others])
        return Evaluation(pictures=pictures, rows=tuple(measurements), skipped=tuple(unread), anomaly=tuple(anomaly))


def _compared(task: Task, batch: Batch) -> tuple[Tensor, Against] | None:
    """The picture that a task's output is compared with, and its name; None if the row lacks it."""
    if not task.has_pairs:
        return batch.reference, "photo"
    if task.name in batch.present and not bool(batch.present[task.name].all()):
        return None
    return batch.targets[task.name], "target"


def _distances(
    task: Task, condition: str, batch: Batch, output: Tensor, baseline: Tensor, built: nn.ModuleDict | None
) -> Iterator[Measurement]:
    if built is None:
        return
    view = batch.of(task.name)
    against: Against = "exemplar" if task.exemplars else "guidance"
    for term in task.losses:
        if term.reported:
            figure = Figure(f"{term.name}_distance", better="lower")
            scores = built[term.name](output, view), built[term.name](baseline, view)
            yield Measurement.of(task, figure, *scores, against, condition=condition)


def _anomaly(model: Model, recipe: Recipe, rows: Sequence[Row], cut_for: Sequence[Task]) -> list[dict[str, Any]]:
    """Every picture's ``score`` under every condition, also ``scaled`` to [0, 1]; empty for models without scores."""
    scores: list[dict[str, Any]] = []
    for condition in recipe.evaluation.conditions:
        test = TestSet(rows, (), condition, recipe.evaluation.maximum_side, recipe.seed, alongside=cut_for)
        for row, batch in test.pairs():
            score = model.anomaly_score(batch.source.to(model.device))
            if score is None:
                return []
            scores.append({"picture": row.picture, "condition": condition.name, "score": float(score)})
    scaled = min_max(torch.tensor([entry["score"] for entry in scores])).tolist()
    return [{**entry, "scaled": value} for entry, value in zip(scores, scaled, strict=True)]


def min_max(scores: Float[Tensor, " N"]) -> Float[Tensor, " N"]:
    """Scores of a set, scaled to [0, 1] (GANomaly's eq. 6); 0 if all are equal."""
    if not len(scores):
        return scores
    low, high = scores.aminmax()
    return (scores - low) / torch.where(high > low, high - low, 1.0)


def judge(model: Model, tasks: Sequence[Task], rows: Sequence[Row], recipe: Recipe) -> dict[str, float]:
    """The discriminator's loss and accuracies on crops of test pictures, degraded as in training; empty without one."""
    if model.discriminator is None:
        return {}
    values: dict[str, list[float]] = defaultdict(list)
    recipe = recipe.model_copy(update={"only": tuple(task.name for task in tasks)})
    for part in training_parts(recipe, rows, seed=recipe.seed + 1):
        size, names = min(8, part.batch_size), [task.name for task in part.dataset.tasks]
        for first in range(0, JUDGED, size):
            crops = [part.dataset.sample(position) for position in range(first, first + size)]
            batch = collate(crops).to(model.device)
            for name, some in model.judge(batch, model.generate(batch.source, tasks=names)).items():
                values[name] += some.float().cpu().tolist()
    return {name: value for name, some in values.items() if (value := mean(some)) is not None}


def evaluate_weights(
    path: Path | None, folder: Path, *, squeezenet: Path | None = None, lpips: Path | None = None
) -> Evaluation:
    """Evaluate generator and discriminator on the photos of a folder, under the recipe's conditions. ``path`` is None
    for the ready-made weights; ``squeezenet`` and ``lpips`` override the recipe's files. Metrics whose pictures or
    networks are missing are left out. PrismganError if weights, folder, or a file given for a metric are unreadable."""
    require_training()
    weights = load_weights(path)
    recipe = recipe_of(weights.header, weights.path)
    if recipe.source == "noise":
        fault = "generates pictures from noise and reads none"
        raise WeightsError(f"{weights.path}: {fault}; its metrics are in its run's report")
    metrics, features = NO_METRICS, None
    if squeezenet is not None:
        metrics = NamedMetrics.of(EvaluationConfig(squeezenet=str(squeezenet), lpips=lpips and str(lpips)))
    else:
        with suppress(WeightsError):
            metrics = NamedMetrics.of(recipe.evaluation)
    with suppress(WeightsError):
        features = find_features(recipe.model.perceptual)
    images.find_pictures(folder)
    rows = data.rows(DataConfig(train=(SourceEntry(folder=str(folder.resolve())),), test_fraction=0))
    # A folder of photos contains no targets for paired tasks.
    tasks = [task for task in recipe.all_tasks() if not isinstance(task.target, Paired)]
    shown = []
    for task in tasks:
        with suppress(PrismganError):
            data.exemplars(task)
            shown_pictures(task)
            shown.append(task)
    model = trained_model(weights)
    any_features = default_features() if features is None else features  # the guidance can be measured with either
    losses = {}
    for task in shown:
        if features is not None or not task.exemplars:
            exemplars = data.exemplars(task)
            terms = {term.name: term.build(any_features, exemplars) for term in task.losses if term.reported}
            losses[task.name] = nn.ModuleDict(terms)
    evaluation = PhotoEvaluation(recipe, model, tasks, rows, metrics, losses, shown).measure()
    judged = judge(model, shown, rows, recipe) if weights.part("discriminator") else {}
    about = {"weights": str(weights.path), "step": weights.header.step, "discriminator": judged}
    return evaluation.model_copy(update=about)
