"""Kernels at 1/4 of a picture's side that are equivalent to layers at 1/2 and at full size.

Consecutive linear layers are one convolution, and a map of a finer resolution is several channels of a coarser one, in
the order of ``pixel_shuffle`` (Shi et al., "Real-time single image and video super-resolution using an efficient
sub-pixel convolutional neural network", CVPR 2016). The large maps between the layers, which cost more than the
multiplications, are never computed.

The operations are separable and the same on both axes: a kernel is the layer's weight times a table for each axis."""

import torch
from jaxtyping import Float
from torch import Tensor

# Bilinear enlargement: [position at 1/2 in a cell, tap of the layer, (previous cell, same cell, next cell)].
_ENLARGED = torch.tensor(
    [
        [[0.75, 0.25, 0.0], [0.25, 0.75, 0.0], [0.0, 0.75, 0.25]],
        [[0.25, 0.75, 0.0], [0.0, 0.75, 0.25], [0.0, 0.25, 0.75]],
    ]
)


def _pixels_table() -> Float[Tensor, "4 2 3 2 3"]:
    """Blurred sub-pixels: [pixel in a cell, sub-pixel of the layer, tap of the layer, position at 1/2, cell]."""
    table = torch.zeros(4, 2, 3, 2, 3)
    for pixel in range(4):
        for step, weight in ((-1, 0.25), (0, 0.5), (1, 0.25)):
            place, subpixel = divmod(pixel + step, 2)
            for tap in range(3):
                cell, inner = divmod(place + tap - 1, 2)
                table[pixel, subpixel, tap, inner, cell + 1] = weight
    return table


_PIXELS = _pixels_table()
_SAME = torch.eye(2)  # [position at 1/2 in a cell, the same position]


def enlarged_kernel(weight: Float[Tensor, "O C 3 3"]) -> Float[Tensor, "4*O C 3 3"]:
    """The kernel of bilinear enlargement by 2 followed by a convolution. Its outputs are unshuffled by 2."""
    return _product("ocij,air,bjs->oabcrs", weight, _ENLARGED).flatten(0, 2)


def pixels_kernel(weight: Float[Tensor, "P C 3 3"]) -> Float[Tensor, "4*P 4*C 3 3"]:
    """The kernel of a convolution, a pixel shuffle by 2 and a (1, 2, 1) blur in both directions. Its inputs are
    unshuffled by 2, and its output pixels unshuffled by 4."""
    subpixels = weight.unflatten(0, (-1, 2, 2))
    return _product("puvcij,auimr,bvjns->pabcmnrs", subpixels, _PIXELS).flatten(3, 5).flatten(0, 2)


def pixels_bias(bias: Float[Tensor, " P"]) -> Float[Tensor, " 4*P"]:
    """The bias for :func:`pixels_kernel`: the blur averages the biases of a pixel's sub-pixels."""
    return bias.unflatten(0, (-1, 4)).mean(1).repeat_interleave(16)


def pointwise_kernel(weight: Float[Tensor, "O C 1 1"], colours: int) -> Float[Tensor, "4*O 4*C 1 1"]:
    """The kernel of a 1x1 convolution of a picture with ``colours`` channels, unshuffled by 2, and of further maps. It
    takes the picture unshuffled by 4 and the maps unshuffled by 2, and returns the outputs unshuffled by 2."""
    picture, maps = weight[..., 0, 0].split([4 * colours, weight.shape[1] - 4 * colours], dim=1)
    subpixels = picture.unflatten(1, (-1, 2, 2))
    of_picture = _product("ocuv,am,bn->oabcmunv", subpixels, _SAME).flatten(3)
    of_maps = _product("oc,am,bn->oabcmn", maps, _SAME).flatten(3)
    return torch.cat([of_picture, of_maps], dim=3).flatten(0, 2)[..., None, None]


def _product(equation: str, weight: Tensor, table: Tensor) -> Tensor:
    """The weight times the table for rows and the table for columns, in the weight's own precision."""
    table = table.to(weight)
    with torch.autocast(weight.device.type, enabled=False):
        return torch.einsum(equation, weight, table, table)
