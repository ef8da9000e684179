"""Settings of a clip's rendering, its preview, and its outcome."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

from prismgan.errors import PrismganError
from prismgan.render import Renderer, Request, sheet
from prismgan.render.request import Output
from prismgan.render.video.clip import Clip
from prismgan.render.video.consistency import MOST_KEPT, STEADY
from prismgan.render.video.container import PixelArray
from prismgan.render.video.segment import Encoding

GRID = "grid"  # name of the output that shows the source and all outputs side by side


@dataclass(frozen=True)
class Settings:
    encoding: Encoding
    grid: bool = False  # also write a clip with the source and all outputs side by side, labelled
    segment: float = 10.0  # seconds of a segment: the most of every output that a killed job loses
    batch: int = 1  # frames that are rendered together
    steady: float = STEADY
    """Share of the previous output frame that is kept in the next one, moved along with the source: 0 to
    :data:`~prismgan.render.video.consistency.MOST_KEPT`."""

    def __post_init__(self) -> None:
        if not 0 <= self.steady <= MOST_KEPT:
            raise PrismganError(f"steady {self.steady:g}: expected 0 (every frame by itself) to {MOST_KEPT:g}")

    def is_grid(self, name: str) -> bool:
        return self.grid and name == GRID


class Listener(Protocol):
    """Receives the progress of a job."""

    def remark(self, text: str) -> None: ...
    def rendered(self, frames: int, total: int | None) -> None:
        """Called with the number of rendered frames and the approximate total, which is None if unknown."""

    def joining(self, path: Path) -> None: ...


@dataclass
class Outcome:
    written: list[Path] = field(default_factory=list)
    frames: int = 0  # in every output
    resumed: int = 0  # of these, frames that had been rendered before an interruption
    damaged: int = 0  # packets and frames of the source that could not be decoded correctly
    seconds: float = 0.0
    rendering: float = 0.0  # seconds in the network
    encoding: float = 0.0  # seconds in which the network waited for smoothing and encoding
    decoding: float = 0.0  # seconds in which the network waited for the decoder

    @property
    def busy(self) -> float:
        """Share of the time in which the network and the encoders were busy."""
        return (self.rendering + self.encoding) / self.seconds if self.seconds else 0.0


def parts_kept(renderer: Renderer, request: Request, settings: Settings) -> dict[str, float]:
    """The share of the previous frame that each output keeps; it grows with the share of styles in the output."""
    styles = {entry.name for entry in renderer.header.tasks if entry.is_look}

    def part(output: Output) -> float:
        return min(output.strength, 1.0) * sum(weight for name, weight in output.weights.items() if name in styles)

    return {output.name: settings.steady * part(output) for output in renderer.plan(request).outputs}


def output_names(renderer: Renderer, request: Request, settings: Settings) -> tuple[str, ...]:
    """Names of the output files without their suffix; an error if an output has the grid's name."""
    names = renderer.plan(request).names
    if settings.grid and GRID in names:
        raise PrismganError(f"an output is named {GRID!r}, like the grid; leave one of them out")
    return (*names, GRID) if settings.grid else names


EVERY = 5.0  # seconds between two previews


class Preview:
    """Passes a frame with its outputs side by side to ``put``: the first frame, then one every few seconds."""

    def __init__(self, clip: Clip, put: Callable[[Image.Image], None]) -> None:
        self.clip, self.put = clip, put
        self._next = 0.0

    def show(self, pictures: Mapping[str, PixelArray]) -> None:
        if time.monotonic() >= self._next:
            self.put(side_by_side(pictures, self.clip, 320))
            self._next = time.monotonic() + EVERY


def side_by_side(pictures: Mapping[str, PixelArray], clip: Clip, tile_width: int) -> Image.Image:
    """The source and all outputs of a frame, upright and labelled."""
    upright = {name: Image.fromarray(np.ascontiguousarray(clip.upright(pixels))) for name, pixels in pictures.items()}
    return sheet(upright, tile_width=tile_width)
