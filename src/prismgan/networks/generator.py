"""The generator: one trunk that is computed once, and a light head for every task.

The trunk starts at half resolution by pixel unshuffling and goes down to 1/4, where looks live, and up again to 1/2,
where restoration lives: a U-shape (Ronneberger et al. 2015) with nearly all of its finer blocks on the way up. A head
reads the level that its task needs. Every head adds to the (bicubically enlarged) source, and starts by adding nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, NamedTuple

import torch
from jaxtyping import Float
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from prismgan.config import Config
from prismgan.images import bicubic_phases, bilinear_phases
from prismgan.networks.blocks import SLOPE, ResidualBlock, convolution, icnr_, zero_

__all__ = ["BORDER", "Encoded", "Features", "Generator", "GeneratorConfig", "HeadSpec", "Trunk"]

Positive = Annotated[int, Field(gt=0, le=1024)]

BORDER = 2
"""Cells at 1/2 that a repainting head needs beyond the picture: one for its last convolution, one for enlargement."""


class GeneratorConfig(Config):
    """Size of the generator."""

    widths: Annotated[tuple[Positive, ...], Field(min_length=1, max_length=4)] = (48, 64)
    """Channels at 1/2, 1/4, 1/8 ... of the source's side. Multiples of 16 run fastest."""
    blocks: Annotated[tuple[Positive, ...], Field(min_length=1, max_length=4)] = (6, 8)
    """Residual blocks at each of these levels; those at 1/2 are computed for restoration alone, not for looks."""
    head_blocks: Annotated[int, Field(ge=0, le=16)] = 1
    """Residual blocks of every head."""
    head_width: Annotated[int, Field(gt=1, le=1024)] = 32
    """Channels in the heads of looks; half as many where they go back to 1/2."""
    latent: Annotated[int, Field(gt=0, le=1024)] = 16
    """Dimensions of the latent z ~ N(0, I)."""
    code: Annotated[int, Field(gt=0, le=1024)] = 64
    """Width of the fully connected layers that z goes through."""

    @model_validator(mode="after")
    def _same_length(self) -> GeneratorConfig:
        if len(self.widths) != len(self.blocks):
            raise ValueError(
                f"widths has {len(self.widths)} levels and blocks {len(self.blocks)}; "
                "give one number of each for every level"
            )
        return self


@dataclass(frozen=True)
class HeadSpec:
    """What the generator has to know of an output."""

    name: str
    scale: int = 1
    fine: bool = True
    latent: bool = False
    blocks: int | None = None
    """Residual blocks of this head; by default as many as the generator's other heads have."""


class Features(NamedTuple):
    """What the trunk hands to the heads."""

    shallow: Float[Tensor, "B C H/2 W/2"]
    coarse: Float[Tensor, "B D H/2^L W/2^L"]
    fine: Float[Tensor, "B C H/2 W/2"] | None
    """None where no head that reads it was asked for."""


class Encoded(NamedTuple):
    """A source after the part of the work that all tasks share."""

    features: Features
    bordered: Float[Tensor, "B 12 h w"]
    """The source unshuffled by 2, padded to whole cells, with a border of one cell."""
    height: int
    width: int


class Trunk(nn.Module):
    """Source, unshuffled by 2, to features at the finest and the coarsest level.

    The way down is short: one layer a level, then all blocks of the coarsest level. Looks need no more. The way up has
    all blocks of the finer levels, where restoration lives, and starts from what the coarse level knows of the
    surroundings. So looks and restoration share the coarse level, each pays for what it needs, and a look's
    gradients never reach the blocks that restoration lives in.
    """

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        widths, blocks = config.widths, config.blocks
        pairs = list(pairwise(widths))

        def stage(width: int, count: int) -> nn.Sequential:
            return nn.Sequential(*(ResidualBlock(width) for _ in range(count)))

        self.stem = convolution(12, widths[0])
        self.down = nn.ModuleList(nn.Conv2d(fine, coarse, 2, stride=2) for fine, coarse in pairs)
        self.coarse = stage(widths[-1], blocks[-1])
        self.up = nn.ModuleList(icnr_(nn.Conv2d(coarse, 4 * fine, 1), 2) for fine, coarse in pairs)
        self.fine = nn.ModuleList(stage(*level) for level in zip(widths[:-1], blocks[:-1], strict=True))

    def forward(self, source: Float[Tensor, "B 12 H/2 W/2"], fine: bool = True) -> Features:
        """``fine`` says whether the finest features are wanted."""
        shallow = maps = self.stem(source)
        skips = []
        for down in self.down:
            skips.append(maps)
            maps = down(F.leaky_relu(maps, SLOPE))
        coarse = maps = self.coarse(maps)
        if not fine:
            return Features(shallow, coarse, None)
        for skip, up, blocks in reversed(list(zip(skips, self.up, self.fine, strict=True))):
            maps = blocks(skip + F.pixel_shuffle(up(maps), 2))
        return Features(shallow, coarse, maps)


