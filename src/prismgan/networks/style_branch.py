"""The part of the generator that paints: one normalised branch for all styles, and a head for each.

Unlike the trunk for restoration, the branch is normalised: without instance normalisation (Ulyanov, Vedaldi, Lempitsky,
"Instance normalization", 2016) a small network does not learn a style. Statistics are those of the whole picture, so
the branch always reads a whole picture, at the size at which it is painted, and never a tile. Shape and depth follow
Johnson, Alahi, Fei-Fei, "Perceptual losses for real-time style transfer" (ECCV 2016), mostly at 1/4 and 1/8 size."""

from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from prismgan.config import Config
from prismgan.images import interior
from prismgan.networks.blocks import Code, Maps, enlarged, repeated
from prismgan.networks.folded_kernels import enlarged_kernel, pixels_bias, pixels_kernel, pointwise_kernel

CELL = 8  # sides are padded to a multiple of this many pixels
BORDER = 48
"""Width of the reflected frame for painting. It is cut off, together with the effect of zero padding on strokes."""
LEVELS = (0, 1)  # the noise is an extra input at 1/4 and at 1/2 of the picture's side
PERIODS = ((31, 37), (41, 29))  # rows and columns of the tables whose sum is the noise
SIGNS = ((53, 43), (47, 59))
"""Rows and columns of their tables of signs. Without these noise repeats after 29 to 41 cells: strokes form rows."""
OUTERMOST = [0, 1, -2, -1]
"""Two rows or columns at either end. Enlarged side by side, they are correct except at the seam, which is not used."""
RANGE = 1.2  # bound of outputs; clipped to 1 later, so that they reach black and white before the tanh saturates
Width = Annotated[int, Field(gt=0, le=1024)]


class StyleBranchConfig(Config):
    """Size of the style branch."""

    fine: Width = 48
    """Channels at 1/4 of the picture's side."""
    coarse: Width = 96
    """Channels at 1/8, where strokes are laid out."""
    blocks: Annotated[int, Field(ge=1, le=64)] = 5
    """Residual blocks at 1/8."""
    head: Annotated[int, Field(gt=1, le=1024)] = 32
    """Channels of a head at 1/4; half as many at 1/2."""
    noise: Annotated[int, Field(ge=1, le=64)] = 4
    """Noise maps as extra input at 1/4 and at 1/2. In flat regions of a photo strokes develop from them."""


class NoiseField(nn.Module):
    """Normal noise with standard deviation 1/2, as a function of z and of the position in the whole picture. It is a
    sum of fixed tables, weighted by z (``latent`` dimensions) and repeated endlessly with changing signs. Equal z give
    equal noise at equal positions, whatever the picture, so strokes keep their positions in the frames of a clip."""

    gain = 0.5 / len(PERIODS) ** 0.5  # of every table, for the standard deviation of their sum

    def __init__(self, maps: int, latent: int) -> None:
        super().__init__()
        random = torch.Generator().manual_seed(0)
        for level in LEVELS:
            for number, period in enumerate(PERIODS):
                table = torch.randn(latent, maps, *period, generator=random)
                self.register_buffer(f"table{level}{number}", table, persistent=False)
        for level in LEVELS:  # drawn after all tables, which stayed the same when signs were introduced
            for number, period in enumerate(SIGNS):
                sign = torch.randint(2, (maps, *period), generator=random) * 2.0 - 1
                self.register_buffer(f"sign{level}{number}", sign, persistent=False)

    def forward(
        self, latent: Float[Tensor, "B Z"], level: int, rows: int, columns: int
    ) -> Float[Tensor, "B N {rows} {columns}"]:
        """The upper left part of the noise at 1/4 (``level`` 0) or 1/2 (1) of the picture's side."""
        direction = self.gain * F.normalize(latent, dim=1)
        total = latent.new_zeros(())
        for number in range(len(PERIODS)):
            table = self.get_buffer(f"table{level}{number}")
            weighed = torch.einsum("bz,znhw->bnhw", direction, table)
            sign = self.get_buffer(f"sign{level}{number}")
            total = total + repeated(weighed, rows, columns) * repeated(sign, rows, columns)
        return total

    def appended_to(
        self, framed: Float[Tensor, "B 3 H W"], latent: Float[Tensor, "#B Z"]
    ) -> tuple[Float[Tensor, "B C h w"], Float[Tensor, "B D h w"]]:
        """Pictures unshuffled by 4, concatenated with the noise of z at 1/4 and with that at 1/2, unshuffled by 2."""
        cells = F.pixel_unshuffle(framed, 4)
        rows, columns = cells.shape[-2:]
        noises = self(latent, 0, rows, columns), F.pixel_unshuffle(self(latent, 1, 2 * rows, 2 * columns), 2)
        quarters, details = (torch.cat([cells, noise.expand(len(cells), -1, -1, -1)], dim=1) for noise in noises)
        return quarters, details


