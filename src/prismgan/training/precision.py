"""The networks' arithmetic while training."""

from __future__ import annotations

import torch

__all__ = ["precision"]


def precision(choice: str, device: str) -> torch.dtype:
    """The one that is chosen; ``auto`` takes bfloat16 where the processor multiplies it natively."""
    if choice == "auto":
        if device.startswith("cuda"):
            fast = torch.cuda.is_bf16_supported()
        else:
            fast = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
        choice = "bfloat16" if fast else "float32"
    return torch.bfloat16 if choice == "bfloat16" else torch.float32
