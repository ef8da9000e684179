"""Evaluation without a source: compares generated pictures, as a set, with real ones, and the tasks with each other."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from prismgan import images
from prismgan.data import Row, TrainingSet, collate
from prismgan.evaluation.measurement import Evaluation, Figure, Measurement
from prismgan.metrics import ABSOLUTE, Modes, SetMetric, classifier_kid, modes
from prismgan.networks import Classifier, LatentGenerator
from prismgan.render.sampler import strips
from prismgan.tasks import Task, made_of_photo

LATENTS = 1000  # latents that are drawn
AT_ONCE = 100  # of them, in one pass of the generator

STEPS, BATCH, RATE = 500, 64, 1e-3
MAXIMUM_ROWS = 2000  # maximum number of rows used, spread evenly

Images = Float[Tensor, "N 3 H W"]


def alignment(tasks: Sequence[Task], outputs: Mapping[str, Images]) -> dict[str, tuple[float, float]]:
    """For each derived task, the mean absolute error, as a fraction of the range from black to white, of its images
    against its function of the photo task's images; and the same by chance, with the next latent's photo."""
    errors = {}
    for name, made in made_of_photo(tasks, outputs).items():
        own, chance = (ABSOLUTE(outputs[name], other).mean() for other in (made, made.roll(1, dims=0)))
        errors[name] = (float(own), float(chance))
    return errors


@dataclass
class NoiseEvaluation:
    """The sample sheets and metrics of a training without a source; the caller applies the averaged weights."""

    generator: LatentGenerator
    tasks: Sequence[Task]
    train: Sequence[Row]
    test: Sequence[Row]
    crop: int
    seed: int
    sets: Sequence[SetMetric] = ()  # metrics of sets in addition to the classifier's
    device: str = "cpu"

    @cached_property
    def collections(self) -> tuple[str, ...]:
        """The collections, which are the classes for counting modes. With a single one there is no classifier."""
        return tuple(dict.fromkeys(row.collection for row in self.train))

    @cached_property
    def _real(self) -> list[dict[str, "Labelled"]]:
        return [labelled(rows, self.tasks, self.collections, self.crop, self.seed) for rows in (self.train, self.test)]

    @cached_property
    def _classifier(self) -> Classifier | None:
        if len(self.collections) < 2 or not self._real[0]:
            return None
        return train_classifier(self._real[0], len(self.collections), seed=self.seed, device=self.device)

    @torch.no_grad()
    def sheet(self) -> Image.Image:
        # The latents of the first seeds, so that samples show the pictures that users will see.
        latent = torch.cat([self.generator.seeded_latent(seed) for seed in range(12)])
        samples = self.generator(latent.to(self.device))
        return strips({name: [images.to_pil(one) for one in some] for name, some in samples.items()})

    def measure(self, progress: Callable[[int, int], None] | None = None) -> Evaluation:
        """Without step and discriminator."""
        return self.of(self.generator.draw_latent(LATENTS, torch.Generator().manual_seed(self.seed)))

    @torch.no_grad()
    def of(self, latent: Float[Tensor, "N Z"]) -> Evaluation:
        """The evaluation of the images of the given latents."""
        parts = [self.generator(some.to(self.device)) for some in latent.split(AT_ONCE)]
        outputs = {task.name: torch.cat([part[task.name] for part in parts]) for task in self.tasks}
        rows = [row for task in self.tasks for row in self._distances(task, outputs[task.name])]
        aligned = alignment(self.tasks, outputs)
        rows += [Measurement.of(t, ABSOLUTE, *aligned[t.name], "derived") for t in self.tasks if t.name in aligned]
        shares: dict[str, dict[str, float]] = {}
        if self._classifier is not None:
            known = [task for task in self.tasks if task.name in self._real[0]]
            seen = {task.name: self._classifier.probabilities(outputs[task.name]) for task in known}
            for task in known:
                covered = modes(seen[task.name])
                shares[task.name] = dict(zip(self.collections, covered.shares, strict=True))
                rows += self._modes(task, covered)
            rows += self._same(known, seen)
        return Evaluation(source="noise", pictures=len(latent), rows=tuple(rows), shares=shares, skipped=())

    def _distances(self, task: Task, generated: Images) -> list[Measurement]:
        """Distances of the generated images to real test pictures, with those of real training pictures as a bound."""
        train, test = (each.get(task.name) for each in self._real)
        if train is None or test is None:
            return []
        rows = []
        own = [] if self._classifier is None else [classifier_kid(self._classifier)]
        for metric in (*own, *self.sets):
            if min(generated.shape[-2:]) < metric.smallest:
                continue
            sets = [
                torch.cat([metric.features(some.to(self.device)) for some in pictures.split(AT_ONCE)])
                for pictures in (generated, train.pictures, test.pictures)
            ]
            if min(map(len, sets)) >= metric.fewest:
                (value, deviation), (baseline, _) = (
                    metric.distance(one, sets[2], torch.Generator().manual_seed(self.seed)) for one in sets[:2]
                )
                rows.append(Measurement.of(task, metric, value, baseline, "real", deviation=deviation))
        return rows

    def _modes(self, task: Task, shown: Modes) -> list[Measurement]:
        assert self._classifier is not None
        test = self._real[1].get(task.name)
        if test is None:
            return []
        real = modes(self._classifier.probabilities(test.pictures.to(self.device)))
        figures = {
            Figure("modes", f"of {len(self.collections)}"): (shown.covered, real.covered),
            Figure("balance"): (shown.balance, real.balance),
            Figure("recognised"): (shown.recognised, real.recognised),
        }
        return [Measurement.of(task, figure, *values, "real") for figure, values in figures.items()]

    def _same(self, tasks: Sequence[Task], seen: Mapping[str, Float[Tensor, "N C"]]) -> list[Measurement]:
        """How often the classifier sees the same class in a task's image as in that of the photo or the first task."""
        first = next((task for task in tasks if task.is_photo), tasks[0])
        expected = seen[first.name].argmax(dim=1)
        rows = []
        for task in tasks:
            if task is not first:
                classes = seen[task.name].argmax(dim=1)
                same, chance = ((classes == other).float().mean() for other in (expected, expected.roll(1)))
                rows.append(Measurement.of(task, Figure("same_class"), same, chance, "task"))
        return rows