class FineHead(nn.Module):
    """Adds a residual from the finest features to every sub-pixel."""

    def __init__(self, config: GeneratorConfig, spec: HeadSpec) -> None:
        super().__init__()
        code = config.code if spec.latent else 0
        width = config.widths[0]
        self.blocks = nn.ModuleList(ResidualBlock(width, code) for _ in range(_blocks(config, spec)))
        # At 4x, a 3x3 convolution into 192 channels would cost a third of the whole trunk.
        self.last = zero_(convolution(width, 3 * (2 * spec.scale) ** 2, size=3 if spec.scale < 4 else 1))

    def forward(
        self, features: Features, code: Tensor | None, base: Float[Tensor, "B P h w"]
    ) -> Float[Tensor, "B P h w"]:
        maps = features.fine
        assert maps is not None, "the trunk was asked for looks alone"
        for block in self.blocks:
            maps = block(maps, code)
        return _sum(self.last(maps), base)


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
        self.register_buffer("spread", _spread(2 * spec.scale), persistent=False)
        self.spread: Tensor

    def forward(
        self,
        features: Features,
        border: int,
        code: Tensor | None,
        base: Float[Tensor, "B P h w"],
        detail: Float[Tensor, "B P h w"],
    ) -> Float[Tensor, "B P h w"]:
        """The shallow features with a border of :data:`BORDER`, the coarse ones with one of at least :attr:`margin`."""
        maps = F.leaky_relu(self.narrow(features.coarse), SLOPE)
        for block in self.blocks:
            maps = block(maps, code)
        coarse = self.up(_interior(maps, border - self.kept))
        maps = _interior(_enlarge(coarse, self.enlargement), self.kept * self.enlargement - BORDER)
        maps = maps + self.skip(features.shallow)
        colour_and_gain = self.last(F.leaky_relu(maps, SLOPE))
        smooth, gain = F.conv2d(colour_and_gain, self.spread).chunk(2, dim=1)
        return _sum(_sum(gain * detail, smooth), base)

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


def _sum(own: Float[Tensor, "B P h w"], other: Float[Tensor, "B P h w"]) -> Float[Tensor, "B P h w"]:
    """The sum, in the memory of ``own`` where its precision allows: fresh memory for a 4x picture costs ten times the
    addition."""
    return own.add_(other) if own.dtype == other.dtype else own + other


def _spread(factor: int) -> Float[Tensor, "2P 6 3 3"]:
    """Weights of a convolution that makes sub-pixels of three colours, enlarged bilinearly, and of three gains, which
    all ``factor^2`` sub-pixels of a cell share."""
    weights = torch.zeros(2, 3 * factor**2, 2, 3, 3, 3)
    weights[0, :, 0] = bilinear_phases(factor)
    weights[1, :, 1, :, 1, 1] = torch.eye(3).repeat_interleave(factor**2, dim=0)
    return weights.flatten(0, 1).flatten(1, 2)


def _detail(base: Float[Tensor, "B P h w"], phases: Float[Tensor, "P 3 3 3"]) -> Float[Tensor, "B P h w"]:
    """What sub-pixels have beyond the picture of their cells' means."""
    means = base.unflatten(1, (3, -1)).mean(dim=2)
    with torch.autocast(base.device.type, enabled=False):
        return base - F.conv2d(_repeated(means, 1), phases)


def _repeated(maps: Float[Tensor, "B C h w"], border: int) -> Float[Tensor, "B C h+2 w+2"]:
    """With so many more rows and columns on each side, which repeat the outermost."""
    return F.pad(maps, (border,) * 4, mode="replicate")


