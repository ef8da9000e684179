"""The generator: a trunk for restoration, a branch for styles, and a light head for every task.

Trunk and branch are each computed once for all of their tasks. The trunk starts at half resolution by pixel
unshuffling, or at the source's own (``finest``), goes down to 1/4 and back up: a U-shape (Ronneberger et al. 2015) with
nearly all finer blocks on the way up. It has no normalisation, so that a tile with a halo gives the same result as the
whole picture, and the outputs of its heads are added to the (bicubically enlarged) source. Styles have a separate
branch (:mod:`prismgan.networks.style_branch`), which is normalised by statistics of the whole picture; their outputs
are not added to the source."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Literal, NamedTuple

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from prismgan.images.filters import guided_lines
from prismgan.images.pixels import interior, luma
from prismgan.networks.blocks import SLOPE, Code, ResidualBlock, blurred, convolution, icnr_, regrouped, repeated, zero_
from prismgan.networks.image_generator import PERIOD, Cells, ImageGenerator, add
from prismgan.networks.style_branch import BORDER, NoiseField, StyleBranch, StyleBranchConfig, StyleHead, framed
from prismgan.networks.task_generator import GeneratorSizes, HeadSpec, Images, Latent, Levels, Names, Positive


class GeneratorConfig(GeneratorSizes):
    """Size of the generator."""

    finest: Literal[1, 2] = 2
    """Source pixels per position of the trunk's first level, along each side; 1 learns faster (``docs/log.md``)."""
    widths: Levels = (48, 64)
    """Channels at 1/2, 1/4 ... of the source's side (1, 1/2 ... if ``finest`` is 1). Multiples of 16 run fastest."""
    blocks: Levels = (6, 8)
    """Residual blocks at each of these levels."""
    head_blocks: Annotated[int, Field(ge=0, le=16)] = 1
    """Residual blocks of every head."""
    style: StyleBranchConfig = StyleBranchConfig()
    """The style branch."""
    code: Positive = 64
    """Width of the fully connected layers that z goes through."""


class Encoded(NamedTuple):
    """A source after the computation that all restoring tasks share."""

    source: Float[Tensor, "B 3 H W"]  # for the style branch, whose result depends on z
    fine: Float[Tensor, "B C _ _"] | None  # the trunk's features; None if no requested task reads them
    bordered: Float[Tensor, "B 12 h w"]  # the source unshuffled by 2, padded to whole cells, with a border of one cell
    border: int  # width in pixels of the frame around the source for painting
    painted: dict[bytes, tuple[Tensor, Tensor]]
    """Results of the style branch by z, shared by styles that are decoded one by one."""


