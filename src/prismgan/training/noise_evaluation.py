"""Evaluation without a source: what is generated, as a set, against real pictures, and the tasks against each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from prismgan.data import Row
from prismgan.metrics import ABSOLUTE, SetMetric, classifier_kid, modes
from prismgan.networks import Classifier
from prismgan.tasks import Task, made_of_photo
from prismgan.training.class_training import Labelled, labelled, train_classifier

__all__ = ["LATENTS", "NoiseEvaluation", "alignment"]

LATENTS = 1000
"""Latents that are drawn."""
AT_ONCE = 100
"""Of them, in one pass of the generator."""

Images = Float[Tensor, "N 3 H W"]


def alignment(tasks: Sequence[Task], outputs: Mapping[str, Images]) -> dict[str, tuple[float, float]]:
    """How far each derived task's images are from what its function makes of the photo task's images.

    Returns:
        By task the mean absolute error, of the whole range from black to white, and what it would be by chance: with
        the photo of the next latent. Nothing where no task is the photo itself.
    """
    found = {}
    for name, made in made_of_photo(tasks, outputs).items():
        own, chance = (ABSOLUTE(outputs[name], other).mean() for other in (made, made.roll(1, dims=0)))
        found[name] = (float(own), float(chance))
    return found


@dataclass
class NoiseEvaluation:
    """Measures a generator without a source, again and again while it trains."""

    tasks: Sequence[Task]
    train: Sequence[Row]
    test: Sequence[Row]
    crop: int
    seed: int
    sets: Sequence[SetMetric] = ()
    """Metrics of sets beside the one by the classifier."""
    device: str = "cpu"
    collections: tuple[str, ...] = field(init=False)
    """Where the pictures come from: the classes that modes are counted by. Of one alone there is no classifier."""

    def __post_init__(self) -> None:
        self.collections = tuple(dict.fromkeys(row.collection for row in self.train))

    @cached_property
    def _real(self) -> tuple[dict[str, Labelled], dict[str, Labelled]]:
        """Training and test pictures."""
        train, test = (
            labelled(rows, self.tasks, self.collections, self.crop, self.seed) for rows in (self.train, self.test)
        )
        return train, test

    @cached_property
    def _classifier(self) -> Classifier | None:
        if len(self.collections) < 2:
            return None
        return train_classifier(self._real[0], len(self.collections), seed=self.seed, device=self.device)

    @torch.no_grad()
    def __call__(
        self, generate: Callable[[Tensor], Mapping[str, Images]], latent: Float[Tensor, "N Z"]
    ) -> dict[str, Any]:
        """Draw nothing, measure the images of the given latents.

        Returns:
            The content of ``evaluation.json`` but for the discriminator; ``shares`` says, by task and collection, how
            much of the images belongs to it.
        """
        parts = [generate(some.to(self.device)) for some in latent.split(AT_ONCE)]
        outputs = {task.name: torch.cat([part[task.name] for part in parts]) for task in self.tasks}
        rows: list[dict[str, Any]] = []
        shares: dict[str, dict[str, float]] = {}
        for task in self.tasks:
            own = {"task": task.name, "kind": task.kind, "condition": ""}
            rows += [{**own, **row} for row in self._against_real(task.name, outputs[task.name])]
            if self._classifier is not None:
                found = modes(self._classifier.probabilities(outputs[task.name]))
                shares[task.name] = dict(zip(self.collections, found.shares, strict=True))
        rows += self._between(outputs)
        return {"source": "noise", "pictures": len(latent), "rows": rows, "shares": shares, "skipped": []}

    def _against_real(self, task: str, images: Images) -> list[dict[str, Any]]:
        """Distances to real pictures, and what the images show, beside what test pictures show."""
        train, test = (each.get(task) for each in self._real)
        if train is None or test is None:
            return []
        found = []
        classifier = self._classifier
        own = [] if classifier is None else [classifier_kid(classifier)]
        for metric in (*own, *self.sets):
            sets = [self._features(metric, each) for each in (images, train.pictures, test.pictures)]
            if min(map(len, sets)) < metric.fewest or min(images.shape[-2:]) < metric.smallest:
                continue
            value, deviation = metric.distance(sets[0], sets[2], torch.Generator().manual_seed(self.seed))
            baseline, _ = metric.distance(sets[1], sets[2], torch.Generator().manual_seed(self.seed))
            found.append(_row(metric.name, metric.better, value, baseline, "real", deviation=deviation))
        if classifier is not None:
            ours, theirs = (modes(classifier.probabilities(each.to(self.device))) for each in (images, test.pictures))
            found.append(
                _row("modes", "higher", ours.covered, theirs.covered, "real", unit=f"of {len(self.collections)}")
            )
            found.append(_row("balance", "higher", ours.balance, theirs.balance, "real"))
            found.append(_row("recognised", "higher", ours.recognised, theirs.recognised, "real"))
        return found

    def _features(self, metric: SetMetric, images: Images) -> Float[Tensor, "N D"]:
        return torch.cat([metric.features(some.to(self.device)) for some in images.split(AT_ONCE)])

    def _between(self, outputs: Mapping[str, Images]) -> list[dict[str, Any]]:
        """How well the tasks' images of a latent fit each other."""
        kinds = {task.name: task.kind for task in self.tasks}
        found = [
            {"task": name, "kind": kinds[name], "condition": "", **_row("absolute", "lower", *errors, "derived")}
            for name, errors in alignment(self.tasks, outputs).items()
        ]
        first = next((task.name for task in self.tasks if task.is_photo), self.tasks[0].name)
        if self._classifier is not None:
            seen = {name: self._classifier.probabilities(images).argmax(dim=1) for name, images in outputs.items()}
            for name in outputs:
                if name != first:
                    same, chance = (
                        (seen[name] == other).float().mean() for other in (seen[first], seen[first].roll(1))
                    )
                    row = _row("same_class", "higher", float(same), float(chance), "task")
                    found.append({"task": name, "kind": kinds[name], "condition": "", **row})
        return found


def _row(metric: str, better: str, value: float, baseline: float, against: str, **more: Any) -> dict[str, Any]:
    return {
        "metric": metric,
        "unit": "",
        "better": better,
        "value": float(value),
        "baseline": float(baseline),
        "compared_with": against,
        **more,
    }
