"""The networks of a weights file as plain modules, for research."""

import os
from collections.abc import Mapping
from typing import NamedTuple

import torch
from pydantic import ValidationError

from prismgan.errors import WeightsError
from prismgan.machine import usable_device
from prismgan.networks import Discriminator, DiscriminatorConfig, TaskGenerator
from prismgan.weights.file import Weights, load_weights


class Networks(NamedTuple):
    generator: TaskGenerator
    discriminator: Discriminator | None  # None if the file contains none


def load_generator(path: str | os.PathLike[str] | None = None, *, device: str | torch.device | None = None) -> Networks:
    """Read the networks of a weights file as plain ``torch.nn.Module`` objects, in float32 and training mode.

    The generator takes a source (B, 3, H, W) in [-1, 1], and optionally a latent (B, Z) and names of tasks, and returns
    an image (B, 3, sH, sW) by task. The discriminator takes images (N, 3, H, W) in [-1, 1] and the index of each
    image's task, and returns logits.

    >>> generator, discriminator = load_generator()
    >>> looks = generator(torch.zeros(1, 3, 64, 64), tasks=["comic"])
    >>> looks["comic"].shape
    torch.Size([1, 3, 64, 64])

    Args:
        path: the file; the ready-made weights by default.
        device: device that the networks are moved to; the CPU by default.

    Raises:
        PrismganError: the file is missing, damaged or of another version, or the device cannot be used.
    """
    target = usable_device("cpu" if device is None else device)
    weights = load_weights(path)
    generator, discriminator = weights.network(), _discriminator(weights)
    for network in (generator, discriminator):
        if network is not None:
            network.train().requires_grad_(True).to(target)
    return Networks(generator, discriminator)


def _discriminator(weights: Weights) -> Discriminator | None:
    tensors = weights.part("discriminator")
    if not tensors:
        return None
    # The part of the model that trains a discriminator has another name in every kind of model.
    parts = [part for part in weights.header.recipe.get("model", {}).values() if isinstance(part, Mapping)]
    sizes: Mapping[str, object] = next((part["discriminator"] for part in parts if "discriminator" in part), {})
    try:
        config = DiscriminatorConfig.model_validate(sizes)
    except ValidationError:
        raise WeightsError(f"{weights.path}: the description of its discriminator is damaged") from None
    if config.spectral_norm is None:  # the objective decided
        normalised = any(".parametrizations." in name for name in tensors)
        config = config.model_copy(update={"spectral_norm": normalised})
    tasks = [name.removeprefix("classifier.") for name in tensors if name.startswith("classifier.")]
    order = [entry.name for entry in weights.header.tasks]
    network = Discriminator(config, sorted(tasks, key=order.index))
    weights.fill(network, "discriminator")
    return network
