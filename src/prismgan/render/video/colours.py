"""Between a clip's YUV and the RGB that is rendered: by the clip's own matrix, there and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["Colours"]

PixelArray = NDArray[np.uint8]

HDR = {16: "PQ", 18: "HLG"}
"""Transfer characteristics of H.273 whose numbers mean light that 8 bits do not hold."""
MATRICES = {1: "ITU709", 4: "FCC", 5: "ITU601", 6: "ITU601", 7: "SMPTE240M", 9: "BT2020"}
"""Matrix coefficients of H.273, as libswscale calls them."""
HD = 720
"""Height from which players take an untagged clip for BT.709."""
FULL_RANGE = 2


@dataclass(frozen=True)
class Colours:
    """A clip's tags, as numbers of H.273, and the matrix that is used for them."""

    primaries: int
    transfer: int
    space: int
    full_range: bool
    matrix: str
    """Name of what converts; a clip without a tag is taken for what players take it for."""

    @classmethod
    def of(cls, frame: Any) -> Self:
        """Of a clip, by its first decoded frame. RGB clips come out as BT.709."""
        rgb = frame.format.is_rgb
        space = 1 if rgb else int(frame.colorspace)
        guess = "ITU709" if frame.height >= HD else "ITU601"
        return cls(
            primaries=int(frame.color_primaries),
            transfer=int(frame.color_trc),
            space=space,
            full_range=not rgb and (int(frame.color_range) == FULL_RANGE or frame.format.name.startswith("yuvj")),
            matrix=MATRICES.get(space, guess),
        )

    @property
    def hdr(self) -> str | None:
        """Name of the transfer where the clip has a high dynamic range."""
        return HDR.get(self.transfer)

    def tag(self, encoder: Any) -> None:
        """Write the tags into an encoder's settings."""
        encoder.color_primaries, encoder.color_trc, encoder.colorspace = self.primaries, self.transfer, self.space
        encoder.color_range = FULL_RANGE if self.full_range else 1

    def to_rgb(self, frame: Any, width: int, height: int) -> PixelArray:
        """(H, W, 3) of a decoded frame, brought to this size should the clip change its own."""
        converted = frame.reformat(
            width=width,
            height=height,
            format="rgb24",
            src_colorspace=None if frame.format.is_rgb else self.matrix,
            src_color_range="JPEG" if self.full_range or frame.format.is_rgb else "MPEG",
            dst_color_range="JPEG",
            interpolation=_exactly(),
            threads=1,
        )
        return np.asarray(converted.to_ndarray())

    def to_yuv(self, pixels: PixelArray) -> Any:
        """A ``yuv420p`` frame of (H, W, 3) pixels; H and W are even."""
        import av

        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
        converted = frame.reformat(
            format="yuv420p",
            src_color_range="JPEG",
            dst_colorspace=self.matrix,
            dst_color_range="JPEG" if self.full_range else "MPEG",
            interpolation=_exactly(),
            threads=1,
        )
        # x264 reads the tags of frames, too.
        converted.color_primaries, converted.color_trc = self.primaries, self.transfer
        converted.colorspace = self.space
        return converted


def _exactly() -> Any:
    """Conversion without short cuts, the same on every machine."""
    from av.video.reformatter import Interpolation

    return Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT | Interpolation.BITEXACT
