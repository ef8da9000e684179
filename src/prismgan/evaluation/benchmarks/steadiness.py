"""How steady looks are on video: the warping error of their clips against that of the source."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy.typing import NDArray
from torch import Tensor

from prismgan import images
from prismgan.evaluation.benchmarks.suite import Bench, Row, Suite
from prismgan.render.video.consistency import SOURCE, first_frames, warping_errors
from prismgan.render.video.smoothing import STEADY, TemporalSmoother, motion

NAME = "steadiness"
STEADIED = ", steadied"
"""Behind the name of what went through :class:`~prismgan.render.video.smoothing.TemporalSmoother`."""
AIM = 1.6
"""Most that we allow a look to flicker against its source, as a ratio of root mean squares."""


SUFFIXES = frozenset({".mp4", ".mkv", ".mov", ".webm", ".avi"})


def find_clips(folder: Path) -> list[Path]:
    """The clips in a folder, by name; none if there is no such folder."""
    return sorted(path for path in folder.glob("*") if path.suffix.lower() in SUFFIXES and path.is_file())


def clip_errors(bench: Bench, clip: Path, looks: list[str]) -> tuple[dict[str, float], int]:
    """Mean squared warping error of the source, under ``"source"``, of every look as the network makes it, and, with
    :data:`STEADIED` behind its name, as ``prismgan video`` writes it; and how many pairs of frames they are means over,
    see :func:`prismgan.render.video.consistency.warping_errors`.

    Every frame is rendered by itself, with the latent that pictures are rendered with.
    """
    return warping_errors(_pictures(bench, clip, looks))


def _pictures(
    bench: Bench, clip: Path, looks: list[str]
) -> Iterator[tuple[UInt8[Tensor, "3 H W"], dict[str, Float[Tensor, "1 3 H W"]]]]:
    """Every frame with all pictures of it, in [0, 1]."""
    steadier = TemporalSmoother(dict.fromkeys(looks, STEADY))
    before: UInt8[Tensor, "3 H W"] | None = None
    for frame in first_frames(clip):
        rendered = bench.render(images.to_float(frame), looks)
        moved = None if before is None else motion(_array(before), _array(frame))
        steady = steadier({name: _array(images.to_uint8(image)[0]) for name, image in rendered.items()}, moved)
        shown = {f"{name}{STEADIED}": images.to_float(_tensor(pixels))[None] for name, pixels in steady.items()}
        pictures = {SOURCE: images.to_float(frame)[None], **rendered, **shown}
        yield frame, {name: (image + 1) / 2 for name, image in pictures.items()}
        before = frame


def _array(pixels: UInt8[Tensor, "3 H W"]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(pixels.permute(1, 2, 0).numpy())


def _tensor(pixels: NDArray[np.uint8]) -> UInt8[Tensor, "3 H W"]:
    return torch.from_numpy(pixels).permute(2, 0, 1)


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
        for name, error in errors.items():
            look = name.removesuffix(STEADIED)
            numbers = {
                "warping_error": (error**0.5, source**0.5, None),
                "warping_ratio": ((error / source) ** 0.5, 1.0, AIM),
                "warping_ratio_squared": (error / source, 1.0, None),
            }
            for metric, (value, baseline, target) in numbers.items():
                yield Row(
                    suite=NAME,
                    task=look,
                    condition=clip.stem if name == look else f"{clip.stem}{STEADIED}",
                    metric=metric,
                    unit="",
                    better="lower",
                    value=value,
                    baseline=baseline,
                    count=pairs,
                    target=target,
                )


STEADINESS = Suite(NAME, _lacks, _measure, modules=("av", "cv2"))
