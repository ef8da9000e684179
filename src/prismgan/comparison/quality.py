"""Quality of the variants on test pictures: intervals over seeds, paired differences, and the cost of sharing."""

import itertools
import math
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from scipy import stats

from prismgan.comparison.plan import Training
from prismgan.comparison.variants import EXPERTS, JOINT, Variant
from prismgan.evaluation.measurement import Evaluation, Measurement, mean

LEVEL = 0.95  # confidence of the intervals; 1 - LEVEL is the error rate of the tests


@dataclass(frozen=True)
class Interval:
    mean: float
    half: float | None  # half the width of the interval; None with a single seed
    count: int


@dataclass(frozen=True)
class Difference(Interval):
    p: float | None  # two-sided probability of such a difference by chance; None with a single pair


def interval(values: Sequence[float]) -> Interval:
    """Mean and Student's interval at :data:`LEVEL`: mean +- t(n - 1) s / sqrt(n)."""
    average = statistics.fmean(values)
    if len(values) < 2:
        return Interval(average, None, len(values))
    quantile = float(stats.t.ppf(0.5 + LEVEL / 2, len(values) - 1))
    return Interval(average, quantile * statistics.stdev(values) / math.sqrt(len(values)), len(values))


def difference(first: Mapping[int, float], second: Mapping[int, float]) -> Difference | None:
    """``first`` minus ``second`` over their common seeds, by the paired t-test; None without such a seed. A seed draws
    the same pictures, crops and noise for all models, so pairing removes the common variation."""
    differences = [first[seed] - second[seed] for seed in first if seed in second]
    if not differences:
        return None
    estimate = interval(differences)
    if estimate.half is None:
        p = None
    elif estimate.half == 0:
        p = 1.0 if estimate.mean == 0 else 0.0
    else:
        p = float(stats.ttest_1samp(differences, 0).pvalue)
    return Difference(estimate.mean, estimate.half, estimate.count, p)


def adjusted(p_values: Sequence[float]) -> list[float]:
    """p-values of one family, corrected by Holm, "A simple sequentially rejective multiple test procedure" (1979): the
    k-th smallest of m is multiplied by m - k + 1, and none is smaller than the one before it."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    corrected = [min(1.0, (len(order) - rank) * p_values[index]) for rank, index in enumerate(order)]
    highest = dict(zip(order, itertools.accumulate(corrected, max), strict=True))
    return [highest[index] for index in range(len(order))]


Key = tuple[str, str, str]  # task, condition, metric
Seeds = Mapping[int, Measurement]  # one measurement for every seed


def values_of(seeds: Seeds) -> dict[int, float]:
    return {seed: measurement.value for seed, measurement in seeds.items() if measurement.value is not None}


@dataclass(frozen=True)
class Result:
    """One metric of one task under one condition, of one variant."""

    variant: str
    seeds: Seeds
    difference: Difference | None = None  # to the first variant; None for itself
    p_adjusted: float | None = None  # the difference's p after Holm's correction

    @property
    def about(self) -> Measurement:
        return next(iter(self.seeds.values()))

    @property
    def values(self) -> dict[int, float]:
        return values_of(self.seeds)

    @property
    def value(self) -> Interval:
        return interval(list(self.values.values()))

    @property
    def baseline(self) -> float | None:
        return mean(each.baseline for each in self.seeds.values())

    @property
    def nothing(self) -> dict[int, float]:
        """The baseline by seed, if it can be improved on."""
        return {s: each.baseline for s, each in self.seeds.items() if each.verdict and each.baseline is not None}

    @property
    def verdict(self) -> str:
        """``better`` or ``worse`` if the difference to the first variant is significant; otherwise empty."""
        if self.difference is None or self.p_adjusted is None or self.p_adjusted >= 1 - LEVEL:
            return ""
        return "better" if (self.difference.mean > 0) == (self.about.better == "higher") else "worse"

    def as_json(self) -> dict[str, Any]:
        about = ("task", "kind", "condition", "metric", "unit", "better", "compared_with")
        return {
            **{name: getattr(self.about, name) for name in about},
            "contender": self.variant,
            "values": self.values,
            "value": asdict(self.value),
            "baseline": self.baseline,
            "nothing": self.nothing,
            "difference": None if self.difference is None else asdict(self.difference),
            "p_adjusted": self.p_adjusted,
            "verdict": self.verdict,
        }


@dataclass(frozen=True)
class Interference:
    """The loss or gain of a task from sharing a network: the joint network minus the task's expert."""

    task: str
    condition: str
    metric: str
    unit: str
    better: str
    variation: str
    difference: Difference


