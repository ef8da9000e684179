"""Quantisation: an ONNX model whose convolutions use int8, and pictures for its calibration."""

import logging
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import onnx
import torch

from prismgan import images
from prismgan.errors import PictureError, explained
from prismgan.export.parity import SIZES, Inputs, Source


def quantise(model: onnx.ModelProto, feeds: Iterable[Inputs], keep: Iterable[str]) -> onnx.ModelProto:
    """The model with convolutions in int8, as pairs of QuantizeLinear and DequantizeLinear. Weights have one scale per
    channel and use 7 of the 8 bits, because older processors add pairs of products in 16 bits; maps have one scale
    each. The convolutions named in ``keep`` stay in float32."""
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    given = onnx.ModelProto()
    given.CopyFrom(model)  # quantize_static strips the weights of its input

    root, level = logging.getLogger(), logging.getLogger().level
    root.setLevel(logging.ERROR)  # the quantiser recommends steps that do not apply to this model
    unwritable = "int8: temporary files cannot be written", "; set TMPDIR to a folder with free space"
    try:
        with explained(*unwritable), tempfile.TemporaryDirectory(prefix="prismgan-") as folder:
            path = Path(folder) / "int8.onnx"
            quantize_static(
                given,
                path,
                SimpleNamespace(get_next=partial(next, iter(feeds), None)),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=["Conv"],
                nodes_to_exclude=list(keep),
                per_channel=True,
                reduce_range=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
            )
            quantised = onnx.load(path)
    finally:
        root.setLevel(level)
    del quantised.metadata_props[:]
    quantised.metadata_props.extend(model.metadata_props)
    quantised.producer_name = model.producer_name
    return quantised


CROP = 160  # longest side of a crop
CROPS = 32  # maximum number of crops, and of pictures: calibration keeps every layer's outputs in memory
CROPS_OF_ONE = 8  # maximum number of crops of one picture
NOISE = (0, 25, 0, 50)  # standard deviations, in 1/255, of the noise in successive crops; without noise 1 dB is lost


def read_pictures(named: Sequence[Path]) -> list[Source]:
    """At most :data:`CROPS` of these files' and folders' pictures, evenly chosen, in [0, 1]; none may be too small."""
    paths = [path for given in named for path in (images.find_pictures(given) if given.is_dir() else [given])]
    if len(paths) > CROPS:
        paths = [paths[number * len(paths) // CROPS] for number in range(CROPS)]
    least = max(side for size in SIZES for side in size)
    pictures = []
    for path in paths:
        image = images.to_float(images.read(path)).add(1).div(2)[None]
        height, width = image.shape[-2:]
        if min(height, width) < least:
            raise PictureError(f"{path}: is {width}x{height} pixels; for calibration each side needs at least {least}")
        pictures.append(image)
    return pictures


def crops(pictures: Sequence[Source]) -> Iterator[Source]:
    """At most :data:`CROPS` crops, taken from the pictures in turn and spread over each picture."""
    for number in range(min(CROPS, CROPS_OF_ONE * len(pictures))):
        picture = pictures[number % len(pictures)]
        # The fractional parts of multiples of irrational numbers are spread evenly.
        places = ((number + 1) * step % 1 for step in (0.618034, 0.414214))
        rooms = (max(side - CROP, 0) for side in picture.shape[-2:])
        top, left = (int(room * place) for room, place in zip(rooms, places, strict=True))
        yield _noisy(picture[..., top : top + CROP, left : left + CROP], number)


def middles(pictures: Sequence[Source]) -> list[Source]:
    """Crops from the middles of pictures, one of each size that is compared."""
    crops = []
    for number, (height, width) in enumerate(SIZES):
        picture = pictures[number % len(pictures)]
        top, left = (picture.shape[-2] - height) // 2, (picture.shape[-1] - width) // 2
        crops.append(_noisy(picture[..., top : top + height, left : left + width], number))
    return crops


def _noisy(crop: Source, number: int) -> Source:
    noise = torch.randn(crop.shape, generator=torch.Generator().manual_seed(number))
    return (crop + NOISE[number % len(NOISE)] / 255 * noise).clamp(0, 1)
