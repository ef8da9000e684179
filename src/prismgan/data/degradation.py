"""Degradations that make the source from the clean photo: blur, defocus, motion blur, noise and JPEG. Their default
order is that of a camera: lens, motion, sensor, file."""

import io
import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeVar, get_args

import torch
from jaxtyping import Float
from PIL import Image
from pydantic import AfterValidator, Field
from torch import Tensor
from torch.nn import functional as F

from prismgan import images
from prismgan.config import Config
from prismgan.data.streams import integer, permutation, uniform

Step = Literal["gaussian_blur", "defocus", "motion_blur", "noise", "first_jpeg", "jpeg"]
ORDER: tuple[Step, ...] = get_args(Step)
# Spatially correlated noise: finest and coarsest grain in pixels; range of JPEG qualities applied to the noise, and the
# standard deviation before that, in units of [-1, 1].
GRAIN, GRAIN_QUALITY, GRAIN_CONTRAST = (1.5, 4.0), (20, 60), 0.2

Bounds = TypeVar("Bounds", tuple[int, int], tuple[float, float])


def _ordered(bounds: Bounds) -> Bounds:
    if bounds[0] > bounds[1]:
        raise ValueError(f"expected [lowest, highest], found {list(bounds)}: swap the two")
    return bounds


def _holds_odd(bounds: tuple[int, int]) -> tuple[int, int]:
    if bounds[0] == bounds[1] and bounds[0] % 2 == 0:
        raise ValueError(f"no odd number lies in {list(bounds)}: use [{bounds[0] - 1}, {bounds[0] + 1}]")
    return bounds


Probability = Annotated[float, Field(ge=0, le=1)]
Applied = Annotated[Probability, Field(description="Probability of applying it to a source that is not left clean.")]
NonNegative = Annotated[float, Field(ge=0)]
Quality = Annotated[int, Field(ge=1, le=100)]
Length = Annotated[int, Field(ge=1, le=99)]


class GaussianBlur(Config):
    """A soft lens, or a small picture that was enlarged."""

    probability: Applied = 0.3
    sigma: Annotated[tuple[NonNegative, NonNegative], AfterValidator(_ordered)] = (0.4, 2.0)
    """Lowest and highest standard deviation of the kernel, in pixels of the source."""


class Defocus(Config):
    """A lens out of focus: every point becomes a disc."""

    probability: Applied = 0.1
    radius: Annotated[tuple[NonNegative, NonNegative], AfterValidator(_ordered)] = (0.5, 3.0)
    """Smallest and largest radius of the disc, in pixels of the source."""


class MotionBlur(Config):
    """A camera that moved in a straight line, in any direction."""

    probability: Applied = 0.15
    length: Annotated[tuple[Length, Length], AfterValidator(_ordered), AfterValidator(_holds_odd)] = (3, 11)
    """Shortest and longest motion, in pixels of the source; an odd length in between is drawn."""


class Noise(Config):
    """Noise: Gaussian and independent in every pixel and colour, unless its fields say otherwise."""

    probability: Applied = 0.6
    sigma: Annotated[tuple[NonNegative, NonNegative], AfterValidator(_ordered)] = (2.0, 40.0)
    """Lowest and highest standard deviation in units of 0..255, as in papers."""
    unclipped: Probability = 0.0
    """Probability that noise may exceed the range from black to white, as in the test sets of papers. No file can store
    such a source, and JPEG clips it."""
    poisson: Probability = 0.0
    """Probability of photon noise, whose variance grows with brightness; sigma is then the deviation at white."""
    correlated: Probability = 0.0
    """Probability of noise that is correlated between neighbouring pixels, as in photos that were enlarged or
    compressed after they had become noisy: the noise is drawn small and enlarged, or compressed as JPEG first."""


class Jpeg(Config):
    """Compression by the real JPEG codec, with colours at half resolution."""

    probability: Applied = 0.4
    quality: Annotated[tuple[Quality, Quality], AfterValidator(_ordered)] = (30, 95)
    """Lowest and highest quality, on libjpeg's scale."""
    twice: Probability = 0.0
    """Probability of an earlier compression, with a separately drawn quality and shifted blocks."""


