"""The generator: one trunk that is computed once, and a light head for every task.

The trunk starts at half resolution by pixel unshuffling and goes down to 1/4, and up again to 1/2, where restoration
lives: a U-shape (Ronneberger et al. 2015) with nearly all of its finer blocks on the way up. Looks live at 1/4 and
below. A head reads the level that its task needs. Heads add to the (bicubically enlarged) source, and start by adding
nothing; those of tasks that keep none of its colours stand alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Annotated, NamedTuple, Self

from jaxtyping import Float
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from prismgan.config import Config
from prismgan.images import interior
from prismgan.networks.blocks import SLOPE, ResidualBlock, convolution, icnr_, zero_
from prismgan.networks.borders import enlarged, repeated, softened
from prismgan.networks.cells import add, spread
from prismgan.networks.image_generator import ImageGenerator
from prismgan.networks.task_generator import GeneratorSizes, HeadSpec, Levels, Positive

__all__ = ["BORDER", "Encoded", "Features", "Generator", "GeneratorConfig", "LooksConfig", "Painting", "Trunk"]

BORDER = 2
"""Cells at 1/2 that a repainting head needs beyond the picture: one for its last convolution, one for enlargement."""


class LooksConfig(Config):
    """Size of the part of the trunk that repainting looks have for themselves."""

    shared: Annotated[int, Field(ge=0, le=64)] = 1
    """Blocks of the coarsest level that restoration shares with them."""
    width: Positive = 96
    """Channels at half the coarsest level's resolution."""
    blocks: Positive = 5
    """Residual blocks there."""
    refining: Annotated[int, Field(ge=0, le=64)] = 1
    """Residual blocks behind the way back to the coarsest level."""


class GeneratorConfig(GeneratorSizes):
    """Size of the generator."""

    widths: Levels = (48, 64)
    """Channels at 1/2, 1/4, 1/8 ... of the source's side. Multiples of 16 run fastest."""
    blocks: Levels = (6, 8)
    """Residual blocks at each of these levels; those at 1/2 are computed for restoration alone, not for looks."""
    looks: LooksConfig | None = None
    """What repainting looks have of the trunk for themselves; null lets them read what restoration makes of the
    coarsest level."""
    head_blocks: Annotated[int, Field(ge=0, le=16)] = 1
    """Residual blocks of every head."""
    head_width: Annotated[int, Field(gt=1, le=1024)] = 32
    """Channels in the heads of looks; half as many where they go back to 1/2."""
    latent: Positive = 16
    """Dimensions of the latent z ~ N(0, I)."""
    code: Positive = 64
    """Width of the fully connected layers that z goes through."""

    @model_validator(mode="after")
    def _shares_what_there_is(self) -> Self:
        if self.shared > self.blocks[-1]:
            raise ValueError(f"looks.shared is {self.shared}, but the coarsest level has {self.blocks[-1]} blocks")
        return self

    @property
    def shared(self) -> int:
        """Blocks of the coarsest level that all tasks read."""
        return self.blocks[-1] if self.looks is None else self.looks.shared


class Features(NamedTuple):
    """What the trunk hands to the heads."""

    shallow: Float[Tensor, "B C H/2 W/2"]
    coarse: Float[Tensor, "B D H/2^L W/2^L"]
    """For heads that repaint. Where none was asked for, what they share with restoration."""
    fine: Float[Tensor, "B C H/2 W/2"] | None
    """None where no head that reads it was asked for."""


class Encoded(NamedTuple):
    """A source after the part of the work that all tasks share."""

    features: Features
    bordered: Float[Tensor, "B 12 h w"]
    """The source unshuffled by 2, padded to whole cells, with a border of one cell."""
    height: int
    width: int


def _stage(width: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(ResidualBlock(width) for _ in range(count)))


