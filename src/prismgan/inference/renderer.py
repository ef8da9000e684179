"""Rendering: one picture in, every task's picture out, by one pass of the generator."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import psutil
import torch
from jaxtyping import Float
from PIL import Image, ImageOps
from torch import Tensor

from prismgan import images
from prismgan.errors import PictureError, PrismganError, nearest
from prismgan.models.weights import Header, Weights, load_weights

__all__ = ["Renderer"]


class Renderer:
    """Renders pictures with the generator of a weights file.

    >>> renderer = Renderer.load("weights.safetensors")  # doctest: +SKIP
    >>> renderer("photo.jpg")["restore"].save("restored.png")  # doctest: +SKIP
    """

    def __init__(self, weights: Weights) -> None:
        self.header: Header = weights.header
        self.generator = weights.generator().to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @classmethod
    def load(cls, path: str | Path | None = None) -> Renderer:
        """Read a weights file; the ready-made one by default.

        Raises:
            WeightsError: it is missing, damaged, or of another version.
        """
        return cls(load_weights(None if path is None else Path(path)))

    @property
    def tasks(self) -> tuple[str, ...]:
        """Names of the pictures that come out, in the recipe's order."""
        return tuple(entry.name for entry in self.header.tasks)

    def __call__(
        self,
        picture: str | Path | Image.Image | Float[Tensor, "3 H W"],
        tasks: Iterable[str] | None = None,
        seed: int = 0,
    ) -> dict[str, Image.Image]:
        """Render a picture into the named tasks, all of them by default, by one pass of the generator.

        Args:
            picture: a file, a Pillow picture, or an image in [-1, 1].
            tasks: names of the tasks; only their heads are computed.
            seed: of the latent z, which changes the tasks that were trained to vary.

        Raises:
            PictureError: the picture cannot be read, or is too small.
            PrismganError: there is no such task.
        """
        names = self.checked(tasks)
        where = str(picture) if isinstance(picture, str | Path) else "picture"
        source = self._source(picture)
        height, width = source.shape[-2:]
        images.refuse_small(where, height, width)
        self._refuse_what_does_not_fit(where, height, width, names)
        latent = self.generator.seeded_latent(seed)
        with torch.inference_mode():
            outputs = self.generator(source[None], latent, names)
        return {name: images.to_pil(output[0]) for name, output in outputs.items()}

    def checked(self, tasks: Iterable[str] | None) -> list[str]:
        """The names, or all; each must be a task of the weights."""
        names = list(self.tasks if tasks is None else tasks)
        if not names:
            raise PrismganError(f"no task is named (these weights have: {', '.join(self.tasks)})")
        for name in names:
            if name not in self.tasks:
                hint = nearest(name, self.tasks)
                raise PrismganError(f"no task is named {name!r}{hint} (these weights have: {', '.join(self.tasks)})")
        return names

    def _refuse_what_does_not_fit(self, where: str, height: int, width: int, names: list[str]) -> None:
        """A picture is rendered whole: better one line than a process that is killed for its memory."""
        scale = max(self.generator.specs[name].scale for name in names)
        # Measured at 1 to 3 megapixels: 370 bytes a source pixel for 32 channels and 2x, 830 with 4x.
        needed = 4 * height * width * (2.5 * self.header.generator.widths[0] + 8 * scale**2)
        free = psutil.virtual_memory().available
        if needed > free:
            raise PictureError(
                f"{where}: rendering {width}x{height} pixels takes about {needed / 1e9:.0f} GB of memory, and "
                f"{free / 1e9:.1f} GB are free; make the picture smaller"
            )

    @staticmethod
    def _source(picture: str | Path | Image.Image | Tensor) -> Float[Tensor, "3 H W"]:
        if isinstance(picture, Tensor):
            return picture
        if isinstance(picture, Image.Image):
            return images.to_float(images.from_pil(ImageOps.exif_transpose(picture)))
        return images.to_float(images.read(Path(picture)))
