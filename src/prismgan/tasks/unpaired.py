"""Kinds whose targets are pictures that correspond to no photo: ``cartoon``, ``style`` and ``unpaired``."""

from typing import Annotated, Literal

from pydantic import Field

from prismgan.losses.content import TONE, ComicGuidance, FeatureContent, Structure
from prismgan.losses.pixels import TotalVariation
from prismgan.losses.style import StyleStatistics
from prismgan.tasks.base import Exemplar, LossTerm, NonNegative, PictureName, Task, TaskEntry, Unpaired


class Cartoon(TaskEntry):
    """Draws the photo: the guidance defines flat regions and dark outlines, the adversarial loss the drawings'
    texture."""

    kind: Literal["cartoon"] = "cartoon"
    weight: NonNegative = 0.1
    """Weight of this task relative to the others; tasks that repaint need only a tenth of restoration's."""
    pictures: Annotated[tuple[PictureName, ...], Field(min_length=1)]
    """Folders or files of drawings, or a built-in collection as `builtin:NAME`."""
    guidance_weight: NonNegative = 10.0
    """Weight of the distance to a drawing that filters make from the photo (flat regions, dark outlines)."""
    guidance_structure: NonNegative = 0.05
    """Weight of the feature distance relative to the pixel distance within the guidance."""
    total_variation_weight: NonNegative = 0.1
    """Weight of the total variation, which keeps flat regions flat."""

    def task(self) -> Task:
        settings = {"structure": self.guidance_structure, "varied": self.latent}
        losses = [
            LossTerm("guidance", self.guidance_weight, ComicGuidance, settings, reported=True),
            LossTerm("total_variation", self.total_variation_weight, TotalVariation),
        ]
        return self.make(Unpaired(self.pictures), losses, ink=True)


class Style(TaskEntry):
    """Paints the photo in the style of the exemplars."""

    kind: Literal["style"] = "style"
    weight: NonNegative = 0.1
    """Weight of this task relative to the others; tasks that repaint need only a tenth of restoration's."""
    exemplars: Annotated[tuple[PictureName, ...], Field(min_length=1)]
    """Pictures that show the style, folders of such pictures, or built-in ones as `builtin:NAME`."""
    exemplar_size: Annotated[int, Field(ge=64, le=2048)] = 384
    """Longest side in pixels to which the exemplars are resized; smaller means a finer brush."""
    style_weight: NonNegative = 12.0
    """Weight of the distance between feature statistics of output and exemplars."""
    content_weight: NonNegative = 1.0
    """Weight of the distance between the structure of output and photo."""
    tone_weight: NonNegative = 1.0
    """Weight of the distance between output and photo in brightness, in areas larger than a brush stroke."""
    total_variation_weight: NonNegative = 0.1
    """Weight of the total variation, against speckle."""

    def task(self) -> Task:
        losses = [
            LossTerm("style", self.style_weight, StyleStatistics, reported=True),
            LossTerm("content", self.content_weight, FeatureContent),
            LossTerm("tone", self.tone_weight, Structure, {"levels": TONE}),
            LossTerm("total_variation", self.total_variation_weight, TotalVariation),
        ]
        return self.make(Exemplar(self.exemplars, self.exemplar_size), losses, fine=False)


class UnpairedEntry(TaskEntry):
    """Learns a domain from pictures that correspond to no photo, by the adversarial loss alone."""

    kind: Literal["unpaired"] = "unpaired"
    weight: NonNegative = 0.1
    """Weight of this task relative to the others; tasks that repaint need only a tenth of restoration's."""
    pictures: Annotated[tuple[PictureName, ...], Field(min_length=1)]
    """Folders or files of the domain, or a built-in collection as `builtin:NAME`."""
    adversarial_weight: NonNegative = 1.0
    """Weight of the adversarial loss, the only one that depends on the domain."""
    content_weight: NonNegative = 1.0
    """Weight of the distance between the structure of output and photo."""
    total_variation_weight: NonNegative = 0.1
    """Weight of the total variation, against speckle."""

    def task(self) -> Task:
        losses = [
            LossTerm("content", self.content_weight, Structure),
            LossTerm("total_variation", self.total_variation_weight, TotalVariation),
        ]
        return self.make(Unpaired(self.pictures), losses, fine=False)
