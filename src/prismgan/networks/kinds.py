"""The kinds of networks that a weights file may contain. To add one, write a generator, and add it to :data:`KINDS`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from torch import nn

from prismgan.networks.comparison import Bottleneck, BottleneckConfig, ConditionalUNet, VariationalGenerator
from prismgan.networks.conditional import ConditionalConfig, OutputEncoder
from prismgan.networks.generator import Generator, GeneratorConfig
from prismgan.networks.latent_generator import LatentGenerator, LatentGeneratorConfig
from prismgan.networks.task_generator import GeneratorSizes, HeadSpec, TaskGenerator


class NetworkKind(NamedTuple):
    """A generator, and the networks that are trained together with it."""

    sizes: type[GeneratorSizes]
    generator: Callable[[Any, Sequence[HeadSpec]], TaskGenerator]  # untrained, from sizes and heads
    helpers: Callable[[Any, Sequence[HeadSpec]], Mapping[str, nn.Module]] = lambda sizes, specs: {}
    """Networks, by name, that are trained with the generator but not used for rendering, apart from discriminators."""


def _encoder(sizes: ConditionalConfig, specs: Sequence[HeadSpec], *, extra: int, outputs: int) -> OutputEncoder:
    return OutputEncoder(sizes, [spec.scale for spec in specs], extra=extra, outputs=outputs)


KINDS: dict[str, NetworkKind] = {  # by the name of the model in a recipe
    "prism": NetworkKind(GeneratorConfig, Generator),
    # The posterior reads the target together with the source.
    "cvae": NetworkKind(
        ConditionalConfig,
        VariationalGenerator,
        lambda sizes, specs: {"posterior": _encoder(sizes, specs, extra=12, outputs=2 * sizes.latent)},
    ),
    # The second encoder reads outputs.
    "cganomaly": NetworkKind(
        BottleneckConfig,
        Bottleneck,
        lambda sizes, specs: {"encoder": _encoder(sizes, specs, extra=0, outputs=sizes.latent)},
    ),
    "cwgan": NetworkKind(ConditionalConfig, ConditionalUNet),
    "cogan": NetworkKind(LatentGeneratorConfig, LatentGenerator),
}