class Painting(nn.Module):
    """What looks have of the trunk for themselves: from the coarsest level one farther down, and back.

    At 1/8 a block costs a quarter of one at 1/4 and sees twice as far, and strokes are as wide as that; what is finer
    comes around it. What is shared is learnt from all tasks at once, and each wants something else of it: so little is.
    What comes back is softened: where a photo is plain a style still asks for variation, and what changes its sign from
    cell to cell is the easiest there, a weave.
    """

    def __init__(self, width: int, config: LooksConfig) -> None:
        super().__init__()
        self.down = nn.Conv2d(width, config.width, 2, stride=2)
        self.blocks = _stage(config.width, config.blocks)
        self.up = convolution(config.width, width, size=1)
        self.refining = _stage(width, config.refining)

    def forward(self, maps: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C h w"]:
        """Any sides."""
        height, width = maps.shape[-2:]
        # With one more row and column half a cell is made a whole one, and beyond a whole one nothing is read.
        found = self.blocks(self.down(repeated(F.leaky_relu(maps, SLOPE), 1)[..., 1:, 1:]))
        refined: Tensor = self.refining(maps + enlarged(softened(self.up(found)), 2)[..., :height, :width])
        return refined


class Trunk(nn.Module):
    """Source, unshuffled by 2, to features at the finest and the coarsest level.

    The way down is short: one layer a level, then the blocks of the coarsest level. The way up has all blocks of the
    finer levels, where restoration lives, and starts from what the coarse level knows of the surroundings. Looks leave
    after the coarsest level's first blocks for a part of their own (:class:`Painting`), where there is one. So each
    pays for what it needs, and a look's gradients never reach the finer blocks.
    """

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        widths, blocks = config.widths, config.blocks
        pairs = list(pairwise(widths))
        self.stem = convolution(12, widths[0])
        self.down = nn.ModuleList(nn.Conv2d(fine, coarse, 2, stride=2) for fine, coarse in pairs)
        self.coarse = _stage(widths[-1], blocks[-1])
        self._shared = config.shared
        self.painting = None if config.looks is None else Painting(widths[-1], config.looks)
        self.up = nn.ModuleList(icnr_(nn.Conv2d(coarse, 4 * fine, 1), 2) for fine, coarse in pairs)
        self.fine = nn.ModuleList(_stage(*level) for level in zip(widths[:-1], blocks[:-1], strict=True))

    @property
    def common(self) -> nn.Sequential:
        """Blocks of the coarsest level that all tasks read."""
        return nn.Sequential(*list(self.coarse)[: self._shared])

    @property
    def restoring(self) -> nn.Sequential:
        """Blocks of the coarsest level that fine heads alone read."""
        return nn.Sequential(*list(self.coarse)[self._shared :])

    def forward(self, source: Float[Tensor, "B 12 H/2 W/2"], looks: bool = True, fine: bool = True) -> Features:
        """``looks`` and ``fine`` say whether the features that repainting heads and fine heads read are wanted."""
        shallow = maps = self.stem(source)
        skips = []
        for down in self.down:
            skips.append(maps)
            maps = down(F.leaky_relu(maps, SLOPE))
        shared = self.common(maps)
        coarse = self.painting(shared) if looks and self.painting is not None else shared
        if not fine:
            return Features(shallow, coarse, None)
        maps = self.restoring(shared)
        for skip, up, blocks in reversed(list(zip(skips, self.up, self.fine, strict=True))):
            maps = blocks(skip + F.pixel_shuffle(up(maps), 2))
        return Features(shallow, coarse, maps)


class FineHead(nn.Module):
    """A residual for every sub-pixel, from the finest features."""

    def __init__(self, config: GeneratorConfig, spec: HeadSpec) -> None:
        super().__init__()
        code = config.code if spec.latent else 0
        width = config.widths[0]
        self.blocks = nn.ModuleList(ResidualBlock(width, code) for _ in range(_blocks(config, spec)))
        # At 4x, a 3x3 convolution into 192 channels would cost a third of the whole trunk.
        self.last = zero_(convolution(width, 3 * (2 * spec.scale) ** 2, size=3 if spec.scale < 4 else 1))

    def forward(self, features: Features, code: Tensor | None) -> Float[Tensor, "B P h w"]:
        maps = features.fine
        assert maps is not None, "the trunk was asked for looks alone"
        for block in self.blocks:
            maps = block(maps, code)
        cells: Tensor = self.last(maps)
        return cells


class CoarseHead(nn.Module):
    """Repaints: adds smooth colour from the coarsest features, and scales the source's own detail.

    Detail is what the source has beyond its own half resolution; colour is enlarged bilinearly. So the head has no
    pattern of its own for the sub-pixels. With a sub-pixel convolution it has, and in flat regions, where a style asks
    for variation that the photo has none of, training paints a grid with it (``docs/log.md``, "the grid").
    """

    def __init__(self, config: GeneratorConfig, spec: HeadSpec) -> None:
        super().__init__()
        code = config.code if spec.latent else 0
        width = config.head_width
        # Zeros, but beyond a margin that repeats the border: what they touch is cut off with it. Runtimes that have to
        # repeat the border for every layer take a fifth longer.
        self.narrow = convolution(config.widths[-1], width, padding="zeros")
        self.blocks = nn.ModuleList(ResidualBlock(width, code, "zeros") for _ in range(_blocks(config, spec)))
        self.enlargement = 2 ** (len(config.widths) - 1)
        # At 1/2 memory is what costs: half the channels there.
        self.up = convolution(width, width // 2, size=1)
        self.skip = convolution(config.widths[0], width // 2, size=1)
        # Its maps come with a border: padding them for every head would cost as much as the convolution.
        self.last = zero_(nn.Conv2d(width // 2, 6, 3))
        self.register_buffer("spread", spread(2 * spec.scale), persistent=False)
        self.spread: Tensor

    def forward(
        self,
        features: Features,
        border: int,
        code: Tensor | None,
        detail: Float[Tensor, "B P h w"],
    ) -> Float[Tensor, "B P h w"]:
        """The shallow features with a border of :data:`BORDER`, the coarse ones with one of at least :attr:`margin`."""
        maps = F.leaky_relu(self.narrow(features.coarse), SLOPE, inplace=True)
        for block in self.blocks:
            maps = block(maps, code)
        coarse = self.up(interior(maps, border - self.kept))
        maps = interior(enlarged(coarse, self.enlargement), self.kept * self.enlargement - BORDER)
        maps = maps + self.skip(features.shallow)
        colour_and_gain = self.last(F.leaky_relu(maps, SLOPE, inplace=True))
        smooth, gain = F.conv2d(colour_and_gain, self.spread).chunk(2, dim=1)
        return add(gain * detail, smooth)

    @property
    def kept(self) -> int:
        """Coarse cells beyond the picture that are enlarged for :data:`BORDER`."""
        return -(-BORDER // self.enlargement)

    @property
    def margin(self) -> int:
        """Coarse cells beyond the picture that this head needs: zeros come one cell farther in with every layer."""
        return 1 + 2 * len(self.blocks) + self.kept


def _blocks(config: GeneratorConfig, spec: HeadSpec) -> int:
    return config.head_blocks if spec.blocks is None else spec.blocks


def _cell(config: GeneratorConfig) -> int:
    """Pixels of a side of the coarsest cell that there is."""
    return 2 ** (len(config.widths) + (config.looks is not None))


def _reach(config: GeneratorConfig, spec: HeadSpec) -> int:
    """Source pixels that a pixel of an output depends on to each side; see :meth:`Generator.reach`.

    Goes the layers backwards with the span of positions that each needs, from every place that a pixel can have in the
    coarsest cell. Skips and the bicubic base see less than the way through the coarsest level does.
    """
    levels = len(config.widths)
    head = 2 * _blocks(config, spec)

    def wider(span: tuple[int, int], cells: int) -> tuple[int, int]:
        return span[0] - cells, span[1] + cells

    def cells_of(span: tuple[int, int], factor: int) -> tuple[int, int]:
        return span[0] // factor, span[1] // factor

    def interpolated(span: tuple[int, int], factor: int) -> tuple[int, int]:
        # Bilinear enlargement reads the two positions around (pixel + 1/2) / factor - 1/2.
        if factor == 1:
            return span
        return (2 * span[0] + 1 - factor) // (2 * factor), (2 * span[1] + 1 - factor) // (2 * factor) + 1

    reach = 0
    for pixel in range(spec.scale * _cell(config)):
        if spec.fine:
            span = wider(cells_of((pixel, pixel), 2 * spec.scale), head + (1 if spec.scale < 4 else 0))
            for blocks in config.blocks[:-1]:
                span = cells_of(wider(span, 2 * blocks), 2)
            span = wider(span, 2 * (config.blocks[-1] - config.shared))
        else:
            span = wider(interpolated((pixel, pixel), 2 * spec.scale), 1)
            span = wider(interpolated(span, 2 ** (levels - 1)), head + 1)
            if config.looks is not None:
                span = wider(span, 2 * config.looks.refining)
                below = wider(interpolated(span, 2), 1 + 2 * config.looks.blocks)
                span = 2 * below[0], 2 * below[1] + 1
        first, last = wider(span, 2 * config.shared)
        cell = 2 ** (levels - 1)
        first, last = wider((first * cell, (last + 1) * cell - 1), 1)  # the stem
        place = pixel // spec.scale
        reach = max(reach, place - 2 * first, 2 * last + 1 - place)
    return reach


class Generator(ImageGenerator):
    """A trunk for all tasks and a head for each."""

    def __init__(self, config: GeneratorConfig, heads: Sequence[HeadSpec]) -> None:
        super().__init__(config, heads)
        self.config = config
        self.trunk = Trunk(config)
        self.mapping = nn.Sequential(
            nn.Linear(config.latent, config.code),
            nn.LeakyReLU(SLOPE),
            nn.Linear(config.code, config.code),
            nn.LeakyReLU(SLOPE),
        )
        self.heads = nn.ModuleDict({spec.name: (FineHead if spec.fine else CoarseHead)(config, spec) for spec in heads})

    @property
    def cell(self) -> int:
        return _cell(self.config)

    def freeze(self, *, looks: bool, restoration: bool) -> None:
        """Exclude from training what repainting heads share, or what fine heads share, or both; heads learn."""
        trunk = self.trunk
        parts: list[nn.Module] = [self.mapping, trunk.stem, trunk.down, trunk.common]
        if looks and trunk.painting is not None:
            parts.append(trunk.painting)
        if restoration:
            parts += [trunk.restoring, trunk.up, trunk.fine]
        for part in parts:
            part.requires_grad_(False)

    def reach(self, tasks: Iterable[str] | None = None) -> int:
        return max((_reach(self.config, self.specs[name]) for name in self.named(tasks)), default=0)

    def encode(self, source: Float[Tensor, "B 3 H W"], tasks: Iterable[str] | None = None) -> Encoded:
        """The part of the work that the named tasks, all by default, share."""
        fine = {self.specs[name].fine for name in self.named(tasks)}
        bordered = self.bordered(source)
        features = self.trunk(bordered[..., 1:-1, 1:-1], looks=False in fine, fine=True in fine)
        return Encoded(features, bordered, *source.shape[-2:])

    def decode(
        self,
        encoded: Encoded,
        latent: Float[Tensor, "B Z"] | None = None,
        tasks: Iterable[str] | None = None,
    ) -> dict[str, Float[Tensor, "B 3 sH sW"]]:
        """The named tasks' images of a source that was encoded for them; see :meth:`forward`."""
        names = self.named(tasks)
        code = None
        if any(self.specs[name].latent for name in names):
            if latent is None:
                latent = encoded.bordered.new_zeros(len(encoded.bordered), self.config.latent)
            code = self.mapping(latent)
        bases = self.bases(encoded.bordered, names)
        details = self.details(bases, names)
        features = encoded.features
        margin = self.margin(names)
        if margin:
            features = features._replace(
                shallow=repeated(features.shallow, BORDER), coarse=repeated(features.coarse, margin)
            )
        outputs = {}
        for name in names:
            scale = self.specs[name].scale
            head = self.heads[name]
            if isinstance(head, CoarseHead):
                cells = head(features, margin, code, details[scale])
            else:
                cells = head(features, code)
            if self.specs[name].additive:
                cells = add(cells, bases[scale])
            image = F.pixel_shuffle(cells, 2 * scale)
            outputs[name] = image[..., : encoded.height * scale, : encoded.width * scale]
        return outputs

    def margin(self, tasks: Iterable[str]) -> int:
        """Coarse cells beyond the picture that the named tasks' repainting heads need."""
        heads = (self.heads[name] for name in tasks)
        return max((head.margin for head in heads if isinstance(head, CoarseHead)), default=0)

    def own_parameters(self, task: str) -> list[nn.Parameter]:
        """Those of its head."""
        return list(self.heads[task].parameters())
