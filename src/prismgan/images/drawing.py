"""Drawings made from a photo by fixed filters: targets of `derived` tasks, and guidance of `cartoon` tasks. Every
function takes and returns images (B, 3, H, W) in [-1, 1], of any size from 16 pixels a side."""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from prismgan.images.filters import blur, gradient, guided_filter
from prismgan.images.pixels import luma
from prismgan.images.superpixels import superpixel_colours

Images = Float[Tensor, "B 3 H W"]
STYLE_PARAMETERS = 6  # parameters of a comic's drawing style
TONES = 5.5  # steps of lightness in a comic, in the middle of the range
TONE_EDGE = 8.0  # sharpness of the edge between two steps; sharper ones flicker in clips


def comic(photo: Images, drawing_style: Float[Tensor, "B 6"] | None = None) -> Images:
    """Flat colours in a few tones, and ink.

    Regions are those of Wang & Yu, "White-box cartoonization" (CVPR 2020), section 3.2. Their lightness is brought
    to a few soft steps (Winnemöller, Olsen, Gooch, "Real-time video abstraction", 2006, section 3.3), evenly
    spaced for the eye. Ink is drawn where the photo is darker than its surroundings by a fraction of their brightness,
    so a dark face keeps its eyes and mouth.

    ``drawing_style`` holds numbers in [-1, 1]: from a thin pen to a brush, from dark to light, from
    cool and pale to warm and vivid, from few tones to many, from little ink to much, from flat to shaded regions (flat
    up to 0). None is the middle of all ranges."""
    photo = photo.float()
    drawing_style = photo.new_zeros(len(photo), STYLE_PARAMETERS) if drawing_style is None else drawing_style.float()
    brush, light, warmth, tones, ink, shading = (part.view(-1, 1, 1, 1) for part in drawing_style.unbind(1))
    smooth = guided_filter(photo, luma(photo), radius=2, epsilon=0.003)  # without texture
    regions = torch.lerp(superpixel_colours(smooth).clamp(-1, 1), smooth, 0.8 * shading.clamp_min(0))
    grey = ((luma(regions) + 1) / 2).clamp(0, 1)
    steps = TONES + 2 * tones
    scaled = steps * grey.clamp_min(1e-4).sqrt() + light / 2
    # From 0 to 1 within each step, with no jump at its ends.
    rise = torch.tanh(TONE_EDGE * (scaled - scaled.floor() - 0.5)) / math.tanh(TONE_EDGE / 2)
    step = (scaled.floor() + (rise + 1) / 2 - light / 2).clamp_min(0)
    tone = (0.15 * grey + 0.85 * (step / steps).square()).clamp_min(1e-6) ** (0.85 - 0.3 * light)
    # Colours become lighter and darker with their tones.
    ratio = ((tone + 0.05) / (grey + 0.05)).clamp(0.6, 1.6)
    vivid = 2 * tone - 1 + (1.35 + 0.5 * warmth) * ratio * (regions - luma(regions))
    tint = 0.16 * warmth * photo.new_tensor([1.0, 0.1, -1.0]).view(1, 3, 1, 1) * (1 - (2 * tone - 1).abs())
    thin = outlines(smooth, sigma=0.6, strength=50.0)
    thick = outlines(smooth, sigma=1.9, least=0.008, strength=100.0)
    paper = torch.lerp(thin, thick, (brush + 1) / 2).clamp(1e-3, 1) ** torch.exp(1.2 * ink)
    return (((vivid + tint).clamp(-1, 1) + 1) * paper - 1).clamp(-1, 1)


def pencil(photo: Images) -> Images:
    """A pencil drawing on white paper: soft lines, and shading by tone. Lines and tone are multiplied as in Lu, Xu,
    Jia, "Combining sketch and tone for pencil drawing production" (2012), eq. 11. The tone follows a fixed curve
    instead of the photo's histogram, so that a crop is drawn like the whole photo."""
    photo = photo.float()
    grey = (luma(photo) + 1) / 2
    darker = _darker(photo, 0.7, floor=0.12) + _darker(photo, 1.4, floor=0.12)
    lines = 1 + 0.92 * torch.tanh(6 * (_smooth_along(darker, tangents(photo), sigma=2.0, steps=3) + 0.012).clamp_max(0))
    tone = guided_filter(grey, radius=4, epsilon=0.004).clamp(0, 1)
    shade = 1 - 0.55 * (1 - (tone / 0.6).clamp_max(1)) ** 1.2
    return (2 * (lines * shade).clamp(0, 1) - 1).expand(-1, 3, -1, -1).contiguous()