class Labelled(NamedTuple):
    pictures: Float[Tensor, "N 3 H W"]
    classes: Int[Tensor, " N"]  # the index of each picture's collection


def labelled(
    rows: Sequence[Row], tasks: Sequence[Task], collections: Sequence[str], crop: int, seed: int
) -> dict[str, Labelled]:
    """Every task's pictures, from rows of the named collections, cropped as in training but never mirrored. Tasks
    without pairs, whose pictures belong to no row, are left out, and tasks without pictures, too."""
    rows = rows[:: max(1, -(-len(rows) // MAXIMUM_ROWS))]
    pictures: dict[str, list[Tensor]] = defaultdict(list)
    classes: dict[str, list[Tensor]] = defaultdict(list)
    for number, collection in enumerate(collections):
        own = [row for row in rows if row.collection == collection]
        if not own:
            continue
        dataset = TrainingSet(own, tasks, crop, seed=seed, cache_mb=0, mirror=False)
        batch = collate([dataset.sample(position) for position in range(len(own))])
        for task in (task for task in tasks if task.has_pairs):
            real = batch.real(task.name)
            real = real[batch.present.get(task.name, torch.ones(len(real), dtype=torch.bool))]
            if len(real):
                pictures[task.name].append(real)
                classes[task.name].append(torch.full((len(real),), number))
    return {name: Labelled(torch.cat(several), torch.cat(classes[name])) for name, several in pictures.items()}


@torch.enable_grad()
def train_classifier(shown: Mapping[str, Labelled], classes: int, *, seed: int, device: str = "cpu") -> Classifier:
    """One classifier for the pictures of all tasks, the same for the same arguments. A batch is of one task."""
    random = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Classifier(classes)
    network.to(device)
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE)
    turns = list(shown.values())
    for step in range(STEPS):
        task = turns[step % len(turns)]
        drawn = torch.randint(len(task.pictures), (BATCH,), generator=random)
        loss = F.cross_entropy(network(task.pictures[drawn].to(device)), task.classes[drawn].to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network.eval().requires_grad_(False)
