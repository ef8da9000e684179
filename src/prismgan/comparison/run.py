"""Runs a comparison: all trainings that are not done, then what they show."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from prismgan import data
from prismgan.comparison.contenders import Contender, budget_of, must_be_equal
from prismgan.comparison.findings import find, write_json
from prismgan.comparison.plan import ComparisonDisplay, Training, find_trainings, must_be_startable
from prismgan.comparison.report import write_comparison_report
from prismgan.errors import DivergedError
from prismgan.files import locked
from prismgan.report.history import read_history
from prismgan.training.run import must_be_resumable
from prismgan.training.trainer import Trainer


def compare(contenders: Sequence[Contender], seeds: int, folder: Path, *, resume: bool = False) -> Path | None:
    """Train every contender with every seed, and report on all of it.

    A contender whose training diverges for good is reported with what it has; the others go on.

    Returns:
        The report; None if a signal ended a training earlier (everything is saved, and ``resume`` goes on).

    Raises:
        RecipeError: the folder holds another comparison, or ``resume`` is asked for where there is none.
        PrismganError: the contenders are not given the same, or something cannot be written.
    """
    must_be_startable(folder, resume)
    budgets = {contender.name: budget_of(contender) for contender in contenders}
    must_be_equal(contenders, budgets)
    trainings = find_trainings(contenders, seeds, folder)
    for training in trainings:
        if training.run.checkpoint.exists():
            must_be_resumable(training.run, training.recipe)
    recipe = trainings[0].recipe  # what is wrong with the data is said before anything else
    data.must_fit(recipe.data, [*recipe.all_tasks(), *recipe.other_tasks()], recipe.training.crop)
    with locked(folder, "comparison"), ComparisonDisplay(trainings) as display:
        for name, budget in budgets.items():
            display.event(f"{name}: {budget}")
        waiting = [training for training in trainings if not training.done]
        for training in trainings:
            if training.done:
                display.skip(training, read_history(training.run.metrics).seconds)
        if len(waiting) < len(trainings):
            display.event(f"{len(trainings) - len(waiting)} of {len(trainings)} trainings are done")
        for training in waiting:
            if not _train(training, display):
                return None
    found = find(contenders, budgets, trainings, folder)
    write_json(folder / "compare.json", found)
    return write_comparison_report(folder, found)


def _train(training: Training, display: ComparisonDisplay) -> bool:
    """Train to the end; False if a signal ended it earlier."""
    display.enter(training)
    trainer = Trainer(training.recipe, training.run.folder, resume=training.prepare(), display=display)
    try:
        finished = trainer.train()
    except DivergedError as error:
        display.event(str(error))
        finished = True
    display.leave()
    return finished
