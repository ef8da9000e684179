"""Runs a comparison: all unfinished trainings, then the report."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from prismgan import data
from prismgan.cluster import TRIES, spread
from prismgan.comparison.findings import find, write_json
from prismgan.comparison.plan import ComparisonDisplay, Training, check_startable, find_trainings
from prismgan.comparison.report import ComparisonReport
from prismgan.comparison.variants import Variant, budget_of, check_equal_budgets
from prismgan.errors import DivergedError, PrismganError
from prismgan.files import locked
from prismgan.report.history import read_history
from prismgan.report.page import write_page
from prismgan.training.display import Display
from prismgan.training.run import check_resumable
from prismgan.training.trainer import Trainer

TRAINING_MEMORY = 3_500_000_000  # bytes that a worker of a cluster needs for training


def compare(
    variants: Sequence[Variant],
    seeds: int,
    folder: Path,
    *,
    resume: bool = False,
    cluster: AbstractContextManager[None] | None = None,
    workers: int | None = None,
) -> Path | None:
    """Train every variant with every seed, and report on all of them; those that diverge for good with partial results.

    ``cluster`` connects to a Ray cluster, whose machines need folder and data under the same paths; ``workers`` are
    those of :func:`~prismgan.cluster.spread`. Returns the report, or None if a signal ended a training earlier
    (everything is saved, and ``resume`` continues). PrismganError if folder or variants do not fit or a write fails."""
    check_startable(folder, resume)
    budgets = {variant.name: budget_of(variant) for variant in variants}
    check_equal_budgets(variants, budgets)
    trainings = find_trainings(variants, seeds, folder)
    for training in trainings:
        if training.run.checkpoint.exists():
            check_resumable(training.run, training.recipe)
    recipe = trainings[0].recipe  # problems with the data are reported before anything else
    data.validate(recipe.data, [*recipe.all_tasks(), *recipe.other_tasks()], recipe.training.crop)
    display = ComparisonDisplay(trainings)
    with locked(folder, "comparison"), display.bars:
        for name, budget in budgets.items():
            display.event(f"{name}: {budget}")
        waiting = [training for training in trainings if not training.done]
        for training in trainings:
            if training.done:
                display.finish(training, read_history(training.run.metrics).seconds)
        if len(waiting) < len(trainings):
            display.event(f"{len(trainings) - len(waiting)} of {len(trainings)} trainings are done")
        if cluster is not None and waiting:
            with cluster:
                _train_on_cluster(waiting, display, workers)
        else:
            for training in waiting:
                display.enter(training)
                if not _train_to_the_end(training, display):
                    return None
                display.leave()
    findings = find(variants, budgets, trainings, folder)
    write_json(folder / "compare.json", findings)
    return write_page(folder / "report.html", "comparison.html", ComparisonReport(folder, findings))


def _train_on_cluster(trainings: Sequence[Training], display: ComparisonDisplay, workers: int | None) -> None:
    how: dict[str, Any] = {"workers": workers, "folder": str(Path.cwd()), "remark": display.event}
    for training, finished, node in spread(trainings, lambda: _train_to_the_end, memory=TRAINING_MEMORY, **how):
        if not finished:
            fault = f"the training was ended by a signal, or {TRIES} workers died while running it"
            cure = "continue with --resume, and with more memory if that was the reason"
            raise PrismganError(f"{training.run.folder}: {fault}; {cure}")
        display.done(training, read_history(training.run.metrics).seconds, node)


def _train_to_the_end(training: Training, display: Display | None = None) -> bool:
    """Train until it is done or has diverged; False if a signal ended it earlier."""
    trainer = Trainer(training.recipe, training.run.folder, resume=training.prepare(), display=display)
    try:
        return trainer.train()
    except DivergedError as error:  # also recorded in the metrics
        if display is not None:
            display.event(str(error))
        return True
