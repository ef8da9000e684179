"""Picture files as rendering reads and writes them: of their own depth, with transparency, profile and EXIF."""

from prismgan.picture.reading import Picture, on_white, open_picture, to_8_bits
from prismgan.picture.writing import (
    DEEP_FORMATS,
    FORMATS,
    check_format,
    check_side,
    encoded_picture,
    resized_alpha,
    write_picture,
)

__all__ = [
    "DEEP_FORMATS",
    "FORMATS",
    "Picture",
    "check_format",
    "check_side",
    "encoded_picture",
    "on_white",
    "open_picture",
    "resized_alpha",
    "to_8_bits",
    "write_picture",
]
