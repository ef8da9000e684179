"""Pictures on disk and in memory: reading, writing, resizing, and what filters make of them.

On disk a picture is any file Pillow reads. In memory it is a ``uint8`` tensor (3, H, W) where it is cached, and a float
tensor in [-1, 1] where a network or a metric sees it. Rendering reads a :class:`Picture`: 8 or 16 bits, with its
transparency, profile and EXIF.
"""

from prismgan.images.files import (
    DECODING_ERRORS,
    MINIMUM_SIDE,
    SUFFIXES,
    damaged,
    find_pictures,
    is_picture,
    missing,
    open_lazily,
    pixel_limit,
    read,
    refuse_small,
    size,
    write,
)
from prismgan.images.pixels import (
    LUMA,
    from_pil,
    interior,
    luma,
    to_float,
    to_pil,
    to_uint8,
)
from prismgan.images.reading import (
    Picture,
    on_white,
    open_picture,
    to_8_bits,
)
from prismgan.images.resizing import (
    at_most,
    bicubic_phases,
    bilinear_phases,
    keys,
    resize,
    upsample,
)
from prismgan.images.writing import (
    DEEP_FORMATS,
    FORMATS,
    LOSSY_FORMATS,
    check_format,
    check_side,
    encoded_picture,
    resized_alpha,
    write_picture,
)

__all__ = [
    "DECODING_ERRORS",
    "DEEP_FORMATS",
    "FORMATS",
    "LOSSY_FORMATS",
    "LUMA",
    "MINIMUM_SIDE",
    "SUFFIXES",
    "Picture",
    "at_most",
    "bicubic_phases",
    "bilinear_phases",
    "check_format",
    "check_side",
    "damaged",
    "encoded_picture",
    "find_pictures",
    "from_pil",
    "interior",
    "is_picture",
    "keys",
    "luma",
    "missing",
    "on_white",
    "open_lazily",
    "open_picture",
    "pixel_limit",
    "read",
    "refuse_small",
    "resize",
    "resized_alpha",
    "size",
    "to_8_bits",
    "to_float",
    "to_pil",
    "to_uint8",
    "upsample",
    "write",
    "write_picture",
]
