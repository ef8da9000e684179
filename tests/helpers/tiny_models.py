"""A recipe of five kinds of task, its batches and its models, all tiny; also read by the two-process script."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from helpers.tiny_kinds import tiny_model
from prismgan.batch import Batch
from prismgan.images.drawing import pencil
from prismgan.models import MODELS, Model, ModelConfig, Prism, PrismConfig
from prismgan.tasks import Task
from prismgan.tasks.paired import DerivedEntry, PairedEntry, Restore, SuperResolution
from prismgan.tasks.unpaired import Style

ENTRIES = (
    Restore(name="clean"),
    SuperResolution(name="large", scale=2),
    Style(name="paint", exemplars=("painting.png",), latent=True),
    DerivedEntry(name="pencil", function="pencil"),
    PairedEntry(name="mask"),
)
NAMES = tuple(entry.name for entry in ENTRIES)
SIDE = 16


def tasks() -> list[Task]:
    return [entry.task() for entry in ENTRIES]


def smooth(rows: int, side: int, seed: int) -> Tensor:
    """Random colours (rows, 3, side, side) that change as slowly as a photo's."""
    coarse = torch.rand(rows, 3, 5, 5, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    return F.interpolate(coarse, size=(side, side), mode="bicubic").clamp(-1, 1)


def batch(rows: int = 4, seed: int = 0) -> Batch:
    """Noisy photos; the last of every four rows has no mask."""
    large = smooth(rows, 2 * SIDE, seed)
    reference = F.avg_pool2d(large, 2)
    noise = 0.2 * torch.randn(reference.shape, generator=torch.Generator().manual_seed(seed + 1))
    present = torch.arange(rows) % 4 != 3
    return Batch(
        source=reference + noise,
        reference=reference,
        targets={
            "clean": reference,
            "large": large,
            "pencil": pencil(reference),
            "mask": torch.where(present.view(-1, 1, 1, 1), reference.flip(1), 0.0),
        },
        examples={"paint": stripes(SIDE).expand(rows, -1, -1, -1) * torch.linspace(0.5, 1, rows).view(-1, 1, 1, 1)},
        present={"mask": present},
    )


def stripes(side: int) -> Tensor:
    """An exemplar (3, side, side) that resembles no photo."""
    wave = torch.sin(torch.arange(side) * 1.3)
    return torch.stack([wave.expand(side, -1), wave.expand(side, -1).T, -wave.expand(side, -1)]) * 0.8


def config(
    *,
    objective: str = "non_saturating",
    stages: str = "one",
    balancer: str = "fixed",
    adversary: dict[str, Any] | None = None,
    **settings: Any,
) -> PrismConfig:
    game = {
        "objective": objective,
        "stages": stages,
        "discriminator": {"width": 8, "levels": 2},
        "penalty_every": 2,
        **(adversary or {}),
    }
    style = {"fine": 8, "coarse": 8, "blocks": 1, "head": 8}
    network = {"widths": (8, 12), "blocks": (2, 1), "latent": 4, "code": 8, "style": style}
    return PrismConfig.model_validate(
        {
            "generator": network,
            "adversary": game,
            "balancer": balancer,
            "schedule": {"warmup": 0},
            **settings,
        }
    )


def model(*, seed: int = 0, some_tasks: Sequence[Task] | None = None, **settings: Any) -> Prism:
    """A model of the tiny recipe; see :func:`config` for the settings."""
    exemplars = {"paint": [stripes(48)]}
    return Prism(config(**settings), some_tasks or tasks(), exemplars, steps=1000, seed=seed)


def gradients(made: Model) -> dict[str, Tensor | None]:
    """The gradients that the last step left in all networks and the balancer."""
    networks = {"generator": made.generator, **made.networks, "balancer": made.balancer}
    return {
        f"{network}.{name}": None if parameter.grad is None else parameter.grad.clone()
        for network, module in networks.items()
        for name, parameter in module.named_parameters()
    }


def config_of(kind: str, **settings: Any) -> ModelConfig:
    """The tiny recipe's model of any kind."""
    if kind == "prism":
        return config(**settings)
    common = {**tiny_model(kind), "balancer": "fixed", "schedule": {"warmup": 0}}
    return MODELS[kind].config_type.model_validate({**common, **settings})


def model_of(kind: str, *, seed: int = 0, some_tasks: Sequence[Task] | None = None, **settings: Any) -> Model:
    """A model of any kind, of the tiny recipe."""
    exemplars = {"paint": [stripes(48)]}
    return MODELS[kind](config_of(kind, **settings), some_tasks or tasks(), exemplars, steps=1000, seed=seed)