def _convolution(inputs: int, outputs: int, size: int = 3, stride: int = 1, *, bias: bool = False) -> nn.Conv2d:
    """A convolution; with stride 1 it pads with zeros. By default it has no bias: normalisation would cancel it."""
    return nn.Conv2d(inputs, outputs, size, stride, padding=size // 2 if stride == 1 else 0, bias=bias)


class ConditionalNorm(nn.Module):
    """Instance normalisation with a learnt scale and shift, which a code may modulate. Dumoulin, Shlens, Kudlur, "A
    learned representation for artistic style" (ICLR 2017), eq. 5."""

    def __init__(self, channels: int, code: int = 0) -> None:
        super().__init__()
        self.norm = nn.InstanceNorm2d(channels, affine=True)
        self.linear = nn.Linear(code, 2 * channels) if code else None
        if self.linear is not None:
            nn.init.normal_(self.linear.weight, std=0.3 / code**0.5)
            nn.init.zeros_(self.linear.bias)

    def forward(self, maps: Maps, code: Code | None = None) -> Maps:
        maps = self.norm(maps)
        if self.linear is None:
            return maps
        assert code is not None, "this head needs a latent"
        scale, shift = self.linear(code)[..., None, None].chunk(2, dim=1)
        return maps * (1 + scale) + shift


class NormalisedBlock(nn.Module):
    """``x + norm(conv(relu(norm(conv(x)))))``."""

    def __init__(self, channels: int, code: int = 0) -> None:
        super().__init__()
        self.first = _convolution(channels, channels)
        self.first_norm = ConditionalNorm(channels, code)
        self.second = _convolution(channels, channels)
        self.second_norm = ConditionalNorm(channels, code)

    def forward(self, maps: Maps, code: Code | None = None) -> Maps:
        inner = F.relu(self.first_norm(self.first(maps), code))
        return maps + self.second_norm(self.second(inner), code)


class StyleBranch(nn.Module):
    """Computes the features at 1/4 that the heads of all styles read."""

    def __init__(self, config: StyleBranchConfig) -> None:
        super().__init__()
        self.stem = _convolution(48 + config.noise, config.fine)
        self.stem_norm = ConditionalNorm(config.fine)
        self.down = _convolution(config.fine, config.coarse, size=2, stride=2)
        self.down_norm = ConditionalNorm(config.coarse)
        self.blocks = nn.ModuleList(NormalisedBlock(config.coarse) for _ in range(config.blocks))
        self.up = _convolution(config.coarse, config.fine, size=1, bias=True)

    def forward(self, quarters: Float[Tensor, "B C h w"]) -> Float[Tensor, "B F h w"]:
        """``quarters`` are the picture, unshuffled by 4, with noise channels; their sides are even."""
        quarter = F.relu(self.stem_norm(self.stem(quarters)))
        coarse = F.relu(self.down_norm(self.down(quarter)))
        for block in self.blocks:
            coarse = block(coarse)
        return quarter + enlarged(self.up(coarse), 2)


class StyleHead(nn.Module):
    """The head of one style: residual blocks at 1/4, then two layers at 1/2, of which the first also reads the picture
    itself and the second gives the sub-pixels. Both are computed at 1/4, with kernels folded from their weights."""

    def __init__(self, config: StyleBranchConfig, *, blocks: int = 1, code: int = 0) -> None:
        super().__init__()
        half = config.head // 2
        self.enter = _convolution(config.fine, config.head)
        self.enter_norm = ConditionalNorm(config.head, code)
        self.blocks = nn.ModuleList(NormalisedBlock(config.head, code) for _ in range(blocks))
        self.up = _convolution(config.head, half)
        self.up_norm = ConditionalNorm(half)
        self.skip = _convolution(12 + config.noise, half, size=1, bias=True)
        self.last = _convolution(half, 12, bias=True)

    def forward(
        self, features: Float[Tensor, "B F h w"], details: Float[Tensor, "B C y x"], code: Code | None = None
    ) -> Float[Tensor, "B 3 4*y-8 4*x-8"]:
        """The picture without its frame. ``details`` are the picture, unshuffled by 4, with noise channels, and with
        only one cell of the frame. They restore the photo's contrast, which normalisation removes."""
        maps = F.relu(self.enter_norm(self.enter(features), code))
        for block in self.blocks:
            maps = block(maps, code)
        maps = interior(self._enlarged(maps), (features.shape[-1] - details.shape[-1]) // 2 - 1)
        maps = F.relu(maps + F.conv2d(details, *self.skip_kernel()))
        # Without the blur, sub-pixels of flat regions alternate from pixel to pixel, which the style loss rewards. The
        # blur comes before the hyperbolic tangent, which can sharpen edges again.
        return RANGE * torch.tanh(F.pixel_shuffle(F.conv2d(maps, *self.last_kernel()), 4))

    def up_kernel(self) -> Float[Tensor, "_ _ 3 3"]:
        """The kernel at 1/4 of bilinear enlargement followed by :attr:`up`, exact except in the outermost cells."""
        return enlarged_kernel(self.up.weight)

    def skip_kernel(self) -> tuple[Float[Tensor, "_ _ 1 1"], Float[Tensor, " _"]]:
        """The kernel of :attr:`skip` at 1/4, and its bias."""
        assert self.skip.bias is not None
        return pointwise_kernel(self.skip.weight, colours=3), self.skip.bias.repeat_interleave(4)

    def last_kernel(self) -> tuple[Float[Tensor, "48 _ 3 3"], Float[Tensor, " 48"]]:
        """The kernel at 1/4 of :attr:`last` with the pixel shuffle and the blur, and its bias."""
        assert self.last.bias is not None
        return pixels_kernel(self.last.weight), pixels_bias(self.last.bias)

    def _enlarged(self, maps: Maps) -> Float[Tensor, "B _ H-2 W-2"]:
        """``up_norm(up(enlarged(maps)))``, unshuffled by 2, without the outermost cells. These count in the statistics,
        so the layers at 1/2 compute them: a kernel at 1/4 cannot represent that enlargement ends at the border."""
        inner = F.conv2d(maps, self.up_kernel())
        rows = self.up(enlarged(maps[:, :, OUTERMOST], 2))[:, :, OUTERMOST]
        columns = self.up(enlarged(maps[..., OUTERMOST], 2))[:, :, 2:-2, OUTERMOST]
        places = inner.unflatten(1, (-1, 4)).flatten(2)
        everything = torch.cat([places, rows.flatten(2), columns.flatten(2)], dim=2)
        normalised = self.up_norm(everything[..., None])[:, :, : places.shape[2], 0]
        return normalised.reshape(inner.shape)


def framed(source: Float[Tensor, "B 3 H W"], border: int = BORDER) -> Float[Tensor, "B 3 h w"]:
    """The source with a reflected border of ``border`` pixels (whole cells), padded to whole cells, for painting."""
    for axis in (2, 3):
        side = source.shape[axis]
        # A picture narrower than its border is reflected several times.
        places = torch.arange(-border, side + -side % CELL + border) % max(2 * side - 2, 1)
        places = torch.where(places < side, places, 2 * side - 2 - places)
        source = source.index_select(axis, places.to(source.device))
    return source