class DegradationConfig(Config):
    """The possible degradations of a source. Degradations that are left out never occur."""

    clean: Probability = 0.2
    """Probability of applying nothing, so that the network learns to leave good pictures unchanged."""
    gaussian_blur: GaussianBlur | None = None
    """A soft lens."""
    defocus: Defocus | None = None
    """A lens out of focus."""
    motion_blur: MotionBlur | None = None
    """A camera that moved."""
    noise: Noise | None = None
    """Noise of the sensor."""
    jpeg: Jpeg | None = None
    """JPEG compression."""
    single: Probability = 0.0
    """Probability that only one degradation is applied if several were drawn, so that each also occurs alone."""
    shuffled: Probability = 0.0
    """Probability of random order instead of that of a camera."""


class Condition(Config):
    """A fixed degradation with a name, under which a network is tested."""

    name: str
    """Name in the report."""
    gaussian_blur: NonNegative = 0.0
    """Standard deviation of the blur in pixels; 0 for none."""
    defocus: NonNegative = 0.0
    """Radius of the disc of confusion in pixels; 0 for none."""
    motion_blur: Annotated[int, Field(ge=0, le=99)] = 0
    """Length of the motion in pixels, rounded up to an odd number; 0 for none."""
    noise: NonNegative = 0.0
    """Standard deviation of the noise in units of 0..255; 0 for none."""
    unclipped: bool = False
    """Whether noise may exceed the range from black to white, which no file can store."""
    poisson: bool = False
    """Whether the noise is photon noise, with `noise` as the standard deviation at white."""
    grain: NonNegative = 0.0
    """Grain size of Gaussian noise in pixels; up to 1, noise is independent in every pixel."""
    grain_jpeg: Quality | None = None
    """Quality of a JPEG compression of the Gaussian noise before it is added; null for none."""
    first_jpeg: Quality | None = None
    """Quality of an earlier JPEG with shifted blocks; null for none."""
    jpeg: Quality | None = None
    """JPEG quality; null for none."""
    order: tuple[Step, ...] = ORDER
    """Order of the degradations."""

    def apply(self, image: Float[Tensor, "3 H W"], generator: torch.Generator) -> Float[Tensor, "3 H W"]:
        """The degraded image, in [-1, 1] unless ``unclipped``; bitwise the same if there is no degradation."""
        for step in self.order:
            if step == "gaussian_blur" and self.gaussian_blur > 0:
                image = _gaussian_blur(image, self.gaussian_blur)
            elif step == "defocus" and self.defocus > 0:
                image = _defocus(image, self.defocus)
            elif step == "motion_blur" and self.motion_blur > 0:
                image = _motion_blur(image, self.motion_blur | 1, uniform(generator, 0.0, 360.0))
            elif step == "noise" and self.noise > 0:
                if self.poisson:
                    image = _photons(image, self.noise, generator)
                elif self.grain > 1 or self.grain_jpeg is not None:
                    image = image + self.noise / 127.5 * _grain(image.shape, self.grain, self.grain_jpeg, generator)
                else:
                    image = image + self.noise / 127.5 * torch.randn(image.shape, generator=generator)
            elif step == "first_jpeg" and self.first_jpeg is not None:
                image = _shifted_jpeg(image, self.first_jpeg, generator)
            elif step == "jpeg" and self.jpeg is not None:
                image = _jpeg(image, self.jpeg)
        return image if self.unclipped else image.clamp(-1.0, 1.0)


