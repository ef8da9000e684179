"""Pictures on disk and in memory: reading, writing, resizing, and what filters make of them.

There is one reader, :func:`open_picture`, and one writer, :func:`write_picture`, for a :class:`Picture`: 8 or 16 bits,
with its transparency, profile and EXIF. Training has a ``uint8`` tensor (3, H, W) of it, networks and metrics a float
tensor in [-1, 1].
"""

from prismgan.images.files import MINIMUM_SIDE as MINIMUM_SIDE
from prismgan.images.files import SUFFIXES as SUFFIXES
from prismgan.images.files import find_pictures as find_pictures
from prismgan.images.files import is_picture as is_picture
from prismgan.images.files import refuse_small as refuse_small
from prismgan.images.files import refuse_unread as refuse_unread
from prismgan.images.files import size as size
from prismgan.images.opening import DECODING_ERRORS as DECODING_ERRORS
from prismgan.images.opening import missing as missing
from prismgan.images.opening import open_lazily as open_lazily
from prismgan.images.pixels import LUMA as LUMA
from prismgan.images.pixels import Depth as Depth
from prismgan.images.pixels import Picture as Picture
from prismgan.images.pixels import check_pixels as check_pixels
from prismgan.images.pixels import empty as empty
from prismgan.images.pixels import from_pil as from_pil
from prismgan.images.pixels import from_pixels as from_pixels
from prismgan.images.pixels import interior as interior
from prismgan.images.pixels import luma as luma
from prismgan.images.pixels import on_white as on_white
from prismgan.images.pixels import resized_alpha as resized_alpha
from prismgan.images.pixels import to_8_bits as to_8_bits
from prismgan.images.pixels import to_float as to_float
from prismgan.images.pixels import to_pil as to_pil
from prismgan.images.pixels import to_pixels as to_pixels
from prismgan.images.pixels import to_uint8 as to_uint8
from prismgan.images.reading import open_picture as open_picture
from prismgan.images.reading import read as read
from prismgan.images.resizing import at_most as at_most
from prismgan.images.resizing import bicubic_phases as bicubic_phases
from prismgan.images.resizing import bilinear_phases as bilinear_phases
from prismgan.images.resizing import keys as keys
from prismgan.images.resizing import resize as resize
from prismgan.images.resizing import resized_part as resized_part
from prismgan.images.resizing import upsample as upsample
from prismgan.images.writing import FORMATS as FORMATS
from prismgan.images.writing import LOSSY_FORMATS as LOSSY_FORMATS
from prismgan.images.writing import check_format as check_format
from prismgan.images.writing import check_side as check_side
from prismgan.images.writing import encoded_picture as encoded_picture
from prismgan.images.writing import write as write
from prismgan.images.writing import write_picture as write_picture