def _interior(maps: Float[Tensor, "B C h w"], border: int) -> Float[Tensor, "B C h-2 w-2"]:
    """Without so many of the outermost rows and columns on each side."""
    return maps[..., border : maps.shape[-2] - border, border : maps.shape[-1] - border]


def _enlarge(maps: Float[Tensor, "B C h w"], factor: int) -> Float[Tensor, "B C fh fw"]:
    """Bilinear enlargement."""
    if factor == 1:
        return maps
    return F.interpolate(maps, scale_factor=factor, mode="bilinear", align_corners=False)


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
    for pixel in range(spec.scale * 2**levels):
        if spec.fine:
            span = wider(cells_of((pixel, pixel), 2 * spec.scale), head + (1 if spec.scale < 4 else 0))
            for blocks in config.blocks[:-1]:
                span = cells_of(wider(span, 2 * blocks), 2)
        else:
            span = wider(interpolated((pixel, pixel), 2 * spec.scale), 1)
            span = wider(interpolated(span, 2 ** (levels - 1)), head + 1)
        first, last = wider(span, 2 * config.blocks[-1])
        cell = 2 ** (levels - 1)
        first, last = wider((first * cell, (last + 1) * cell - 1), 1)  # the stem
        place = pixel // spec.scale
        reach = max(reach, place - 2 * first, 2 * last + 1 - place)
    return reach


