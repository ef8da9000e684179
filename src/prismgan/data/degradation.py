"""What is done to the clean photo to make the source: blur, motion blur, noise and JPEG, in that order.

The order is that of a camera: lens, movement, sensor, file.
"""

from __future__ import annotations

import io
import math
from typing import Annotated, TypeVar

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from pydantic import AfterValidator, Field
from torch import Tensor

from prismgan import images
from prismgan.config import Config
from prismgan.data.streams import integer, uniform

__all__ = ["Condition", "DegradationConfig", "GaussianBlur", "Jpeg", "MotionBlur", "Noise", "add_noise", "degrade"]


Bounds = TypeVar("Bounds", tuple[int, int], tuple[float, float])


def _ordered(bounds: Bounds) -> Bounds:
    if bounds[0] > bounds[1]:
        raise ValueError(f"expected [lowest, highest], found {list(bounds)}: exchange the two")
    return bounds


def _holds_odd(bounds: tuple[int, int]) -> tuple[int, int]:
    if bounds[0] == bounds[1] and bounds[0] % 2 == 0:
        raise ValueError(f"no odd number lies in {list(bounds)}: use [{bounds[0] - 1}, {bounds[0] + 1}]")
    return bounds


Probability = Annotated[float, Field(ge=0, le=1)]
NonNegative = Annotated[float, Field(ge=0)]
Quality = Annotated[int, Field(ge=1, le=100)]
Length = Annotated[int, Field(ge=1, le=99)]


class GaussianBlur(Config):
    """A lens out of focus."""

    probability: Probability = 0.3
    """How often it is applied to a source that is not left clean."""
    sigma: Annotated[tuple[NonNegative, NonNegative], AfterValidator(_ordered)] = (0.4, 2.0)
    """Lowest and highest standard deviation of the kernel, in pixels of the source."""


class MotionBlur(Config):
    """A camera that moved in a straight line, in any direction."""

    probability: Probability = 0.15
    """How often it is applied to a source that is not left clean."""
    length: Annotated[tuple[Length, Length], AfterValidator(_ordered), AfterValidator(_holds_odd)] = (3, 11)
    """Shortest and longest way, in pixels of the source; odd lengths in between are drawn."""


class Noise(Config):
    """Gaussian noise, independent in every pixel and colour."""

    probability: Probability = 0.6
    """How often it is applied to a source that is not left clean."""
    sigma: Annotated[tuple[NonNegative, NonNegative], AfterValidator(_ordered)] = (2.0, 40.0)
    """Lowest and highest standard deviation in units of 0..255, as papers print it."""
    unclipped: Probability = 0.0
    """How often noise may leave the range from black to white, as in the test sets of papers. No file holds such a
    source, and JPEG ends it."""


class Jpeg(Config):
    """Compression by the real JPEG codec, colours at half resolution."""

    probability: Probability = 0.4
    """How often it is applied to a source that is not left clean."""
    quality: Annotated[tuple[Quality, Quality], AfterValidator(_ordered)] = (30, 95)
    """Lowest and highest quality, as libjpeg counts it."""


class DegradationConfig(Config):
    """What may happen to a source. A part that is left out never happens."""

    clean: Probability = 0.2
    """How often nothing at all is applied, so that a good picture is left as it is."""
    gaussian_blur: GaussianBlur | None = None
    """A lens out of focus."""
    motion_blur: MotionBlur | None = None
    """A camera that moved."""
    noise: Noise | None = None
    """Gaussian noise."""
    jpeg: Jpeg | None = None
    """JPEG compression."""


