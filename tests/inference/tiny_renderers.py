"""Renderers with random weights: tiny, but every layer does something, as if they had been trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from prismgan import Renderer
from prismgan.models.weights import HeadEntry, Header, Weights
from prismgan.networks import Generator, GeneratorConfig

TASKS = {
    "restore": {},
    "fine-2x": {"scale": 2},
    "fine-4x": {"scale": 4},
    "paint": {"fine": False},
    "varied": {"fine": False, "latent": True},
    "drawn": {"latent": True},
    "coarse-2x": {"fine": False, "scale": 2},
    "coarse-4x": {"fine": False, "scale": 4},
}


def tiny_renderer(*names: str, levels: int = 2, memory: int | None = None, fresh: bool = False) -> Renderer:
    """Of the named tasks, all by default. A fresh one has heads that leave the source as it is."""
    torch.manual_seed(0)
    config = GeneratorConfig(widths=(8,) * levels, blocks=(1,) * levels, head_blocks=1, head_width=8, latent=4, code=8)
    entries = tuple(
        HeadEntry(name=name, kind="any", **{"scale": 1, "fine": True, "latent": False, **TASKS[name]})
        for name in names or TASKS
    )
    generator = Generator(config, [entry.spec() for entry in entries])
    if not fresh:
        with torch.no_grad():
            for head in generator.heads.values():
                head.last.weight.normal_(std=0.05)
                head.last.bias.normal_(std=0.05)
    tensors = {f"generator.{name}": tensor for name, tensor in generator.state_dict().items()}
    header = Header(format=1, title="tiny", step=0, tasks=entries, generator=config, recipe={})
    return Renderer(Weights(Path("tiny.safetensors"), header, tensors), memory)


def pixels(height: int, width: int, depth: int = 8, seed: int = 0) -> NDArray[np.uint8 | np.uint16]:
    """Random pixels (H, W, 3), away from the ends of the range so that little is clipped."""
    most = 2**depth
    values = np.random.default_rng(seed).integers(most // 4, 3 * most // 4, (height, width, 3))
    return values.astype(np.uint8 if depth == 8 else np.uint16)


def difference(first: NDArray[np.unsignedinteger], second: NDArray[np.unsignedinteger]) -> int:
    """The largest one of any pixel."""
    assert first.shape == second.shape
    assert first.dtype == second.dtype
    return int(np.abs(first.astype(np.int64) - second.astype(np.int64)).max())
