"""Sampling: generates every task's image from seeds, with weights that were trained without a source."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import torch
from jaxtyping import Float
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from prismgan import images
from prismgan.errors import PrismganError
from prismgan.networks import LatentGenerator
from prismgan.render.sheet import BACKGROUND, INK
from prismgan.weights import Header, Weights, load_weights

AT_ONCE = 64  # latents in one pass
MOST = 10_000  # latents per call, because all their pictures are in memory


class Sampler:
    """Generates pictures from noise with the generator of a weights file.

    >>> sampler = Sampler.load("weights.safetensors")  # doctest: +SKIP
    >>> sampler(8, seed=3)["digit"][0].save("digit.png")  # doctest: +SKIP
    """

    def __init__(self, weights: Weights) -> None:
        self.header: Header = weights.header
        self.generator: LatentGenerator = weights.latent_generator()

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a weights file that was trained to generate pictures from noise, not to render photos."""
        return cls(load_weights(Path(path)))

    def __call__(self, count: int, seed: int = 0, to: int | None = None) -> dict[str, list[Image.Image]]:
        """Every task's images of ``count`` latents, at most :data:`MOST`; images at the same index belong together. The
        latents are those of ``seed`` and the numbers after it or, with ``to``, lie evenly between the two seeds."""
        least = 1 if to is None else 2
        if not least <= count <= MOST:
            raise PrismganError(f"count: expected {least} to {MOST} pictures, found {count}")
        if to is None:
            latent = torch.cat([self.generator.seeded_latent(seed + number) for number in range(count)])
        else:
            latent = between(self.generator.seeded_latent(seed), self.generator.seeded_latent(to), count)
        generated: dict[str, list[Image.Image]] = {entry.name: [] for entry in self.header.tasks}
        for some in latent.split(AT_ONCE):
            for name, pictures in self.generator(some).items():
                generated[name] += [images.to_pil(picture) for picture in pictures]
        return generated


def between(start: Float[Tensor, "1 Z"], end: Float[Tensor, "1 Z"], count: int) -> Float[Tensor, "N Z"]:
    """Latents spaced evenly on the great circle from one to another, both included. A straight line would pass through
    latents shorter than any in training. White, "Sampling generative networks" (2016), section 2.1."""
    angle = torch.acos(torch.cosine_similarity(start, end).clamp(-1, 1))
    place = torch.linspace(0, 1, count)[:, None]
    if float(torch.sin(angle)) < 1e-4:  # the same or the opposite direction
        return start + place * (end - start)
    return (torch.sin((1 - place) * angle) * start + torch.sin(place * angle) * end) / torch.sin(angle)


def write_samples(generated: Mapping[str, Sequence[Image.Image]], out: Path) -> list[Path]:
    """Write a sheet if ``out`` is named like a picture, otherwise ``NUMBER/TASK.png`` in it; return the files."""
    files = {
        out / f"{number:04d}" / f"{name}.png": picture
        for name, pictures in generated.items()
        for number, picture in enumerate(pictures)
    }
    if out.suffix:
        files = {out: strips(generated)}
    for path, picture in files.items():
        images.write(path, picture)
    return sorted(files)


SHOWN = 64  # smallest width of a picture on the sheet, in pixels
GAP = 2
BETWEEN = 12  # pixels between two blocks of strips
TEXT = 13


def strips(pictures: Mapping[str, Sequence[Image.Image]], columns: int = 12) -> Image.Image:
    """Arrange each task's pictures in a strip with its name on the left; a new block starts after ``columns`` pictures.
    All tasks have the same number of ``pictures``, at least one, all of one size."""
    count = len(next(iter(pictures.values())))
    columns = min(columns, count)
    blocks = -(-count // columns)
    first = next(iter(pictures.values()))[0]
    factor = max(1, -(-SHOWN // first.width))
    width, height = factor * first.width, factor * first.height
    font = ImageFont.load_default(TEXT)
    label = round(max(font.getlength(name) for name in pictures)) + 2 * BETWEEN
    block = len(pictures) * (height + GAP) - GAP + BETWEEN
    canvas = Image.new("RGB", (label + columns * (width + GAP) + BETWEEN, BETWEEN + blocks * block), BACKGROUND)
    draw = ImageDraw.Draw(canvas)
    for row, (name, several) in enumerate(pictures.items()):
        for number, picture in enumerate(several):
            top = BETWEEN + number // columns * block + row * (height + GAP)
            left = label + number % columns * (width + GAP)
            if left == label:
                draw.text((BETWEEN, top + height / 2), name, INK, font, anchor="lm")
            # Nearest neighbour, because smoothing would suggest detail that was not generated.
            canvas.paste(picture.resize((width, height), Image.Resampling.NEAREST), (left, top))
    return canvas