@dataclass(frozen=True)
class Quality:
    results: tuple[Result, ...]
    interference: tuple[Interference, ...]

    def leading(self, task: str) -> str | None:
        """The metric by which a task is judged: the first one that is compared with more than the photo."""
        own = [each.about for each in self.results if each.about.task == task]
        judged = [about.metric for about in own if about.compared_with != "photo"]
        return next(iter(judged or [about.metric for about in own]), None)

    def worse_than_nothing(self, variant: str, task: str, seed: int) -> str | None:
        """The task's leading metric, if its mean over the conditions is worse than doing nothing; else None."""
        metric = self.leading(task)
        key = (variant, task, metric)
        own = [each for each in self.results if (each.variant, each.about.task, each.about.metric) == key]
        signs = {"higher": 1, "lower": -1}
        gains = [(r.values[seed] - r.nothing[seed]) * signs[r.about.better] for r in own if seed in r.nothing]
        return metric if gains and sum(gains) < 0 else None


def read_measurements(trainings: Sequence[Training]) -> dict[Key, dict[int, Measurement]]:
    """The evaluations of one variant's trainings; a training without an evaluation has diverged."""
    measurements: dict[Key, dict[int, Measurement]] = defaultdict(dict)
    for training in trainings:
        evaluation = Evaluation.read(training.run.folder / "evaluation.json")
        for each in evaluation.rows if evaluation else ():
            if each.value is not None:
                measurements[each.task, each.condition, each.metric][training.seed] = each
    return measurements


def find_quality(variants: Sequence[Variant], measured: Mapping[str, Mapping[Key, Seeds]]) -> Quality:
    """Differences to the first variant, and the cost of sharing, of the measurements of each variant."""
    reference = variants[0].name
    results = []
    for variant in variants:
        for key, seeds in measured[variant.name].items():
            result = Result(variant.name, seeds)
            if variant.name != reference:
                to = values_of(measured[reference].get(key, {}))
                result = replace(result, difference=difference(result.values, to))
            results.append(result)
    return Quality(tuple(_corrected(results)), tuple(_interference(variants, measured)))


def _corrected(results: list[Result]) -> list[Result]:
    """With Holm's correction over all tests of one metric of one task."""
    families: dict[tuple[str, str], dict[int, float]] = defaultdict(dict)
    for index, result in enumerate(results):
        if result.difference is not None and result.difference.p is not None:
            families[result.about.task, result.about.metric][index] = result.difference.p
    for family in families.values():
        for index, p in zip(family, adjusted(list(family.values())), strict=True):
            results[index] = replace(results[index], p_adjusted=p)
    return results


def _interference(variants: Sequence[Variant], measured: Mapping[str, Mapping[Key, Seeds]]) -> list[Interference]:
    joint = {variant.variation: variant for variant in variants if variant.model == JOINT}
    entries = []
    for variant in variants:
        if variant.model != EXPERTS or variant.variation not in joint:
            continue
        together = measured[joint[variant.variation].name]
        for key, seeds in measured[variant.name].items():
            if (lost := difference(values_of(together.get(key, {})), values_of(seeds))) is not None:
                about = next(iter(seeds.values()))
                entries.append(Interference(*key, about.unit, about.better, variant.variation, lost))
    return entries
