"""Synthetic weights in the layouts of published files: SqueezeNet, and LPIPS's linear heads for it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from prismgan.networks.features import SqueezeFeatures


def convolution(tensors: dict[str, Tensor], name: str, inputs: int, outputs: int, size: int = 3) -> None:
    """Adds weights that preserve the strength of their input."""
    random = torch.Generator().manual_seed(len(tensors))
    scale = (2 / (inputs * size**2)) ** 0.5
    tensors[f"{name}.weight"] = torch.randn(outputs, inputs, size, size, generator=random) * scale
    tensors[f"{name}.bias"] = torch.randn(outputs, generator=random) * 0.1


def squeeze(levels: Sequence[int] = SqueezeFeatures.STYLE_LEVELS) -> dict[str, Tensor]:
    """SqueezeNet up to these levels, in float16."""
    tensors: dict[str, Tensor] = {}
    for name, parameter in SqueezeFeatures(levels).named_parameters():
        if name.endswith(".weight"):
            convolution(tensors, name.removesuffix(".weight"), *reversed(parameter.shape[:2]), size=parameter.shape[-1])
    return {name: tensor.half() for name, tensor in tensors.items()}


def heads() -> dict[str, Tensor]:
    """Heads that count every channel, some more than others."""
    return {
        f"lin{number}.model.1.weight": torch.linspace(0, 2, channels).view(1, channels, 1, 1)
        for number, channels in enumerate(SqueezeFeatures.LPIPS_CHANNELS)
    }


def written(folder: Path) -> tuple[Path, Path]:
    """Files of both, as torch saves them."""
    torch.save(squeeze(SqueezeFeatures.LPIPS_LEVELS), folder / "squeezenet1_1.pth")
    torch.save(heads(), folder / "squeeze.pth")
    return folder / "squeezenet1_1.pth", folder / "squeeze.pth"
