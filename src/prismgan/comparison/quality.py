"""What the contenders achieved on test pictures: intervals over seeds, differences, and what sharing costs."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from prismgan.comparison.contenders import EXPERTS, JOINT, Contender
from prismgan.comparison.intervals import LEVEL, Difference, Interval, adjusted, difference, interval
from prismgan.comparison.plan import Training
from prismgan.report.results import Evaluation, Row, read_result

__all__ = ["Interference", "Key", "Measurement", "Quality", "find_quality", "read_rows"]

Key = tuple[str, str, str]
"""Task, condition, metric."""
Rows = Mapping[Key, Mapping[int, Row]]
"""What a contender achieved, by seed."""


@dataclass(frozen=True)
class Measurement:
    """One metric of one task under one condition, of one contender."""

    task: str
    kind: str
    condition: str
    metric: str
    unit: str
    better: str
    compared_with: str
    contender: str
    values: Mapping[int, float]
    """By seed."""
    value: Interval
    baseline: float | None
    """Doing nothing, mean over seeds."""
    nothing: Mapping[int, float]
    """What doing nothing gives, by seed, where that can be improved on."""
    difference: Difference | None = None
    """To the contender that the others are compared with; None for itself."""
    p_adjusted: float | None = None
    """The difference's p, corrected for all contenders and conditions in which the task's metric is tested."""

    @property
    def key(self) -> Key:
        return self.task, self.condition, self.metric

    @property
    def verdict(self) -> str:
        """``better`` or ``worse`` than what it is compared with, beyond noise; else empty."""
        if self.difference is None or self.p_adjusted is None or self.p_adjusted >= 1 - LEVEL:
            return ""
        return "better" if (self.difference.mean > 0) == (self.better == "higher") else "worse"


@dataclass(frozen=True)
class Interference:
    """What a task loses or gains by sharing a network: the joint network minus the task's expert."""

    task: str
    condition: str
    metric: str
    unit: str
    better: str
    variation: str
    difference: Difference


@dataclass(frozen=True)
class Quality:
    """Everything that was measured on test pictures."""

    measurements: tuple[Measurement, ...]
    interference: tuple[Interference, ...]

    def leading(self, task: str) -> str | None:
        """The metric that a task is judged by: its first that says something against doing nothing."""
        own = [found for found in self.measurements if found.task == task]
        judged = [found.metric for found in own if found.compared_with != "photo"]
        return next(iter(judged or [found.metric for found in own]), None)

    def worse_than_nothing(self, contender: str, task: str, seed: int) -> str | None:
        """The task's leading metric, if its mean over the conditions is worse than doing nothing; else None."""
        metric = self.leading(task)
        gains = [
            (found.values[seed] - found.nothing[seed]) * (1 if found.better == "higher" else -1)
            for found in self.measurements
            if (found.contender, found.task, found.metric) == (contender, task, metric) and seed in found.nothing
        ]
        return metric if gains and sum(gains) < 0 else None


def read_rows(trainings: Sequence[Training]) -> Rows:
    """What the evaluations of one contender's trainings say; those without an evaluation have diverged.

    Raises:
        PrismganError: an evaluation cannot be read.
    """
    found: dict[Key, dict[int, Row]] = defaultdict(dict)
    for training in trainings:
        evaluation = read_result(training.run.folder / "evaluation.json", Evaluation)
        for row in evaluation.rows if evaluation else ():
            if row.value is not None:
                found[row.task, row.condition, row.metric][training.seed] = row
    return found


def find_quality(contenders: Sequence[Contender], rows: Mapping[str, Rows]) -> Quality:
    """Intervals over seeds, differences to the first contender, and what sharing costs."""
    reference = contenders[0].name
    plain: list[Measurement] = []
    for contender in contenders:
        for key, by_seed in rows[contender.name].items():
            measured = _measured(contender.name, key, by_seed)
            if contender.name != reference:
                to = _values(rows[reference].get(key, {}))
                measured = replace(measured, difference=difference(measured.values, to))
            plain.append(measured)
    return Quality(tuple(_corrected(plain)), tuple(_interference(contenders, rows)))


def _measured(contender: str, key: Key, by_seed: Mapping[int, Row]) -> Measurement:
    task, condition, metric = key
    row = next(iter(by_seed.values()))
    values = _values(by_seed)
    baselines = {seed: each.baseline for seed, each in by_seed.items() if each.baseline is not None}
    return Measurement(
        task=task,
        kind=row.kind,
        condition=condition,
        metric=metric,
        unit=row.unit,
        better=row.better,
        compared_with=row.compared_with,
        contender=contender,
        values=values,
        value=interval(list(values.values())),
        baseline=statistics.fmean(baselines.values()) if baselines else None,
        nothing={seed: baseline for seed, baseline in baselines.items() if by_seed[seed].verdict},
    )


def _values(by_seed: Mapping[int, Row]) -> dict[int, float]:
    return {seed: row.value for seed, row in by_seed.items() if row.value is not None}


def _corrected(measurements: Sequence[Measurement]) -> list[Measurement]:
    """With Holm's correction over all tests of one metric of one task."""
    families: dict[tuple[str, str], list[int]] = defaultdict(list)
    p_values: dict[int, float] = {}
    found = list(measurements)
    for index, measured in enumerate(found):
        if measured.difference is not None and measured.difference.p is not None:
            families[measured.task, measured.metric].append(index)
            p_values[index] = measured.difference.p
    for members in families.values():
        corrected = adjusted([p_values[index] for index in members])
        for index, p in zip(members, corrected, strict=True):
            found[index] = replace(found[index], p_adjusted=p)
    return found


def _interference(contenders: Sequence[Contender], rows: Mapping[str, Rows]) -> list[Interference]:
    joint = {contender.variation: contender for contender in contenders if contender.model == JOINT}
    found = []
    for contender in contenders:
        if contender.model != EXPERTS or contender.variation not in joint:
            continue
        together = rows[joint[contender.variation].name]
        for key, by_seed in rows[contender.name].items():
            lost = difference(_values(together.get(key, {})), _values(by_seed))
            if lost is not None:
                row = next(iter(by_seed.values()))
                found.append(Interference(*key, row.unit, row.better, contender.variation, lost))
    return found
