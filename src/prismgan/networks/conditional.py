"""Generators of the comparison models: one encoder, and one decoder that is modulated by a vector per task (FiLM), so
that K tasks take K passes through the decoder. The models differ only in the part between encoder and decoder."""

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from prismgan.images import bilinear_phases
from prismgan.networks.blocks import SLOPE, Code, ResidualStage, bordered, convolution, enlarged, zero_
from prismgan.networks.image_generator import Cells, ImageGenerator, add
from prismgan.networks.task_generator import GeneratorSizes, HeadSpec, Images, Latent, Levels, Names, Positive

Start = tuple[Float[Tensor, "B D h w"], Code]  # the decoder's first maps, and its code


class ConditionalConfig(GeneratorSizes):
    """Size of a generator conditioned on the task."""

    widths: Levels = (32, 48, 64)
    """Channels at 1/2, 1/4, 1/8 ... of the source's side."""
    blocks: Levels = (1, 2, 2)
    """Residual blocks at each of these levels, in the encoder and again in the decoder."""
    latent: Positive = 16
    """Channels of the latent."""
    code: Positive = 64
    """Length of the task vector."""


class Conditional(NamedTuple):
    """A source after the computation that all tasks share."""

    maps: Sequence[Float[Tensor, "B _ _ _"]]  # of every level of the encoder, the finest first
    bordered: Float[Tensor, "B 12 h w"]  # see `ImageGenerator.bordered`
    height: int
    width: int


class Encoder(nn.Module):
    """Computes maps at every level, finest first, from cells. A vector of length ``code`` modulates them, unless 0."""

    def __init__(self, config: ConditionalConfig, inputs: int = 12, code: int = 0) -> None:
        super().__init__()
        self.stem = convolution(inputs, config.widths[0])
        self.down = nn.ModuleList(nn.Conv2d(fine, coarse, 2, stride=2) for fine, coarse in pairwise(config.widths))
        levels = zip(config.widths, config.blocks, strict=True)
        self.stages = nn.ModuleList(ResidualStage(*level, code) for level in levels)

    def forward(self, cells: Float[Tensor, "B P h w"], code: Code | None = None) -> list[Float[Tensor, "B _ _ _"]]:
        levels = [self.stages[0](self.stem(cells), code)]
        for down, stage in zip(self.down, self.stages[1:], strict=True):
            levels.append(stage(down(F.leaky_relu(levels[-1], SLOPE)), code))
        return levels


class Decoder(nn.Module):
    """Computes maps at 1/2 from maps at the coarsest level, modulated by the task's vector. Enlargement is bilinear:
    with sub-pixel convolution, outputs show a grid where a style requires variation that the photo does not have."""

    def __init__(self, config: ConditionalConfig) -> None:
        super().__init__()
        levels = zip(config.widths, config.blocks, strict=True)
        self.stages = nn.ModuleList(ResidualStage(*level, config.code) for level in levels)
        self.up = nn.ModuleList(convolution(coarse, fine) for fine, coarse in pairwise(config.widths))

    def forward(
        self, maps: Float[Tensor, "B D h w"], skips: Sequence[Float[Tensor, "B _ _ _"]] | None, code: Code
    ) -> Float[Tensor, "B _ _ _"]:
        """``skips`` are an encoder's maps, which are added level by level; None adds nothing."""
        for level in reversed(range(len(self.stages))):
            if level < len(self.up):
                maps = enlarged(self.up[level](maps), 2)
                if skips is not None:
                    maps = maps + skips[level]
            maps = self.stages[level](maps, code)
        return maps


class Restored(nn.Module):
    """Predicts a residual for every sub-pixel, as our restoration heads do."""

    def __init__(self, width: int, scale: int) -> None:
        super().__init__()
        self.last = zero_(convolution(width, 3 * (2 * scale) ** 2, size=3 if scale < 4 else 1))

    def forward(self, maps: Float[Tensor, "B C h w"], base: Cells) -> Cells:
        return self.last(maps)


class Repainted(nn.Module):
    """Predicts three colours and three gains per cell. Colours are enlarged bilinearly to ``factor^2`` sub-pixels; the
    gains scale the source's detail, which is its sub-pixels minus the bilinearly enlarged means of cells."""

    def __init__(self, width: int, scale: int) -> None:
        super().__init__()
        self.last = zero_(convolution(width, 6))
        factor, phases = 2 * scale, bilinear_phases(2 * scale)
        to_subpixels = torch.zeros(2, 3 * factor**2, 2, 3, 3, 3)
        to_subpixels[0, :, 0] = phases
        to_subpixels[1, :, 1, :, 1, 1] = torch.eye(3).repeat_interleave(factor**2, dim=0)
        self.register_buffer("phases", phases, persistent=False)
        self.register_buffer("to_subpixels", to_subpixels.flatten(0, 1).flatten(1, 2), persistent=False)

    def forward(self, maps: Float[Tensor, "B C h w"], base: Cells) -> Cells:
        colour_and_gain = bordered(self.last(F.leaky_relu(maps, SLOPE)), 1)
        to_subpixels = self.get_buffer("to_subpixels").to(colour_and_gain.dtype)
        smooth, gain = F.conv2d(colour_and_gain, to_subpixels).chunk(2, dim=1)
        means = base.unflatten(1, (3, -1)).mean(dim=2)
        with torch.autocast(base.device.type, enabled=False):
            detail = base - F.conv2d(bordered(means, 1), self.get_buffer("phases"))
        return add(gain * detail, smooth)


