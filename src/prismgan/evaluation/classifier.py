"""The classifier that a training without a source is measured by: taught in the same run, in seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from prismgan.data import Row, TrainingSet
from prismgan.data.batches import collate
from prismgan.networks import Classifier
from prismgan.tasks import Task

__all__ = ["Labelled", "labelled", "train_classifier"]

STEPS, BATCH, RATE = 500, 64, 1e-3
MOST = 2000
"""Rows that are looked at; of more, these are spread evenly."""


class Labelled(NamedTuple):
    """Real pictures of one task."""

    pictures: Float[Tensor, "N 3 H W"]
    classes: Int[Tensor, " N"]
    """The number of the collection that each comes from."""


def labelled(
    rows: Sequence[Row], tasks: Sequence[Task], collections: Sequence[str], crop: int, seed: int
) -> dict[str, Labelled]:
    """Every task's pictures, one of each row that has one, of rows from the named collections.

    They are cut as in training, but never mirrored. Tasks that nothing is shown of are left out, and those without
    pairs, whose pictures belong to no row.

    Raises:
        DataError: none of a collection's pictures can be read.
    """
    rows = rows[:: max(1, -(-len(rows) // MOST))]
    pictures: dict[str, list[Tensor]] = {}
    classes: dict[str, list[Tensor]] = {}
    for number, collection in enumerate(collections):
        own = [row for row in rows if row.collection == collection]
        if not own:
            continue
        dataset = TrainingSet(own, tasks, crop, seed=seed, cache_mb=0, mirror=False)
        batch = collate([dataset.sample(position) for position in range(len(own))])
        for task in (task for task in tasks if task.has_pairs):
            found = batch.real(task.name)
            found = found[batch.present.get(task.name, torch.ones(len(found), dtype=torch.bool))]
            if len(found):
                pictures.setdefault(task.name, []).append(found)
                classes.setdefault(task.name, []).append(torch.full((len(found),), number))
    return {name: Labelled(torch.cat(several), torch.cat(classes[name])) for name, several in pictures.items()}


@torch.enable_grad()
def train_classifier(shown: Mapping[str, Labelled], classes: int, *, seed: int, device: str = "cpu") -> Classifier:
    """One classifier for the pictures of all tasks, the same for the same arguments.

    A batch holds pictures of one task, and the tasks take turns.
    """
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
