"""Anomaly scores of the test pictures, of a model that has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from prismgan.data import Condition, Row, TestSet
from prismgan.losses.ganomaly import min_max
from prismgan.models import Model
from prismgan.tasks import Task

__all__ = ["anomaly"]


def anomaly(
    model: Model,
    rows: Sequence[Row],
    conditions: Sequence[Condition],
    *,
    maximum_side: int,
    cut_for: Sequence[Task],
    seed: int = 0,
) -> list[dict[str, Any]]:
    """The content of ``anomaly`` in ``evaluation.json``: every readable picture, cut for all tasks of the
    recipe, under every condition.

    Returns:
        For each its ``score``, and that ``scaled`` to [0, 1] over all of them; nothing for a model without scores.
    """
    found: list[dict[str, Any]] = []
    for condition in conditions:
        for row, batch in TestSet(rows, (), condition, maximum_side, seed, alongside=cut_for).pairs():
            score = model.anomaly_score(batch.source.to(model.device))
            if score is None:
                return []
            found.append({"picture": row.picture, "condition": condition.name, "score": float(score)})
    scaled = min_max(torch.tensor([entry["score"] for entry in found])).tolist()
    return [{**entry, "scaled": value} for entry, value in zip(found, scaled, strict=True)]
