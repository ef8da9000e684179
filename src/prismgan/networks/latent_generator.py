"""The generator without a source: a fully connected stem from the latent to 4x4 cells, a trunk that all tasks share,
and a light head for every task, as in CoGAN (Liu & Tuzel, "Coupled generative adversarial networks", 2016). A head can
decide on little more than colours and outlines, which keeps the tasks' images aligned."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated

from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from prismgan.networks.blocks import SLOPE, ResidualBlock, ResidualStage, convolution, enlarged, icnr_
from prismgan.networks.task_generator import GeneratorSizes, HeadSpec, Levels, Names, Positive, TaskGenerator

START = 4  # side of the stem's map in cells


class LatentGeneratorConfig(GeneratorSizes):
    """Size of the generator without a source."""

    widths: Levels = (32, 48, 64)
    """Channels at 1/2, 1/4, 1/8 ... of the pictures' side. The coarsest level is 4 pixels a side, so three levels give
    pictures of 32."""
    blocks: Levels = (1, 1, 1)
    """Residual blocks at each of these levels, every one modulated by z."""
    head_blocks: Annotated[int, Field(ge=0, le=16)] = 0
    """Residual blocks of every head. The more capacity a head has, the less it has to agree with the others."""
    latent: Positive = 32
    """Dimensions of the latent z ~ N(0, I)."""

    @property
    def side(self) -> int:
        return int(START * 2 ** len(self.widths))


def _dense(inputs: int, outputs: int) -> nn.Linear:
    """A linear layer that keeps the signal's variance. torch's default shrinks it, and pictures never vary with z."""
    layer = nn.Linear(inputs, outputs)
    nn.init.kaiming_normal_(layer.weight, a=SLOPE)
    nn.init.zeros_(layer.bias)
    return layer


class LatentTrunk(nn.Module):
    """Computes features at half the pictures' resolution from the latent and its code."""

    def __init__(self, config: LatentGeneratorConfig) -> None:
        super().__init__()
        widths, blocks = config.widths[::-1], config.blocks[::-1]  # from coarse to fine
        self.start = _dense(config.latent, widths[0] * START**2)
        self.levels = nn.ModuleList(ResidualStage(*sizes, config.code) for sizes in zip(widths, blocks, strict=True))
        self.up = nn.ModuleList(convolution(coarse, fine) for coarse, fine in pairwise(widths))

    def forward(self, latent: Float[Tensor, "B Z"], code: Float[Tensor, "B Y"]) -> Float[Tensor, "B C h w"]:
        maps = self.start(latent).unflatten(1, (-1, START, START))
        maps = self.levels[0](maps, code)
        for up, level in zip(self.up, self.levels[1:], strict=True):
            maps = level(up(F.leaky_relu(enlarged(maps, 2), SLOPE)), code)
        return maps


class LatentHead(nn.Module):
    """Turns features into one task's image, with 2x2 pixels per cell."""

    def __init__(self, config: LatentGeneratorConfig) -> None:
        super().__init__()
        width = config.widths[0]
        self.blocks = nn.ModuleList(ResidualBlock(width) for _ in range(config.head_blocks))
        self.last = icnr_(convolution(width, 12), 2)

    def forward(self, maps: Float[Tensor, "B C h w"]) -> Float[Tensor, "B 3 2*h 2*w"]:
        for block in self.blocks:
            maps = block(maps)
        return F.pixel_shuffle(self.last(F.leaky_relu(maps, SLOPE)), 2)


class LatentGenerator(TaskGenerator):
    """Generates one image per task from a latent, roughly in [-1, 1] and with ``config.side`` pixels a side."""

    def __init__(self, config: LatentGeneratorConfig, specs: Sequence[HeadSpec]) -> None:
        super().__init__(config, specs)
        self.config = config
        first, second = _dense(config.latent, config.code), _dense(config.code, config.code)
        self.mapping = nn.Sequential(first, nn.LeakyReLU(SLOPE), second, nn.LeakyReLU(SLOPE))
        self.trunk = LatentTrunk(config)
        self.heads = nn.ModuleDict({spec.name: LatentHead(config) for spec in specs})

    def forward(self, latent: Float[Tensor, "B Z"], tasks: Names = None) -> dict[str, Float[Tensor, "B 3 H W"]]:
        """The images of the named tasks (default: all), in one pass; images of one latent show the same subject."""
        maps = self.trunk(latent, self.mapping(latent))
        return {name: self.heads[name](maps) for name in (self.heads if tasks is None else tasks)}

    def own_parameters(self, task: str) -> list[nn.Parameter]:
        return list(self.heads[task].parameters())
