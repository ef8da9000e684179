"""One of two training processes; started by ``test_two_processes.py``, which also calls :func:`run` itself.

python two_processes.py RANK RENDEZVOUS RESULT
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, distributed

from helpers.tiny_kinds import COMPARISON_KINDS
from helpers.tiny_models import batch, gradients, model, model_of
from prismgan.balancing import balancer
from prismgan.batch import Batch
from prismgan.models import Model

ROWS, PROCESSES = 4, 2
NO_LIMIT: dict[str, Any] = {"clip": None, "adversary": {"clip": None, "penalty_every": 1}}
CASES: dict[str, dict[str, Any]] = {
    "one stage": {},
    "two stages": {"stages": "two"},
    "two stages, uncertainty": {"stages": "two", "balancer": "uncertainty"},
    "one stage, normalised": {"balancer": "normalised"},
    "one stage, mixes": {"objective": "wasserstein"},
    "two stages, mixes": {"objective": "wasserstein", "stages": "two", "balancer": "normalised"},
    "one stage, both penalties": {"objective": "relativistic"},
    "one stage, hinge": {"objective": "hinge"},
    "some tasks": {"tasks_per_step": 2, "balancer": "uncertainty"},
    "dwa": {"balancer": "dwa"},
    "pcgrad": {"balancer": "pcgrad"},
    "mgda": {"balancer": "mgda"},
    "aligned_mtl": {"balancer": "aligned_mtl"},
    "imtl_g": {"balancer": "imtl_g"},
    "pcgrad, two stages, some tasks": {"balancer": "pcgrad", "stages": "two", "tasks_per_step": 3},
}


def share(whole: Batch, rank: int, world: int) -> Batch:
    """The rows of one of ``world`` processes."""
    rows = slice(rank * ROWS // world, (rank + 1) * ROWS // world)

    def cut(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        return {name: tensor[rows] for name, tensor in tensors.items()}

    return dataclasses.replace(
        whole,
        source=whole.source[rows],
        reference=whole.reference[rows],
        targets=cut(dict(whole.targets)),
        examples=cut(dict(whole.examples)),
        present=cut(dict(whole.present)),
    )


def wake(made: Model) -> None:
    """Set zero-initialised parameters to small numbers: a head that adds nothing passes no gradient to the trunk."""
    random = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in (*made.generator.parameters(), *made.helpers.parameters()):
            if not parameter.any():
                parameter += 0.05 * torch.randn(parameter.shape, generator=random)


def run(rank: int = 0, world: int = 1) -> dict[str, Any]:
    """The results of this process in every case."""
    torch.set_num_threads(1)
    found: dict[str, Any] = {}
    for name, settings in CASES.items():
        prism = model(**NO_LIMIT, **settings) if "adversary" not in settings else model(**settings)
        wake(prism)
        log = prism.step(share(batch(ROWS, seed=1), rank, world))
        found[name] = gradients(prism) | {f"log.{key}": log[key] for key in log if key.startswith("norm/")}

    for kind in COMPARISON_KINDS:
        made = model_of(kind, clip=None)
        wake(made)
        log = made.step(share(batch(ROWS, seed=1), rank, world))
        found[kind] = gradients(made) | {"log.norm": log["norm/generator"]}

    balancer.WINDOW = 1
    prism = model(balancer="dwa")
    for step in range(3):
        log = prism.step(share(batch(ROWS, seed=step), rank, world))
    found["paces"] = {name: float(value) for name, value in log.items() if name.startswith("balance/")}

    prism = model(tasks_per_step=1)
    moved = []
    for step in range(4):
        before = {name: parameter.clone() for name, parameter in prism.generator.named_parameters()}
        prism.step(share(batch(ROWS, seed=step), rank, world))
        after = dict(prism.generator.named_parameters())
        moved.append({name.split(".")[1] for name in after if not torch.equal(before[name], after[name])})
    found["moved"] = moved

    prism = model()
    whole = batch(ROWS)
    whole.source[-1, 0, 3, 3] = float("nan")  # logged only by the last process
    before = {name: parameter.clone() for name, parameter in prism.generator.named_parameters()}
    found["skipped"] = float(prism.step(share(whole, rank, world))["skipped"])
    found["unchanged"] = all(torch.equal(before[name], p) for name, p in prism.generator.named_parameters())
    return found


if __name__ == "__main__":
    me = int(sys.argv[1])
    distributed.init_process_group("gloo", init_method=f"file://{sys.argv[2]}", rank=me, world_size=PROCESSES)
    torch.save(run(me, PROCESSES), Path(sys.argv[3]))
    distributed.destroy_process_group()
