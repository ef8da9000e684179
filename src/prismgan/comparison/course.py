"""The course of trainings: time, collapses, agreement of the tasks' gradients, and loss curves."""

import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from prismgan.comparison.plan import Training
from prismgan.comparison.quality import Interval, Quality, interval
from prismgan.evaluation.measurement import Evaluation
from prismgan.report.charts import mean_cosines
from prismgan.report.history import History, Series, read_history

LOSS = "loss/"


@dataclass(frozen=True)
class Course:
    seconds: Interval  # training time of all its networks together, without evaluation
    seconds_a_step: Interval  # median over a training, of all its networks together
    collapses: Mapping[int, tuple[str, ...]]  # by seed, the reasons why it counts as collapsed
    discriminator: Mapping[str, float]  # metrics on test pictures, mean over networks and seeds; may be empty
    tasks: tuple[str, ...]  # of the rows and columns of `cosines`; empty if no gradients were compared
    cosines: tuple[tuple[float | None, ...], ...]  # between the tasks' gradients, mean over training and seeds
    curves: Mapping[str, Series]  # mean over seeds of every loss's terms, `TASK/TERM`, over the steps


def find_course(trainings: Sequence[Training], quality: Quality) -> Course:
    variant = trainings[0].variant
    histories = {(training.seed, training.part): read_history(training.run.metrics) for training in trainings}
    seeds = list(dict.fromkeys(training.seed for training in trainings))
    parts = list(dict.fromkeys(training.part for training in trainings))
    batch = trainings[0].recipe.training.batch_size
    # A median, so that busy moments of the machine, and rendering of pictures, have little influence.
    paces = {key: statistics.median(batch / each.series("images_per_second").values) for key, each in histories.items()}
    collapses = {seed: _collapses([t for t in trainings if t.seed == seed], variant, quality) for seed in seeds}
    names = tuple(task.name for task in trainings[0].recipe.all_tasks())
    compared = names if len(parts) == 1 and len(names) > 1 else ()
    return Course(
        seconds=interval([sum(histories[seed, part].seconds for part in parts) for seed in seeds]),
        seconds_a_step=interval([sum(paces[seed, part] for part in parts) for seed in seeds]),
        collapses={seed: reasons for seed, reasons in collapses.items() if reasons},
        discriminator=_discriminator(trainings),
        tasks=compared,
        cosines=mean_cosines(histories.values(), compared) if compared else (),
        curves=_curves(list(histories.values())),
    )


def _discriminator(trainings: Sequence[Training]) -> dict[str, float]:
    accuracies: dict[str, list[float]] = defaultdict(list)
    for training in trainings:
        evaluation = Evaluation.read(training.run.folder / "evaluation.json")
        for name, value in (evaluation.discriminator if evaluation else {}).items():
            if value is not None:
                accuracies[name].append(value)
    return {name: statistics.fmean(values) for name, values in accuracies.items()}


def _collapses(trainings: Sequence[Training], variant: str, quality: Quality) -> tuple[str, ...]:
    reasons = []
    for training in trainings:
        name = f"{training.part} " if training.part else ""
        if training.times("diverged"):
            reasons.append(f"{name}diverged")
        elif rollbacks := training.times("rollback"):
            reasons.append(f"{name}went back to a checkpoint {rollbacks} times")
        for task in training.recipe.all_tasks():
            if metric := quality.worse_than_nothing(variant, task.name, training.seed):
                reasons.append(f"{task.name}: {metric} is worse than doing nothing")
    return tuple(reasons)


def _curves(histories: Sequence[History]) -> dict[str, Series]:
    gathered: dict[str, list[Series]] = defaultdict(list)
    for history in histories:
        for key in history.keys:
            if key.startswith(LOSS) and key.count("/") == 2:
                gathered[key.removeprefix(LOSS)].append(history.series(key))
    curves = {}
    for name, several in gathered.items():
        logged, values = (np.concatenate(parts) for parts in zip(*((s.steps, s.values) for s in several), strict=True))
        steps, place, counts = np.unique(logged, return_inverse=True, return_counts=True)
        curves[name] = Series(steps, np.bincount(place, values) / counts, 0)
    return curves