def draw(config: DegradationConfig, generator: torch.Generator) -> Condition:
    """A random condition within ``config``."""

    def happens(probability: float) -> bool:
        # A probability of 0 draws no number, so that recipes from before a new field keep their random numbers.
        return probability > 0 and uniform(generator, 0.0, 1.0) < probability

    if uniform(generator, 0.0, 1.0) < config.clean:
        return Condition(name="drawn")
    faults: list[dict[str, Any]] = []
    if config.gaussian_blur is not None and happens(config.gaussian_blur.probability):
        faults.append({"gaussian_blur": uniform(generator, *config.gaussian_blur.sigma)})
    if config.defocus is not None and happens(config.defocus.probability):
        faults.append({"defocus": uniform(generator, *config.defocus.radius)})
    if config.motion_blur is not None and happens(config.motion_blur.probability):
        low, high = config.motion_blur.length
        faults.append({"motion_blur": 2 * integer(generator, low // 2, (high - 1) // 2) + 1})
    if config.noise is not None and happens(config.noise.probability):
        noise: dict[str, Any] = {"noise": uniform(generator, *config.noise.sigma)}
        noise["unclipped"] = happens(config.noise.unclipped)
        noise["poisson"] = happens(config.noise.poisson)
        if not noise["poisson"] and happens(config.noise.correlated):
            if happens(0.5):
                noise["grain"] = uniform(generator, *GRAIN)
            else:
                noise["grain_jpeg"] = integer(generator, *GRAIN_QUALITY)
        faults.append(noise)
    if config.jpeg is not None and happens(config.jpeg.probability):
        compression = {"jpeg": integer(generator, *config.jpeg.quality)}
        if happens(config.jpeg.twice):
            compression["first_jpeg"] = integer(generator, *config.jpeg.quality)
        faults.append(compression)
    if len(faults) > 1 and happens(config.single):
        faults = [faults[integer(generator, 0, len(faults) - 1)]]
    drawn = {field: value for fault in faults for field, value in fault.items()}
    if len(drawn) > 1 and happens(config.shuffled):
        drawn["order"] = tuple(ORDER[place] for place in permutation(generator, len(ORDER)))
    return Condition(name="drawn", **drawn)


def _gaussian_blur(image: Float[Tensor, "3 H W"], sigma: float) -> Float[Tensor, "3 H W"]:
    from kornia.filters import gaussian_blur2d  # takes long to import, and is not always needed

    side = 2 * math.ceil(3 * sigma) + 1
    return gaussian_blur2d(image[None], (side, side), (sigma, sigma), border_type="replicate")[0]


def _defocus(image: Float[Tensor, "3 H W"], radius: float) -> Float[Tensor, "3 H W"]:
    border = math.ceil(radius)
    axis = torch.arange(-border, border + 1, dtype=torch.float32)
    disc = (radius + 0.5 - torch.hypot(axis[:, None], axis)).clamp(0, 1)
    return F.conv2d(F.pad(image[:, None], (border,) * 4, mode="replicate"), (disc / disc.sum())[None, None])[:, 0]


def _motion_blur(image: Float[Tensor, "3 H W"], length: int, angle: float) -> Float[Tensor, "3 H W"]:
    if length < 3:
        return image  # a motion of one pixel, which kornia refuses
    from kornia.filters import motion_blur

    return motion_blur(image[None], length, angle, 0.0, border_type="replicate")[0]


def _photons(image: Float[Tensor, "3 H W"], sigma: float, generator: torch.Generator) -> Float[Tensor, "3 H W"]:
    """Photon counts, scaled so that the standard deviation at white is ``sigma`` of 255."""
    white = (255 / sigma) ** 2
    counts = torch.poisson((image + 1).clamp_min(0) / 2 * white, generator)
    return counts / white * 2 - 1


def _grain(
    shape: Sequence[int], size: float, quality: int | None, generator: torch.Generator
) -> Float[Tensor, "3 H W"]:
    """Noise of standard deviation 1 that is correlated between neighbouring pixels."""
    channels, height, width = shape
    coarse = [max(2, math.ceil(side / max(size, 1.0))) for side in (height, width)]
    noise = images.resize(torch.randn(channels, *coarse, generator=generator), height, width)
    if quality is not None:
        noise = _jpeg((noise * GRAIN_CONTRAST).clamp(-1, 1), quality)
        noise = noise - noise.mean()
    return noise / noise.std().clamp_min(1e-3)


def _shifted_jpeg(image: Float[Tensor, "3 H W"], quality: int, generator: torch.Generator) -> Float[Tensor, "3 H W"]:
    """A JPEG of a padded picture, cropped again, so that its blocks do not start at the corner."""
    top, left = integer(generator, 0, 7), integer(generator, 0, 7)
    return _jpeg(F.pad(image[None], (left, 0, top, 0), mode="replicate")[0], quality)[:, top:, left:]


def _jpeg(image: Float[Tensor, "3 H W"], quality: int) -> Float[Tensor, "3 H W"]:
    # Not kornia's differentiable codec: its soft rounding keeps about 0.6 dB that a real file loses, no
    # gradient is needed here, and the real codec is four times as fast and takes any size.
    file = io.BytesIO()
    images.to_pil(image).save(file, format="JPEG", quality=quality)
    with Image.open(file) as picture:
        return images.to_float(images.from_pil(picture))