class Generator(nn.Module):
    """Source image and latent to one image per task."""

    def __init__(self, config: GeneratorConfig, heads: Sequence[HeadSpec]) -> None:
        super().__init__()
        self.config = config
        self.specs = {spec.name: spec for spec in heads}
        if len(self.specs) != len(heads):
            raise ValueError("two heads have the same name")
        self.trunk = Trunk(config)
        self.mapping = nn.Sequential(
            nn.Linear(config.latent, config.code),
            nn.LeakyReLU(SLOPE),
            nn.Linear(config.code, config.code),
            nn.LeakyReLU(SLOPE),
        )
        self.heads = nn.ModuleDict({spec.name: (FineHead if spec.fine else CoarseHead)(config, spec) for spec in heads})
        for scale in {spec.scale for spec in heads} - {1}:
            self.register_buffer(f"bicubic{scale}", bicubic_phases(scale), persistent=False)
        for scale in {spec.scale for spec in heads if not spec.fine}:
            self.register_buffer(f"bilinear{scale}", bilinear_phases(2 * scale), persistent=False)

    def freeze(self, *, fine: bool) -> None:
        """Exclude what looks share from training and, with ``fine``, what restoration shares as well; heads learn."""
        self.mapping.requires_grad_(False)
        for part in (self.trunk,) if fine else (self.trunk.stem, self.trunk.down, self.trunk.coarse):
            part.requires_grad_(False)

    @property
    def multiple(self) -> int:
        """Sides are padded to a multiple of this many pixels, and the padding is cut off again."""
        return int(2 ** len(self.config.widths))

    def reach(self, tasks: Iterable[str] | None = None) -> int:
        """Pixels of the source, to each side of its own place, that a pixel of the named tasks (default: all) sees.

        What lies farther changes nothing: a tile with a halo of this width is what the whole picture is there.
        """
        return max(
            (_reach(self.config, self.specs[name]) for name in (self.specs if tasks is None else tasks)), default=0
        )

    def forward(
        self,
        source: Float[Tensor, "B 3 H W"],
        latent: Float[Tensor, "B Z"] | None = None,
        tasks: Iterable[str] | None = None,
    ) -> dict[str, Float[Tensor, "B 3 sH sW"]]:
        """Render ``source`` into the named tasks, all of them by default; any height and width.

        Only the heads asked for are computed. ``latent`` matters where a rendered task has a latent; it
        defaults to zeros, the mean look.

        Raises:
            KeyError: a task that this generator does not have.
        """
        names = list(self.specs) if tasks is None else list(tasks)
        return self.decode(self.encode(source, names), latent, names)

    def encode(self, source: Float[Tensor, "B 3 H W"], tasks: Iterable[str] | None = None) -> Encoded:
        """The part of the work that the named tasks, all by default, share."""
        fine = any(self.specs[name].fine for name in (self.specs if tasks is None else tasks))
        bordered = self.bordered(source)
        return Encoded(self.trunk(bordered[..., 1:-1, 1:-1], fine), bordered, *source.shape[-2:])

    def bordered(self, source: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 12 h w"]:
        """:attr:`Encoded.bordered` of a source."""
        bottom, right = (-side % self.multiple for side in source.shape[-2:])
        # A border of one cell (two pixels) for the enlargement; the trunk repeats borders by itself.
        return F.pixel_unshuffle(F.pad(source, (2, right + 2, 2, bottom + 2), mode="replicate"), 2)

    def decode(
        self,
        encoded: Encoded,
        latent: Float[Tensor, "B Z"] | None = None,
        tasks: Iterable[str] | None = None,
    ) -> dict[str, Float[Tensor, "B 3 sH sW"]]:
        """The named tasks' images of a source that was encoded for them; see :meth:`forward`."""
        names = list(self.specs) if tasks is None else list(tasks)
        code = None
        if any(self.specs[name].latent for name in names):
            if latent is None:
                latent = encoded.bordered.new_zeros(len(encoded.bordered), self.config.latent)
            code = self.mapping(latent)
        scales = {self.specs[name].scale for name in names}
        bases = {scale: self._base(encoded.bordered, scale) for scale in scales}
        # Computed once for all heads that ask for it.
        details = {
            scale: _detail(bases[scale], self.get_buffer(f"bilinear{scale}"))
            for scale in {self.specs[name].scale for name in names if not self.specs[name].fine}
        }
        features = encoded.features
        margin = self.margin(names)
        if margin:
            features = features._replace(
                shallow=_repeated(features.shallow, BORDER), coarse=_repeated(features.coarse, margin)
            )
        outputs = {}
        for name in names:
            scale = self.specs[name].scale
            # Added before the shuffle: at 4x the sum is then over maps in memory order, twice as fast.
            head = self.heads[name]
            if isinstance(head, CoarseHead):
                cells = head(features, margin, code, bases[scale], details[scale])
            else:
                cells = head(features, code, bases[scale])
            image = F.pixel_shuffle(cells, 2 * scale)
            outputs[name] = image[..., : encoded.height * scale, : encoded.width * scale]
        return outputs

    def margin(self, tasks: Iterable[str]) -> int:
        """Coarse cells beyond the picture that the named tasks' repainting heads need."""
        heads = (self.heads[name] for name in tasks)
        return max((head.margin for head in heads if isinstance(head, CoarseHead)), default=0)

    def enlarged(self, source: Float[Tensor, "B 3 H W"], scale: int) -> Float[Tensor, "B 3 sH sW"]:
        """The source, enlarged bicubically: what the heads of this scale add to."""
        height, width = source.shape[-2:]
        image = F.pixel_shuffle(self._base(self.bordered(source), scale), 2 * scale)
        return image[..., : height * scale, : width * scale]

    def _base(self, bordered: Float[Tensor, "B 12 h w"], scale: int) -> Float[Tensor, "B P h-2 w-2"]:
        """The source, enlarged bicubically, as sub-pixels. Always in the source's own precision."""
        if scale == 1:
            return bordered[..., 1:-1, 1:-1]
        with torch.autocast(bordered.device.type, enabled=False):
            return F.conv2d(bordered, self.get_buffer(f"bicubic{scale}"))

    def parameter_counts(self) -> dict[str, int]:
        """Number of weights of what all tasks share (trunk and mapping of z), and of every head."""

        def count(*parts: nn.Module) -> int:
            return sum(parameter.numel() for part in parts for parameter in part.parameters())

        return {"shared": count(self.trunk, self.mapping), **{name: count(head) for name, head in self.heads.items()}}

    def seeded_latent(self, seed: int = 0) -> Float[Tensor, "1 Z"]:
        """The z that belongs to a seed; that of seed 0 is what a picture is rendered with by default."""
        return self.draw_latent(1, torch.Generator().manual_seed(seed))

    def draw_latent(self, count: int, generator: torch.Generator | None = None) -> Float[Tensor, "B Z"]:
        """z ~ N(0, I) for ``count`` pictures."""
        return torch.randn(count, self.config.latent, generator=generator)
