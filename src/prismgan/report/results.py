"""The report's view of ``evaluation.json`` and ``cost.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from prismgan.errors import PrismganError

__all__ = ["Cost", "Evaluation", "Parameters", "Row", "read_result"]


PERFECT = {"psnr": 100.0, "psnr_y": 100.0, "ssim": 1.0, "euclidean": 0.0, "nmi": 2.0, "lpips": 0.0, "absolute": 0.0}
"""What each metric gives for two equal pictures."""


class _Result(BaseModel):
    """Part of a result file; keys that the report does not show are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())


class Row(_Result):
    """One metric of one task under one condition."""

    task: str
    kind: str = ""
    condition: str = ""
    metric: str
    unit: str = ""
    better: Literal["higher", "lower"]
    value: float | None
    deviation: float | None = None
    """Standard deviation of the value, of a metric of sets."""
    baseline: float | None = None
    compared_with: Literal["target", "photo", "exemplar", "guidance", "domain", "real", "derived", "task"] = "target"

    @property
    def gain(self) -> float | None:
        """Value minus baseline, whichever direction is better."""
        return None if self.value is None or self.baseline is None else self.value - self.baseline

    @property
    def comparable(self) -> bool:
        """Whether doing nothing can be improved on at all: a clean source is its own best restoration."""
        if self.deviation is not None and self.baseline is not None and self.better == "lower":
            return self.baseline > 0  # of equal sets an unbiased distance is 0 or less
        perfect = PERFECT.get(self.metric)
        return perfect is None or self.baseline is None or abs(self.baseline - perfect) > 1e-6

    @property
    def verdict(self) -> Literal["better", "worse", "equal", ""]:
        """Against doing nothing, or chance. Empty where that says nothing: a look is meant to leave the photo, and real
        pictures are no opponent."""
        if self.gain is None or self.compared_with in ("photo", "real") or not self.comparable:
            return ""
        if self.gain == 0:
            return "equal"
        return "better" if (self.gain > 0) == (self.better == "higher") else "worse"


class Evaluation(_Result):
    """``evaluation.json``: every task under every condition, or, without a source, drawn from noise."""

    source: Literal["photo", "noise"] = "photo"
    step: int | None = None
    pictures: int | None = None
    rows: tuple[Row, ...] = ()
    shares: Mapping[str, Mapping[str, float]] = {}
    """Without a source: of each task's pictures, what part belongs to which collection."""
    discriminator: Mapping[str, float | None] = {}
    skipped: tuple[str, ...] = ()


class Parameters(_Result):
    """Numbers of weights."""

    trunk: int | None = None
    heads: Mapping[str, int] = {}
    discriminator: int | None = None


class Cost(_Result):
    """``cost.json``: what all tasks cost together against one alone."""

    height: int
    width: int
    tasks: int
    one_ms: float
    all_ms: float
    ratio: float
    parameters: Parameters = Parameters()


R = TypeVar("R", Evaluation, Cost)


def read_result(path: Path, kind: type[R]) -> R | None:
    """The file's content; None where there is no such file.

    Raises:
        PrismganError: the file cannot be read or does not hold what it should.
    """
    try:
        return kind.model_validate(json.loads(path.read_text(encoding="utf-8")))
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
