"""Frames of a clip, and the motion between two of them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from prismgan import images
from prismgan.errors import PictureError

__all__ = ["PACKAGES", "find_clips", "flow", "frames"]

PACKAGES = {"av": "av", "cv2": "opencv-python-headless"}
"""Modules that are needed here, imported where they are used, and the packages that they are in."""
SUFFIXES = frozenset({".mp4", ".mkv", ".mov", ".webm", ".avi"})


def find_clips(folder: Path) -> list[Path]:
    """The clips in a folder, by name; none if there is no such folder."""
    return sorted(path for path in folder.glob("*") if path.suffix.lower() in SUFFIXES and path.is_file())


def frames(path: Path, most: int, widest: int) -> Iterator[UInt8[Tensor, "3 H W"]]:
    """The first ``most`` frames, 0..255, reduced to a width of at most ``widest`` pixels.

    Raises:
        PictureError: the file is no clip that can be read.
    """
    import av

    try:
        with av.open(str(path)) as container:
            for frame in islice(container.decode(video=0), most):
                pixels = torch.from_numpy(frame.to_ndarray(format="rgb24")).permute(2, 0, 1)
                yield _narrowed(pixels, widest)
    except (av.FFmpegError, IndexError, OSError) as error:
        raise PictureError(f"{path}: is not a clip that can be read ({error})") from None


def flow(of: UInt8[Tensor, "3 H W"], to: UInt8[Tensor, "3 H W"]) -> Float[Tensor, "1 2 H W"]:
    """For every pixel of one frame, how far to the right and down its content lies in the other, in pixels.

    Kroeger et al., "Fast optical flow using dense inverse search" (2016), OpenCV's medium preset, on grey.
    """
    import cv2

    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    vectors = search.calc(_grey(of), _grey(to), None)
    return torch.from_numpy(vectors).permute(2, 0, 1)[None]


def _grey(pixels: UInt8[Tensor, "3 H W"]) -> np.ndarray:
    return images.to_uint8(images.luma(images.to_float(pixels)[None]))[0, 0].numpy()


def _narrowed(pixels: UInt8[Tensor, "3 H W"], widest: int) -> UInt8[Tensor, "3 h w"]:
    height, width = pixels.shape[1:]
    if width <= widest:
        return pixels.contiguous()
    return images.to_uint8(images.resize(images.to_float(pixels), round(height * widest / width), widest))
