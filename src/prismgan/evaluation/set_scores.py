"""Metrics of single pictures and of sets that need the weights of a network."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch
from jaxtyping import Float
from torch import Tensor

from prismgan import data, images
from prismgan.data import pictures, shown_pictures
from prismgan.errors import PictureError
from prismgan.evaluation.measurement import Against, Measurement, mean
from prismgan.metrics import Metric, SetMetric, kid, lpips
from prismgan.recipes.recipe import EvaluationConfig
from prismgan.tasks import Exemplar, Task
from prismgan.weights import load_squeeze

MOST_SHOWN = 100  # maximum number of pictures of a task's domain for comparison, spread evenly
Images = Float[Tensor, "B 3 H W"]


@dataclass(frozen=True)
class NamedMetrics:
    """The metrics whose weights the recipe names."""

    pictures: tuple[Metric, ...] = ()
    sets: tuple[SetMetric, ...] = ()

    @classmethod
    def of(cls, settings: EvaluationConfig, device: str = "cpu") -> Self:
        """Read the named files; WeightsError if one cannot be used."""
        if settings.squeezenet is None:
            return cls()
        network = load_squeeze(Path(settings.squeezenet))
        network.to(device)
        pictures = () if settings.lpips is None else (lpips(network, Path(settings.lpips), device),)
        return cls(pictures, (kid(network),))


class SetScores:
    """Compares the outputs of a task, as a set, with the pictures that it was trained on, or with its targets. Features
    are kept, not pictures. Pictures that are too small for the network are skipped, and sets that are too small are not
    compared. ``shown`` are the tasks whose exemplars or domain can be read."""

    @torch.no_grad()
    def __init__(
        self, metrics: Sequence[SetMetric], shown: Sequence[Task], *, maximum_side: int, seed: int, device: str
    ) -> None:
        self.metrics = tuple(metrics)
        self.largest = 2 * maximum_side
        self.seed = seed
        self.device = device
        self.skipped: dict[str, str] = {}  # pictures that could not be read, and why
        # Features by metric and task; those of one condition also by its name and output, baseline or target.
        self._features: dict[tuple[str, ...], list[Tensor]] = defaultdict(list)
        for task in shown if self.metrics else ():
            for picture in self._pictures_of(task):
                self._keep(picture, task.name)

    @torch.no_grad()
    def add(self, condition: str, task: Task, output: Images, baseline: Images, target: Images | None) -> None:
        """Add one test picture's output, its baseline, and the target if the task has one."""
        for what, picture in (("output", output), ("baseline", baseline), ("target", target)):
            if picture is not None:
                self._keep(picture, task.name, condition, what)

    def measurements(self, condition: str, task: Task) -> list[Measurement]:
        against: Against = "target" if task.has_pairs else "exemplar" if task.exemplars else "domain"
        measurements = []
        for metric in self.metrics:
            key = (metric.name, task.name)
            expected = self._features[(*key, condition, "target") if task.has_pairs else key]
            outputs, baselines = (self._features[*key, condition, what] for what in ("output", "baseline"))
            if min(len(expected), len(outputs)) < metric.fewest:
                continue
            (value, deviation), (baseline, _) = (
                metric.distance(torch.cat(some), torch.cat(expected), torch.Generator().manual_seed(self.seed))
                for some in (outputs, baselines)
            )
            row = Measurement.of(task, metric, mean([value]), baseline, against, condition=condition)
            measurements.append(row.model_copy(update={"deviation": mean([deviation])}))
        return measurements

    def _keep(self, picture: Images, *key: str) -> None:
        for metric in self.metrics:
            if min(picture.shape[-2:]) >= metric.smallest:
                self._features[metric.name, *key].append(metric.features(picture))

    def _pictures_of(self, task: Task) -> Iterator[Float[Tensor, "1 3 H W"]]:
        """Exemplars at their training size, and other pictures at most as large as test pictures."""
        if isinstance(task.target, Exemplar):
            yield from (picture[None].to(self.device) for picture in data.exemplars(task))
            return
        names = shown_pictures(task)
        for name in names[:: max(1, -(-len(names) // MOST_SHOWN))]:
            try:
                pixels = pictures.load(name)
            except PictureError as error:
                self.skipped[name] = str(error)
                continue
            yield images.fitted(pixels, self.largest)[None].to(self.device)
