"""What a training shows of itself on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from PIL import Image
from torch import Tensor

from prismgan import images
from prismgan.data import Condition, Row, TestSet
from prismgan.data.scene import largest_scale
from prismgan.render.sheet import sheet
from prismgan.tasks import Task

__all__ = ["sample_sheet"]

PICTURES = 2
SIDE = 192
"""Longest side that a source has, in pixels, where its photo is large enough."""


def sample_sheet(
    generate: Callable[[Tensor], Mapping[str, Tensor]],
    tasks: Sequence[Task],
    alongside: Sequence[Task],
    rows: Sequence[Row],
    condition: Condition,
    device: str,
) -> Image.Image | None:
    """Every task on the first test pictures, cut for the tasks ``alongside`` too; None if none of them can be read."""
    pictures = {}
    maximum_side = SIDE * largest_scale([*tasks, *alongside]) // 2
    test = TestSet(rows[:PICTURES], tasks, condition, maximum_side, alongside=alongside)
    for number, batch in enumerate(test, start=1):
        pictures[f"source {number} ({condition.name})"] = images.to_pil(batch.source[0])
        for name, output in generate(batch.source.to(device)).items():
            pictures[f"{name} {number}"] = images.to_pil(output[0])
    return sheet(pictures, columns=len(tasks) + 1, tile_width=200) if pictures else None
