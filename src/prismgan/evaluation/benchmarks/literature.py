"""Published numbers to stand beside ours."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["DENOISING", "SUPER_RESOLUTION"]

SUPER_RESOLUTION: Mapping[tuple[str, int], Mapping[str, float]] = {
    ("set5", 2): {"bicubic": 33.66, "FSRCNN": 37.00, "IMDN": 38.00, "SAFMN": 38.00},
    ("set14", 2): {"bicubic": 30.24, "FSRCNN": 32.63, "IMDN": 33.63, "SAFMN": 33.54},
    ("bsd100", 2): {"bicubic": 29.56, "FSRCNN": 31.53, "IMDN": 32.19, "SAFMN": 32.16},
    ("set5", 4): {"bicubic": 28.42, "FSRCNN": 30.71, "IMDN": 32.21, "SAFMN": 32.18},
    ("set14", 4): {"bicubic": 26.00, "FSRCNN": 27.59, "IMDN": 28.58, "SAFMN": 28.60},
    ("bsd100", 4): {"bicubic": 25.96, "FSRCNN": 26.98, "IMDN": 27.56, "SAFMN": 27.58},
}
"""PSNR in dB of Y, by test set and scale: Dong et al., ECCV 2016 (FSRCNN); Hui et al., ACM MM 2019 (IMDN); Sun et al.,
ICCV 2023 (SAFMN)."""

DENOISING: Mapping[int, Mapping[str, float]] = {
    15: {"DnCNN": 33.90, "AirNet": 33.92, "PromptIR": 33.98},
    25: {"DnCNN": 31.24, "AirNet": 31.26, "PromptIR": 31.31},
    50: {"DnCNN": 27.95, "AirNet": 28.00, "PromptIR": 28.06},
}
"""PSNR in dB over RGB on CBSD68, by sigma: Zhang et al., TIP 2017 (DnCNN); Li et al., CVPR 2022 (AirNet); Potlapalli et
al., NeurIPS 2023 (PromptIR)."""