class Trunk(nn.Module):
    """Computes features at the trunk's finest level from the source, unshuffled by 2. The way down is short: one layer
    per level, then the blocks of the coarsest level. The way up has all blocks of the finer levels, which matter most
    for restoration, and starts from the context computed at the coarsest level."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        widths, blocks = config.widths, config.blocks
        pairs = list(pairwise(widths))
        self.finest = config.finest
        self.stem = convolution(3 * config.finest**2, widths[0])
        self.down = nn.ModuleList(nn.Conv2d(fine, coarse, 2, stride=2) for fine, coarse in pairs)

        def stage(width: int, count: int) -> nn.Sequential:
            return nn.Sequential(*(ResidualBlock(width) for _ in range(count)))

        self.coarse = stage(widths[-1], blocks[-1])
        self.up = nn.ModuleList(icnr_(nn.Conv2d(coarse, 4 * fine, 1), 2) for fine, coarse in pairs)
        self.fine = nn.ModuleList(stage(*level) for level in zip(widths[:-1], blocks[:-1], strict=True))

    def forward(self, source: Float[Tensor, "B 12 _ _"]) -> Float[Tensor, "B C h w"]:
        maps = self.stem(regrouped(source, 2, self.finest))
        skips = []
        for down in self.down:
            skips.append(maps)
            maps = down(F.leaky_relu(maps, SLOPE))
        maps = self.coarse(maps)
        for skip, up, blocks in reversed(list(zip(skips, self.up, self.fine, strict=True))):
            maps = blocks(skip + F.pixel_shuffle(up(maps), 2))
        return maps


class FineHead(nn.Module):
    """Predicts every sub-pixel from the finest features; for an additive task, the difference from the source."""

    def __init__(self, config: GeneratorConfig, spec: HeadSpec, channels: int = 3) -> None:
        super().__init__()
        code = config.code if spec.latent else 0
        width = config.widths[0]
        self.additive = spec.additive
        self.blocks = nn.ModuleList(ResidualBlock(width, code) for _ in range(_blocks(config, spec)))
        self.scale, self.finest = spec.scale, config.finest
        self.cell = spec.scale * config.finest  # output pixels per position of the features, along each side
        # With 8 by 8 sub-pixels of three colours, a 3x3 convolution would cost a third of the whole trunk.
        self.last = zero_(convolution(width, channels * self.cell**2, size=3 if self.cell < 8 else 1))

    def forward(self, maps: Float[Tensor, "B C _ _"], code: Code | None, base: Cells) -> Cells:
        """``base`` is the source, enlarged bicubically, as sub-pixels of cells at 1/2, in [-1, 1]."""
        cells = self.subpixels(maps, code)
        return add(cells, base) if self.additive else cells

    def subpixels(self, maps: Float[Tensor, "B C _ _"], code: Code | None) -> Float[Tensor, "B P h w"]:
        """The head's own output for every sub-pixel of the cells at 1/2."""
        for block in self.blocks:
            maps = block(maps, code)
        return self.enlarged(maps)

    def enlarged(self, maps: Float[Tensor, "B C _ _"]) -> Float[Tensor, "B P h w"]:
        """The sub-pixels, from the last block's features."""
        return regrouped(self.last(maps), self.cell, 2 * self.scale)


