"""How steady looks are on video: the warping error of their clips against that of the source."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from jaxtyping import Float
from torch import Tensor

from prismgan import images
from prismgan.metrics.warping import unoccluded, warping_error
from prismgan.training.benchmarks.clips import PACKAGES, find_clips, flow, frames
from prismgan.training.benchmarks.suite import Bench, Row, Suite

__all__ = ["STEADINESS", "clip_errors"]

NAME = "steadiness"
SOURCE = "source"  # no task may have that name
FRAMES = 48
WIDEST = 640
AIM = 1.6
"""Most that we allow a look to flicker against its source, as a ratio of root mean squares."""


def clip_errors(bench: Bench, clip: Path, looks: list[str]) -> tuple[dict[str, float], int]:
    """Mean squared warping error in [0, 1] of the source, under ``"source"``, and of every look; and how many pairs of
    frames they are means over. Pairs without a single pixel that is visible in both frames are left out.

    Every frame is rendered by itself, with the latent that pictures are rendered with. A clip must have no cuts: they
    are flicker of source and looks alike, and would make any look seem steady.
    """
    errors: dict[str, list[float]] = defaultdict(list)
    rendered = ((frame, _rendered(bench, frame, looks)) for frame in frames(clip, FRAMES, WIDEST))
    for (frame_before, before), (frame, now) in pairwise(rendered):
        backward = flow(frame, frame_before)
        visible = unoccluded(flow(frame_before, frame), backward)
        if visible.any():
            for name, picture in now.items():
                errors[name].append(float(warping_error(picture, before[name], backward, visible)))
    return {name: sum(values) / len(values) for name, values in errors.items()}, len(errors[SOURCE])


def _rendered(bench: Bench, frame: Tensor, looks: list[str]) -> dict[str, Float[Tensor, "1 3 H W"]]:
    """The source and its looks, in [0, 1]."""
    source = images.to_float(frame)
    return {name: (image + 1) / 2 for name, image in {SOURCE: source[None], **bench.render(source, looks)}.items()}


def _lacks(folder: Path) -> str | None:
    return None if find_clips(folder / "video") else "clips in video/"


def _measure(bench: Bench) -> Iterator[Row]:
    if not bench.looks:
        return
    for clip in find_clips(bench.folder / "video"):
        bench.announce(f"{', '.join(bench.looks)}: {clip.name}")
        errors, pairs = clip_errors(bench, clip, bench.looks)
        source = errors.pop(SOURCE, 0.0)
        if not source:
            bench.left_out.append(f"{clip.name}: nothing moves or changes in it that steadiness could be measured by")
            continue
        for look, error in errors.items():
            numbers = {
                "warping_error": (error**0.5, source**0.5, None),
                "warping_ratio": ((error / source) ** 0.5, 1.0, AIM),
                "warping_ratio_squared": (error / source, 1.0, None),
            }
            for metric, (value, baseline, target) in numbers.items():
                yield Row(
                    suite=NAME,
                    task=look,
                    condition=clip.stem,
                    metric=metric,
                    unit="",
                    better="lower",
                    value=value,
                    baseline=baseline,
                    count=pairs,
                    target=target,
                )


STEADINESS = Suite(NAME, _lacks, _measure, PACKAGES)
