"""The motion between two frames."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from prismgan import images
from prismgan.packages import require

__all__ = ["flow"]


def flow(of: UInt8[Tensor, "3 H W"], to: UInt8[Tensor, "3 H W"]) -> Float[Tensor, "1 2 H W"]:
    """For every pixel of one frame, how far to the right and down its content lies in the other, in pixels.

    Kroeger et al., "Fast optical flow using dense inverse search" (2016), OpenCV's medium preset, on grey.

    Raises:
        PrismganError: OpenCV is not installed.
    """
    require("clips", "video", "cv2")
    import cv2

    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    vectors = search.calc(_grey(of), _grey(to), None)
    return torch.from_numpy(vectors).permute(2, 0, 1)[None]


def _grey(pixels: UInt8[Tensor, "3 H W"]) -> np.ndarray:
    return images.to_uint8(images.luma(images.to_float(pixels)[None]))[0, 0].numpy()