class Condition(Config):
    """A fixed degradation with a name, under which a network is tested."""

    name: str
    """Name in the report."""
    gaussian_blur: NonNegative = 0.0
    """Standard deviation of the blur in pixels; 0 for none."""
    motion_blur: Annotated[int, Field(ge=0, le=99)] = 0
    """Length of the motion in pixels, rounded up to an odd number; 0 for none."""
    noise: NonNegative = 0.0
    """Standard deviation of the noise in units of 0..255; 0 for none."""
    unclipped: bool = False
    """Whether noise may leave the range from black to white; no file holds that."""
    jpeg: Quality | None = None
    """JPEG quality; null for none."""

    def apply(self, image: Float[Tensor, "3 H W"], generator: torch.Generator) -> Float[Tensor, "3 H W"]:
        """The image under this condition, in [-1, 1] unless it is ``unclipped``; bitwise the image itself where
        nothing is asked for."""
        if self.gaussian_blur > 0:
            image = _gaussian_blur(image, self.gaussian_blur)
        if self.motion_blur > 0:
            image = _motion_blur(image, self.motion_blur | 1, uniform(generator, 0.0, 360.0))
        if self.noise > 0:
            image = add_noise(image, self.noise, generator)
        if not self.unclipped:
            image = image.clamp(-1.0, 1.0)
        return image if self.jpeg is None else _jpeg(image, self.jpeg)


def draw(config: DegradationConfig, generator: torch.Generator) -> Condition:
    """One condition out of those that ``config`` allows."""
    name = "drawn"

    def happens(part: GaussianBlur | MotionBlur | Noise | Jpeg) -> bool:
        return uniform(generator, 0.0, 1.0) < part.probability

    gaussian_blur, motion_blur, noise, unclipped, jpeg = 0.0, 0, 0.0, False, None
    if uniform(generator, 0.0, 1.0) < config.clean:
        return Condition(name=name)
    if config.gaussian_blur is not None and happens(config.gaussian_blur):
        gaussian_blur = uniform(generator, *config.gaussian_blur.sigma)
    if config.motion_blur is not None and happens(config.motion_blur):
        low, high = config.motion_blur.length
        motion_blur = 2 * integer(generator, low // 2, (high - 1) // 2) + 1
    if config.noise is not None and happens(config.noise):
        noise = uniform(generator, *config.noise.sigma)
        unclipped = config.noise.unclipped > 0 and uniform(generator, 0.0, 1.0) < config.noise.unclipped
    if config.jpeg is not None and happens(config.jpeg):
        jpeg = integer(generator, *config.jpeg.quality)
    return Condition(
        name=name, gaussian_blur=gaussian_blur, motion_blur=motion_blur, noise=noise, unclipped=unclipped, jpeg=jpeg
    )


def degrade(
    image: Float[Tensor, "3 H W"], config: DegradationConfig, generator: torch.Generator
) -> Float[Tensor, "3 H W"]:
    """The source for a clean photo, of the same size; in [-1, 1] as well, but for unclipped noise.

    Args:
        image: the clean photo.
        config: what may happen to it.
        generator: all randomness comes from it.
    """
    return draw(config, generator).apply(image, generator)


def _gaussian_blur(image: Float[Tensor, "3 H W"], sigma: float) -> Float[Tensor, "3 H W"]:
    from kornia.filters import gaussian_blur2d  # takes long to import, and is not always needed

    side = 2 * math.ceil(3 * sigma) + 1
    blurred: Tensor = gaussian_blur2d(image[None], (side, side), (sigma, sigma), border_type="replicate")
    return blurred[0]


def _motion_blur(image: Float[Tensor, "3 H W"], length: int, angle: float) -> Float[Tensor, "3 H W"]:
    if length < 3:
        return image  # a way of one pixel; kornia refuses it
    from kornia.filters import motion_blur

    blurred: Tensor = motion_blur(image[None], length, angle, 0.0, border_type="replicate")
    return blurred[0]


def add_noise(image: Float[Tensor, "3 H W"], sigma: float, generator: torch.Generator) -> Float[Tensor, "3 H W"]:
    """The image with Gaussian noise of so large a ``sigma``, in units of 0..255; values outside [-1, 1] stay."""
    return image + sigma / 127.5 * torch.randn(image.shape, generator=generator)


def _jpeg(image: Float[Tensor, "3 H W"], quality: int) -> Float[Tensor, "3 H W"]:
    # Not kornia's differentiable codec: its soft rounding keeps about 0.6 dB that a real file loses, no
    # gradient is needed here, and the real codec is four times as fast and takes any size.
    file = io.BytesIO()
    images.to_pil(image).save(file, format="JPEG", quality=quality)
    with Image.open(file) as picture:
        pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous()
    return images.to_float(pixels)
