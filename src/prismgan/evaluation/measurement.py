"""Measurements, and their files: ``evaluation.json`` and ``cost.json``."""

import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self, SupportsFloat

from pydantic import BaseModel, ConfigDict, ValidationError

from prismgan.errors import PrismganError
from prismgan.files import parse_json
from prismgan.metrics import Metric, SetMetric
from prismgan.tasks import Task

PERFECT = {"psnr": 100.0, "psnr_y": 100.0, "ssim": 1.0, "euclidean": 0.0, "nmi": 2.0, "lpips": 0.0, "absolute": 0.0}
"""The value of each metric for two equal pictures."""


class _Record(BaseModel):
    """Part of a result file. Unknown keys are ignored, so that files of later versions can be read."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())

    def as_json(self) -> dict[str, Any]:
        return self.model_dump(mode="json", exclude_unset=True)

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Read a file; None if it does not exist."""
        try:
            return cls.model_validate(parse_json(path.read_bytes()))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise PrismganError(f"{path}: cannot be read ({error.strerror or error})") from None
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise PrismganError(f"{path}: {where}: {first['msg']}; write the file again or delete it") from None
        except ValueError as error:
            raise PrismganError(f"{path}: is not JSON ({error}); write the file again or delete it") from None


class Figure(NamedTuple):
    """A quantity that is measured without a :class:`~prismgan.metrics.Metric`."""

    name: str
    unit: str = ""
    better: Literal["higher", "lower"] = "higher"


Against = Literal["target", "photo", "exemplar", "guidance", "domain", "real", "derived", "task"]


class Measurement(_Record):
    """One metric of one task under one condition, beside that of doing nothing."""

    suite: str = ""  # of a benchmark: the suite that measured it
    task: str
    kind: str = ""
    condition: str = ""  # degradation or test set
    metric: str
    unit: str = ""  # empty for a plain number
    better: Literal["higher", "lower"]
    value: float | None
    deviation: float | None = None  # standard deviation of the value, for metrics of sets
    baseline: float | None = None  # of doing nothing: the source itself, enlarged bicubically for super-resolution
    compared_with: Against = "target"
    count: int | None = None  # number of pictures, or of pairs of frames, averaged in `value`
    target: float | None = None  # the target value
    literature: Mapping[str, float] = {}  # published values, by method

    @classmethod
    def of(
        cls,
        task: Task | str,
        metric: Metric | SetMetric | Figure,
        value: SupportsFloat | None,
        baseline: SupportsFloat | None,
        compared_with: Against = "target",
        *,
        condition: str = "",
        **more: Any,
    ) -> Self:
        return cls(
            task=task if isinstance(task, str) else task.name,
            kind="" if isinstance(task, str) else task.kind,
            condition=condition,
            metric=metric.name,
            unit=metric.unit,
            better=metric.better,
            value=None if value is None else float(value),
            baseline=None if baseline is None else float(baseline),
            compared_with=compared_with,
            **more,
        )

    @property
    def gain(self) -> float | None:
        """Value minus baseline, whichever direction is better."""
        return None if self.value is None or self.baseline is None else self.value - self.baseline

    @property
    def comparable(self) -> bool:
        """Whether the baseline can be improved on: a clean source is already its best restoration."""
        if self.deviation is not None and self.baseline is not None and self.better == "lower":
            return self.baseline > 0  # the unbiased distance of equal sets is 0 or less
        perfect = PERFECT.get(self.metric)
        return perfect is None or self.baseline is None or abs(self.baseline - perfect) > 1e-6

    @property
    def verdict(self) -> Literal["better", "worse", "equal", ""]:
        """Comparison with the baseline; empty if meaningless: styles differ from photos, real pictures are a bound."""
        if self.gain is None or self.compared_with in ("photo", "real") or not self.comparable:
            return ""
        if self.gain == 0:
            return "equal"
        return "better" if (self.gain > 0) == (self.better == "higher") else "worse"


def mean(values: Iterable[float | None]) -> float | None:
    """The mean of the finite values, None without any: JSON has no infinity."""
    finite = [value for value in values if value is not None and math.isfinite(value)]
    return sum(finite) / len(finite) if finite else None


def averaged(measurements: Iterable[Measurement]) -> list[Measurement]:
    """The mean over pictures of every metric of a task under a condition, in the order of first appearance."""
    groups: dict[tuple[str, str, str], list[Measurement]] = {}
    for each in measurements:
        groups.setdefault((each.condition, each.task, each.metric), []).append(each)
    return [
        own[0].model_copy(update={"value": mean([m.value for m in own]), "baseline": mean([m.baseline for m in own])})
        for own in groups.values()
    ]


class Evaluation(_Record):
    """``evaluation.json``: every task under every condition, or the pictures generated from noise."""

    weights: str | None = None
    source: Literal["photo", "noise"] = "photo"
    step: int | None = None
    pictures: int | None = None
    rows: tuple[Measurement, ...] = ()
    shares: Mapping[str, Mapping[str, float]] = {}  # from noise, by task and collection
    discriminator: Mapping[str, float | None] = {}
    anomaly: tuple[Mapping[str, Any], ...] = ()  # of GANomaly: `picture`, `condition`, `score`, and `scaled` to [0, 1]
    skipped: tuple[str, ...] = ()  # pictures that could not be read, and why

    def lines(self) -> Iterator[str]:
        """Readable lines, one for each number."""
        for m in self.rows:
            value, baseline = ("-" if number is None else f"{number:.4g}" for number in (m.value, m.baseline))
            spread = "" if m.deviation is None else f" +- {m.deviation:.2g}"
            where = f"{m.task:<16} {m.condition:<12} {m.metric:<18}"
            yield f"{where} {value:>8} {m.unit:<3}{spread} (doing nothing: {baseline}; {m.better} is better)"
        for name, number in self.discriminator.items():
            yield f"{'discriminator':<16} {'':<12} {name:<18} {number:>8.4g}"
        for entry in self.anomaly:
            where = f"{entry['picture']} ({entry['condition']})"
            yield f"{'anomaly':<16} {entry['scaled']:>8.3f} of 1, {entry['score']:.4g} unscaled: {where}"


class Parameters(_Record):
    trunk: int | None = None
    heads: Mapping[str, int] = {}
    discriminator: int | None = None


class Cost(_Record):
    """``cost.json``: the cost of all tasks together compared with one alone."""

    height: int
    width: int
    tasks: int
    one_ms: float
    all_ms: float
    ratio: float
    parameters: Parameters = Parameters()