class ConditionalGenerator(ImageGenerator):
    """An encoder and a decoder for all tasks, connected by :meth:`between`. There is one last layer per scale for
    restored outputs and one for repainted ones; tasks share it, because its input maps are already specific to the
    task. With ``skips`` the decoder also receives the encoder's finer maps. ``layers`` counts 3x3 layers in between."""

    def __init__(
        self, config: ConditionalConfig, specs: Sequence[HeadSpec], *, skips: bool = True, layers: int = 0
    ) -> None:
        super().__init__(config, specs)
        self.config = config
        self.skips = skips
        self.layers = layers
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        last = {_last(spec): (Restored if spec.fine else Repainted)(config.widths[0], spec.scale) for spec in specs}
        self.last = nn.ModuleDict(last)
        self.codes = nn.ParameterDict({spec.name: nn.Parameter(torch.randn(1, config.code)) for spec in specs})
        """Keyed by task, so that adding a task renumbers nothing."""

    @abstractmethod
    def between(self, encoded: Conditional, name: str, latent: Latent) -> Start:
        """The decoder's first maps and its code, for the task's image."""

    def encode(self, source: Float[Tensor, "B 3 H W"], tasks: Names = None) -> Conditional:
        bordered = self.bordered(source)
        return Conditional(self.encoder(bordered[..., 1:-1, 1:-1]), bordered, *source.shape[-2:])

    def decode(self, encoded: Conditional, latent: Latent | None = None, tasks: Names = None) -> Images:
        names = self.named(tasks)
        if latent is None:
            latent = encoded.bordered.new_zeros(1, self.latent)
        return self.paint(encoded, {name: self.between(encoded, name, latent) for name in names})

    def paint(self, encoded: Conditional, starts: dict[str, Start]) -> Images:
        bases = self.bases(encoded.bordered, starts)
        outputs = {}
        for name, (start, code) in starts.items():
            spec = self.specs[name]
            maps = self.decoder(start, encoded.maps if self.skips else None, code)
            cells = self.last[_last(spec)](maps, bases[spec.scale])
            if spec.additive:
                cells = add(cells, bases[spec.scale])
            image = F.pixel_shuffle(cells, 2 * spec.scale)
            outputs[name] = image[..., : encoded.height * spec.scale, : encoded.width * spec.scale]
        return outputs

    def receptive_field_radius(self, tasks: Names = None) -> int:
        """An upper bound: all layers, in cells of their level, plus one coarsest cell for a pixel's position in it."""
        if not self.named(tasks):
            return 0
        # Per level: the blocks of encoder and decoder with two layers each, and one layer and the enlargement of the
        # decoder. Then the stem, the last layer, and the output's enlargement.
        levels = sum((4 * count + 2) * 2 ** (level + 1) for level, count in enumerate(self.config.blocks))
        return levels + (self.layers + 1) * self.cell + 6

    def own_parameters(self, task: str) -> list[nn.Parameter]:
        return [self.codes[task]]


def _last(spec: HeadSpec) -> str:
    return f"{'restored' if spec.fine else 'repainted'}-{spec.scale}x"


class OutputEncoder(nn.Module):
    """Encodes a task's picture, with ``extra`` further channels per cell, into maps at the generator's coarsest level.
    It is the generator's encoder with one first layer per scale, modulated by the task's vector."""

    def __init__(self, config: ConditionalConfig, scales: Iterable[int], *, extra: int, outputs: int) -> None:
        super().__init__()
        self.cell = 2 ** len(config.widths)
        stems = {f"{scale}x": convolution(12 * scale**2 + extra, config.widths[0]) for scale in sorted(set(scales))}
        self.stems = nn.ModuleDict(stems)
        self.encoder = Encoder(config, config.widths[0], config.code)
        self.last = zero_(convolution(config.widths[-1], outputs, size=1))

    def forward(
        self,
        picture: Float[Tensor, "B 3 sH sW"],
        scale: int,
        code: Code,
        extra: Float[Tensor, "B P y x"] | None = None,
    ) -> Float[Tensor, "B O h w"]:
        # Padded to whole cells of the coarsest level, as the generator pads its source.
        bottom, right = (-side % (self.cell * scale) for side in picture.shape[-2:])
        cells = F.pixel_unshuffle(F.pad(picture, (0, right, 0, bottom), mode="replicate"), 2 * scale)
        if extra is not None:
            cells = torch.cat([cells, extra], dim=1)
        coarsest = self.encoder(F.leaky_relu(self.stems[f"{scale}x"](cells), SLOPE), code)[-1]
        return self.last(F.leaky_relu(coarsest, SLOPE))