class ProgressiveHead(FineHead):
    """Doubles the features step by step, with layers at every size, blurs the residual by (1, 2, 1), and adds grain.

    Upsampling is progressive as in Lai, Huang, Ahuja, Yang, "Deep Laplacian pyramid networks" (CVPR 2017). If one
    linear layer computed all sub-pixels of a cell, perceptual and adversarial losses would lead to a woven pattern, and
    without the blur to patterns of single pixels. Grain is white noise as strong as the source's own variation within a
    cell, up to :data:`GRAIN`, so flat graphics stay flat. It is not learnt: a network that filters noise settles on one
    frequency, which looks woven, too."""

    LEAST = 16  # minimum number of channels after doubling, unless the trunk has fewer
    GRAIN = 1.5 / 127.5  # largest standard deviation of the grain: 1.5 of 255 levels

    def __init__(self, config: GeneratorConfig, spec: HeadSpec) -> None:
        super().__init__(config, spec)
        doublings = self.cell.bit_length() - 2  # before the last one, which gives the pixels
        width = config.widths[0]
        widths = [max(width // 2**step, min(width, self.LEAST)) for step in range(doublings + 1)]
        self.up = nn.ModuleList(icnr_(convolution(coarse, 4 * fine), 2) for coarse, fine in pairwise(widths))
        self.inner = convolution(widths[-1], widths[-1])
        self.last = zero_(convolution(widths[-1], 12))
        size = (2 * spec.scale) ** 2, PERIOD // 2, PERIOD // 2
        self.register_buffer("noise", torch.randn(size, generator=torch.Generator().manual_seed(0)), persistent=False)

    def forward(self, maps: Float[Tensor, "B C _ _"], code: Code | None, base: Cells) -> Cells:
        amount = base.float().unflatten(1, (3, -1)).mean(1).var(1, correction=0, keepdim=True).sqrt()
        grain = amount.clamp(max=self.GRAIN) * repeated(self.get_buffer("noise"), *base.shape[-2:])
        return add(super().forward(maps, code, base), grain.repeat(1, 3, 1, 1))

    def enlarged(self, maps: Float[Tensor, "B C _ _"]) -> Float[Tensor, "B P h w"]:
        for up in self.up:
            maps = F.leaky_relu(F.pixel_shuffle(up(maps), 2), SLOPE)
        maps = F.leaky_relu(self.inner(maps), SLOPE)
        picture = blurred(F.pixel_shuffle(self.last(maps), 2))
        return F.pixel_unshuffle(picture, 2 * self.scale)


TEXTURE = (2, 0.015)  # radius and epsilon of the guided filter, on cells at 1/2, that removes texture for a comic


class InkHead(FineHead):
    """Adds colours to the source without its texture, and multiplies the sum by ink; at the source's size. A line is
    dark whatever colours it crosses, and ink as a factor can be learnt separately from colours. The head also reads the
    source itself, because the features for restoration omit everything that is not a degradation."""

    STEEPNESS = 4.0  # slope of ink's sigmoid; a network output of 0 gives hardly any ink

    def __init__(self, config: GeneratorConfig, spec: HeadSpec) -> None:
        super().__init__(config, spec, channels=4)
        self.source = convolution(3 * config.finest**2, config.widths[0])

    def forward(
        self, maps: Float[Tensor, "B C _ _"], code: Code | None, base: Float[Tensor, "B 12 h w"]
    ) -> Float[Tensor, "B 12 h w"]:
        own = self.source(regrouped(base, 2, self.finest))
        colours, ink = self.subpixels(maps + own, code).float().split([12, 4], dim=1)
        paper = torch.sigmoid(self.STEEPNESS * (ink + 1)).repeat(1, 3, 1, 1)
        return (colours + _without_texture(base) + 1) * paper - 1


def _without_texture(cells: Float[Tensor, "B 12 h w"]) -> Float[Tensor, "B 12 h w"]:
    """A picture, unshuffled by 2, whose edges are kept and whose texture is removed. The guided filter computes its
    slopes and offsets for whole cells: He & Sun, "Fast guided filter" (2015), with a subsampling ratio of 2."""
    colours = cells.float().unflatten(1, (3, 4))
    grey = luma(colours.flatten(2, 3)).view_as(colours[:, 0])
    slope, offset = guided_lines(colours.mean(2), grey.mean(1, keepdim=True), *TEXTURE)
    return (slope[:, :, None] * grey[:, None] + offset[:, :, None]).flatten(1, 2)


def _blocks(config: GeneratorConfig, spec: HeadSpec) -> int:
    return config.head_blocks if spec.blocks is None else spec.blocks


def _receptive_field_radius(config: GeneratorConfig, spec: HeadSpec) -> int:
    """Source pixels to each side that a pixel of an output depends on; see :meth:`Generator.receptive_field_radius`.
    For every position of a pixel in the coarsest cell, the range of positions that each layer needs is computed, from
    the last layer to the first. Skips and the bicubic base reach less far than the path through the coarsest level."""
    finest, coarse = config.finest, 2 ** (len(config.widths) - 1)
    radius = 0
    for place in range(finest * coarse):
        first = last = place // finest
        layers = 2 * _blocks(config, spec) + (3 if spec.smooth else 1 if finest * spec.scale < 8 else 0)
        for blocks in config.blocks[:-1]:
            layers += 2 * blocks
            first, last = (first - layers) // 2, (last + layers) // 2
            layers = 0
        layers += 2 * config.blocks[-1]
        first, last = (first - layers) * coarse - 1, (last + layers + 1) * coarse  # the stem
        radius = max(radius, place - finest * first, finest * (last + 1) - 1 - place)
    return radius


class Generator(ImageGenerator):
    """A trunk for all restoring tasks, a branch for all styles, and a head for each task. Trunk and branch each exist
    only if a task needs them."""

    def __init__(self, config: GeneratorConfig, heads: Sequence[HeadSpec]) -> None:
        super().__init__(config, heads)
        self.config, self.finest = config, config.finest
        painted = [spec for spec in heads if not spec.fine]
        for spec in heads:
            if not spec.fine and spec.scale > 1:
                raise ValueError(f"head {spec.name!r} paints and enlarges; a painted output has the source's size")
            if spec.ink and not (spec.fine and spec.additive and spec.scale == 1):
                rule = "such a head has to be fine, additive, and of the source's size"
                raise ValueError(f"head {spec.name!r} draws ink; {rule}")
        self.trunk = Trunk(config) if len(painted) < len(heads) else None
        self.branch = StyleBranch(config.style) if painted else None
        self.noise = NoiseField(config.style.noise, config.latent) if painted else None
        first, second = nn.Linear(config.latent, config.code), nn.Linear(config.code, config.code)
        self.mapping = nn.Sequential(first, nn.LeakyReLU(SLOPE), second, nn.LeakyReLU(SLOPE))
        self.heads = nn.ModuleDict({spec.name: self._head(spec) for spec in heads})

    def _head(self, spec: HeadSpec) -> nn.Module:
        if spec.ink:
            return InkHead(self.config, spec)
        if spec.fine:
            return ProgressiveHead(self.config, spec) if spec.smooth else FineHead(self.config, spec)
        code = self.config.code if spec.latent else 0
        return StyleHead(self.config.style, blocks=_blocks(self.config, spec), code=code)

    def reads_whole(self, task: str) -> bool:
        return not self.specs[task].fine

    def receptive_field_radius(self, tasks: Names = None) -> int:
        fine = [name for name in self.named(tasks) if not self.reads_whole(name)]
        return max((_receptive_field_radius(self.config, self.specs[name]) for name in fine), default=0)

    def encode(self, source: Float[Tensor, "B 3 H W"], tasks: Names = None, border: int = BORDER) -> Encoded:
        """Compute everything that the named tasks (default: all) share and that does not depend on z. ``border`` is the
        width in pixels of the frame for painting: whole cells, and at least one. Training uses a narrower frame."""
        bordered = self.bordered(source)
        fine = None
        if any(self.specs[name].fine for name in self.named(tasks)):
            assert self.trunk is not None
            fine = self.trunk(bordered[..., 1:-1, 1:-1])
        return Encoded(source, fine, bordered, border, {})

    def decode(self, encoded: Encoded, latent: Latent | None = None, tasks: Names = None) -> Images:
        names = self.named(tasks)
        default = self.seeded_latent().to(encoded.source)
        latent = default if latent is None else latent
        varied = any(self.specs[name].latent for name in names)
        code = self.mapping(latent) if varied else None
        restored = [name for name in names if self.specs[name].fine]
        outputs = self._restore(encoded, code, restored)
        for varies, z in ((True, latent), (False, default)):
            painted = [name for name in names if not self.specs[name].fine and self.specs[name].latent == varies]
            if painted:
                outputs |= self._paint(encoded, z, code, painted)
        return {name: outputs[name] for name in names}

    def _restore(self, encoded: Encoded, code: Code | None, names: Sequence[str]) -> dict[str, Tensor]:
        bases = self.bases(encoded.bordered, names)
        height, width = encoded.source.shape[-2:]
        outputs = {}
        for name in names:
            spec = self.specs[name]
            cells = self.heads[name](encoded.fine, code, bases[spec.scale])
            outputs[name] = F.pixel_shuffle(cells, 2 * spec.scale)[..., : height * spec.scale, : width * spec.scale]
        return outputs

    def _paint(self, encoded: Encoded, latent: Latent, code: Code | None, names: Sequence[str]) -> dict[str, Tensor]:
        height, width = encoded.source.shape[-2:]
        if torch.is_inference_mode_enabled():
            key = latent.cpu().numpy().tobytes()
            if key not in encoded.painted:
                encoded.painted[key] = self._style_features(encoded, latent)
            features, details = encoded.painted[key]
        else:
            features, details = self._style_features(encoded, latent)
        return {name: self.heads[name](features, details, code)[..., :height, :width] for name in names}

    def _style_features(self, encoded: Encoded, latent: Latent) -> tuple[Tensor, Tensor]:
        """Features that all styles share, and the source in cells with noise channels and one cell of the frame."""
        assert self.branch is not None and self.noise is not None
        quarters, details = self.noise.appended_to(framed(encoded.source, encoded.border), latent)
        return self.branch(quarters), interior(details, encoded.border // 4 - 1)

    def own_parameters(self, task: str) -> list[nn.Parameter]:
        return list(self.heads[task].parameters())
