"""Pictures that clients sent."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from prismgan import images
from prismgan.errors import PictureError
from prismgan.images import Picture, open_picture, refuse_unread, resized_alpha, to_8_bits
from prismgan.web.limits import Limits
from prismgan.web.refusals import Refusal, words_of
from prismgan.web.uploads import Bounds, Upload, Uploads

LARGE = threading.BoundedSemaphore(2)
"""Of large pictures that are decoded when they arrive."""
READ_FORMATS = frozenset({"PNG", "JPEG", "MPO", "WEBP", "TIFF", "AVIF", "BMP", "GIF"})
"""Pillow's names. It reads many more, for which decoders are old and seldom tested."""


@dataclass
class SentPicture(Upload):
    """One picture; height and width are the right way up."""

    def open(self) -> Picture:
        """Decode it.

        Raises:
            PictureError: it was forgotten in the meantime.
        """
        try:
            return open_picture(self.path)
        except PictureError as error:
            if not self.path.exists():
                raise PictureError("the picture was removed, or is too old; upload it again") from None
            raise PictureError(words_of(error, [self.path])) from None


class Part:
    """The part of a picture that is asked for, as large as it is asked for; by default the whole picture as it is.

    Args:
        crop: left, top, width and height in pixels.
        side: most pixels of the longer side; what is larger is reduced.

    Raises:
        Refusal: the picture does not have this part, or it would be too small to render (422).
    """

    def __init__(self, picture: SentPicture, crop: Sequence[int] | None = None, side: int | None = None) -> None:
        left, top, width, height = self.crop = tuple(crop) if crop else (0, 0, picture.width, picture.height)
        if left + width > picture.width or top + height > picture.height:
            raise Refusal(422, f"crop: reaches beyond the picture, which has {picture.width}x{picture.height} pixels")
        factor = min(1.0, (side or max(width, height)) / max(width, height, 1))
        self.size = round(height * factor), round(width * factor)
        try:
            images.refuse_small("crop" if crop else "side", *self.size)
        except PictureError as error:
            raise Refusal(422, words_of(error)) from None

    def of(self, picture: Picture) -> Picture:
        """That part of the decoded picture, in 8 bits."""
        left, top, width, height = self.crop
        rows, columns = slice(top, top + height), slice(left, left + width)
        pixels = to_8_bits(picture.pixels[rows, columns])
        if self.size != pixels.shape[:2]:
            reduced = Image.fromarray(pixels).resize(self.size[::-1], Image.Resampling.LANCZOS, reducing_gap=3)
            pixels = np.asarray(reduced)
        alpha = None if picture.alpha is None else resized_alpha(picture.alpha[rows, columns], *self.size)
        return replace(picture, pixels=pixels, alpha=None if alpha is None else to_8_bits(alpha))


def sent_pictures(folder: Path, limits: Limits, needed: Callable[[Upload], bool]) -> Uploads[SentPicture]:
    bounds = Bounds(
        what="picture",
        command="prismgan render",
        file_bytes=limits.upload_bytes,
        output_pixels=limits.output_pixels,
        kept=limits.pictures,
        kept_of_a_client=limits.pictures_of_a_client,
    )
    return Uploads(folder, limits, bounds, partial(_checked, limits), needed)


def _checked(limits: Limits, name: str, client: str, path: Path) -> SentPicture:
    """First of all the header is looked at, which costs next to nothing."""
    try:
        unidentified = refuse_unread(path)
        with images.open_lazily(path, unidentified) as file:
            kind, (width, height) = file.format, file.size
    except PictureError as error:
        raise Refusal(415, f"the file {words_of(error, [path])}") from None
    if kind not in READ_FORMATS:
        raise Refusal(415, f"the file has the format {kind}, which is not read; save it as PNG or JPEG")
    if width * height > limits.pixels:
        raise Refusal(
            413,
            f"the picture has {width * height:,} pixels, and {limits.pixels:,} are taken here; "
            "make it smaller, or use prismgan render",
        )
    try:
        # Many large ones at once would take all memory; small ones need not wait for them.
        with LARGE if width * height > limits.quick_pixels else nullcontext():
            pixels = open_picture(path).pixels
        images.refuse_small("picture", *pixels.shape[:2])
    except PictureError as error:
        raise Refusal(422, f"the picture {words_of(error, [path, Path('picture')])}") from None
    return SentPicture(name, client, path, pixels.shape[0], pixels.shape[1])