def edges(photo: Images) -> Images:
    """Bright outlines on black: the magnitude of the Scharr gradient of the grey levels."""
    right, down = gradient(blur(luma(photo.float()), 0.8))
    magnitude = torch.sqrt(right.square() + down.square() + 1e-8)
    return (4 * magnitude).clamp(0, 1).mul(2).sub(1).expand(-1, 3, -1, -1).contiguous()


def inverse(photo: Images) -> Images:
    """The photographic negative."""
    return -photo


def outlines(
    photo: Images, *, sigma: float = 1.0, least: float = 0.012, strength: float = 56.0
) -> Float[Tensor, "B 1 H W"]:
    """Ink from 0 (line) to 1 (paper): a thresholded difference of Gaussians, smoothed along the lines.

    Winnemöller, Kyprianidis, Olsen, "XDoG" (2012), eq. 2 and 5, on the logarithm of grey levels in [0, 1]; smoothed
    twice along a straight segment of each line, not its curve as in Kang, Lee, Chui, "Coherent line drawing" (2007).

    Args:
        sigma: width of a line in pixels.
        least: relative darkness of a pixel against its surroundings at which ink begins.
        strength: how fast ink becomes darker from there.
    """
    along, direction = _darker(photo, sigma), tangents(photo)
    for _ in range(2):
        along = _smooth_along(along, direction)
    return 1 + torch.tanh(strength * (along + least).clamp_max(0))


def _darker(photo: Images, sigma: float, *, floor: float = 0.05) -> Float[Tensor, "B 1 H W"]:
    """The relative brightness of a pixel against its surroundings, negative if it is darker; ``floor`` is added to grey
    levels in [0, 1], against the noise in dark areas."""
    light = torch.log((luma(photo.float()) + 1) / 2 + floor)
    return blur(light, sigma) - blur(light, 1.6 * sigma)


@torch.no_grad()
def tangents(photo: Float[Tensor, "B C H W"]) -> Float[Tensor, "B 2 H W"]:
    """The direction of least change around each pixel, as a unit vector (x, y) up to its sign. The eigenvector of the
    smoothed structure tensor for its smaller eigenvalue (Kyprianidis and Döllner, "Image abstraction by structure
    adaptive filtering", 2008); (0, 1) where nothing changes. Gradients, undefined there, do not go through."""
    right, down = gradient(photo.float())
    tensor = torch.stack([(right * right).sum(1), (down * down).sum(1), (right * down).sum(1)], dim=1)
    xx, yy, xy = blur(tensor, 2.0).unbind(1)
    steepest = torch.atan2(2 * xy, xx - yy) / 2
    return torch.stack([-steepest.sin(), steepest.cos()], dim=1)


def _smooth_along(
    maps: Float[Tensor, "B C H W"], direction: Float[Tensor, "B 2 H W"], *, sigma: float = 2.5, steps: int = 4
) -> Float[Tensor, "B C H W"]:
    """Gaussian mean over a straight segment of 2 ``steps`` + 1 pixels through every pixel."""
    height, width = maps.shape[-2:]
    axes = (torch.arange(side, device=maps.device) for side in (height, width))
    rows, columns = torch.meshgrid(*axes, indexing="ij")
    distances = torch.arange(-steps, steps + 1, device=maps.device)
    weights = torch.exp(-distances.square() / (2 * sigma**2))
    # In grid_sample's units: -1 and 1 are the picture's outer borders.
    size = maps.new_tensor([width, height])
    start = (2 * torch.stack([columns, rows], dim=-1) + 1) / size - 1
    stride = 2 * direction.permute(0, 2, 3, 1) / size
    places = start + distances.view(-1, 1, 1, 1, 1) * stride
    grid = places.transpose(0, 1).flatten(1, 2)
    pieces = F.grid_sample(maps, grid, padding_mode="border", align_corners=False).unflatten(2, (-1, height))
    return torch.einsum("bcnhw,n->bchw", pieces, weights / weights.sum())
