"""How steady looks are on video: the warping error of their clips against that of the source."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from jaxtyping import Float
from torch import Tensor

from prismgan import images
from prismgan.training.benchmarks.clips import find_clips
from prismgan.training.benchmarks.suite import Bench, Row, Suite
from prismgan.video.steadiness import SOURCE, first_frames, warping_errors

__all__ = ["STEADINESS", "clip_errors"]

NAME = "steadiness"
AIM = 1.6
"""Most that we allow a look to flicker against its source, as a ratio of root mean squares."""


def clip_errors(bench: Bench, clip: Path, looks: list[str]) -> tuple[dict[str, float], int]:
    """Mean squared warping error of the source, under ``"source"``, and of every look; and how many pairs of frames
    they are means over; see :func:`prismgan.video.steadiness.warping_errors`.

    Every frame is rendered by itself, with the latent that pictures are rendered with.
    """
    return warping_errors((frame, _rendered(bench, frame, looks)) for frame in first_frames(clip))


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


STEADINESS = Suite(NAME, _lacks, _measure, modules=("av", "cv2"))
