"""A benchmark suite: a name, its requirements, and a function that returns rows."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jaxtyping import Float
from torch import Tensor

from prismgan import images
from prismgan.evaluation.measurement import Figure, Measurement
from prismgan.metrics import Metric
from prismgan.render import Renderer, Request
from prismgan.weights import HeadEntry

UNSEEN = "bsd100"  # test set whose first pictures are used to measure styles
LONGEST_SIDE = 384
Numbers = Sequence[float]


@dataclass(frozen=True)
class Bench:
    renderer: Renderer
    folder: Path  # with the layout of `--benchmarks`: `test/`, `video/`, `styles/`, `perceptual/`
    photos: int = 12  # maximum number of photos for measuring styles
    announce: Callable[[str], None] = lambda _: None  # called with a description of the next measurement
    left_out: list[str] = field(default_factory=list)  # measurements that were not possible, with reasons

    def of_kind(self, kind: str) -> list[HeadEntry]:
        return [entry for entry in self.renderer.header.tasks if entry.kind == kind]

    @property
    def styles(self) -> list[str]:
        """Names of the tasks without a ground truth: styles, cartoons, drawings."""
        return [entry.name for entry in self.renderer.header.tasks if entry.is_look and entry.scale == 1]

    def render(self, source: Float[Tensor, "3 H W"], tasks: Iterable[str]) -> dict[str, Float[Tensor, "1 3 sH sW"]]:
        """The named tasks' pictures in [-1, 1], rounded to 8 bits as in a file."""
        rendered = self.renderer.render(source.permute(1, 2, 0).numpy(), Request(tasks=tuple(tasks)))
        return {name: images.from_pixels(pixels) for name, pixels in rendered.items()}


@dataclass(frozen=True)
class Suite:
    """A group of benchmarks that is run or skipped as a whole."""

    name: str
    lacks: Callable[[Path], str | None]  # describes the files that a folder lacks; None if it lacks nothing
    rows: Callable[[Bench], Iterator[Measurement]]
    modules: Sequence[str] = ()  # required modules, all in the extra `video`

    def measure(self, bench: Bench) -> Iterator[Measurement]:
        for row in self.rows(bench):
            yield row.model_copy(update={"suite": self.name})


def mean_row(
    task: str, condition: str, metric: Metric | Figure, values: Numbers, baselines: Numbers | None, **more: Any
) -> Measurement:
    """The mean of a metric over pictures, and the baseline's if there is one; ``count`` defaults to their number."""
    value, baseline = (None if each is None else sum(each) / len(each) for each in (values, baselines))
    return Measurement.of(task, metric, value, baseline, condition=condition, **{"count": len(values), **more})


def test_set(folder: Path, name: str) -> list[Path]:
    """The pictures of the test set with this name; empty if the folder does not contain it."""
    pictures = folder / "test" / name
    return images.find_pictures(pictures) if pictures.is_dir() else []


def one_of(*names: str) -> Callable[[Path], str | None]:
    """A function for :attr:`Suite.lacks` of a suite that needs one of these test sets."""
    either = ("one of " if len(names) > 1 else "") + ", ".join(f"test/{name}" for name in names)
    return lambda folder: None if any(test_set(folder, name) for name in names) else either


def unseen_photos(bench: Bench) -> list[Float[Tensor, "3 h w"]]:
    """Photos not used in any training: the first of the BSD test set, in [-1, 1], with a longest side of 384 pixels."""
    files = test_set(bench.folder, UNSEEN)[: bench.photos]
    return [as_file(images.fitted(images.read(file), LONGEST_SIDE, enlarge=True)) for file in files]


def as_file(image: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """The image rounded to 8 bits, like outputs."""
    return images.to_float(images.to_uint8(image))
