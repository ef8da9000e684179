"""Pictures on disk and in memory: reading, writing, resizing and filters. Files are read and written as
:class:`Picture` objects: 8 or 16 bits, with transparency, profile and EXIF. Training uses ``uint8`` tensors (3, H, W),
networks and metrics use float tensors in [-1, 1]."""

from prismgan.images.files import MINIMUM_SIDE, SUFFIXES, find_pictures, is_picture, refuse_small, refuse_unread, size
from prismgan.images.opening import DECODING_ERRORS, missing, open_lazily
from prismgan.images.pixels import Depth, Picture, from_pil, from_pixels, interior, luma, to_float, to_pil, to_uint8
from prismgan.images.reading import open_picture, read
from prismgan.images.resizing import bicubic_phases, bilinear_phases, fitted, keys, resize, resized_part, upsample
from prismgan.images.writing import check_format, encoded_picture, write, write_picture
