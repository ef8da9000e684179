"""Weights with random numbers: tiny, but every layer does something, as if they had been trained."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from prismgan.networks import Generator, GeneratorConfig, StyleBranchConfig
from prismgan.weights import FORMAT, HeadEntry, Header, Weights

TASKS: dict[str, dict[str, Any]] = {
    "restore": {},
    "fine-2x": {"scale": 2},
    "fine-4x": {"scale": 4},
    "paint": {"fine": False},
    "varied": {"fine": False, "latent": True},
    "drawn": {"latent": True, "additive": False},
    "varied-2x": {"scale": 2, "latent": True},
}


def tiny_weights(
    *names: str, levels: int = 2, finest: int = 2, fresh: bool = False, tasks: Mapping[str, Mapping[str, Any]] = TASKS
) -> Weights:
    """Weights of the named tasks, by default all. The heads of fresh ones leave the source unchanged."""
    torch.manual_seed(0)
    style = StyleBranchConfig(fine=8, coarse=8, blocks=1, head=8, noise=4)
    sizes = {"finest": finest, "widths": (8,) * levels, "blocks": (*(levels - 1) * (1,), 2), "style": style}
    config = GeneratorConfig(**sizes, head_blocks=1, latent=4, code=8)
    entries = tuple(
        HeadEntry(name=name, kind="any", **{"scale": 1, "fine": True, "latent": False, **tasks[name]})
        for name in names or tasks
    )
    generator = Generator(config, [entry.spec() for entry in entries])
    if not fresh:
        with torch.no_grad():
            for head in generator.heads.values():
                head.last.weight.normal_(std=0.05)
                head.last.bias.normal_(std=0.05)
    tensors = {f"generator.{name}": tensor for name, tensor in generator.state_dict().items()}
    header = Header(format=FORMAT, title="tiny", step=7, tasks=entries, generator=config, recipe={})
    return Weights(Path("tiny.safetensors"), header, tensors)
