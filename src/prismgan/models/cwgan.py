"""Conditional WGAN (Gulrajani et al., "Improved training of Wasserstein GANs", 2017, algorithm 1). The generator is
conditioned on the task by a vector, the critic by projection. Deviations: every task's own losses are added; and all
critic updates of a step use the step's one batch, with different points for the gradient penalty."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from prismgan.batch import Batch
from prismgan.models.adversary import Adversary, AdversaryConfig, OpponentConfig
from prismgan.models.config import ModelConfig
from prismgan.models.model import Model
from prismgan.networks import ConditionalConfig


class CriticConfig(OpponentConfig):
    """The critic and its training."""

    steps: Annotated[int, Field(ge=1, le=20)] = 5
    """Updates of the critic per update of the generator."""
    penalty_weight: Annotated[float, Field(gt=0)] = 10.0
    """Weight of the gradient penalty."""


class CWGANConfig(ModelConfig):
    """The conditional WGAN, for comparison: its generator, its critic, and how they are trained."""

    kind: Literal["cwgan"] = "cwgan"
    generator: ConditionalConfig = ConditionalConfig()
    """Size of the generator."""
    critic: CriticConfig = CriticConfig()
    """The critic and its training."""

    @property
    def opponent(self) -> AdversaryConfig:
        own = self.critic.model_dump(exclude={"steps"})
        return AdversaryConfig(**own, objective="wasserstein", stages="two", classification_weight=0)


class CWGAN(Model):
    """Generator and critic, both conditioned on the task."""

    config_type: ClassVar[type[ModelConfig]] = CWGANConfig
    config: CWGANConfig
    adversary: Adversary

    def step(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """Several updates of the critic, then one of the generator against the updated critic."""
        context = self.begin(batch)
        latent = self.draw((len(batch.source), self.config.generator.latent), context.random)
        source = batch.source.contiguous(memory_format=torch.channels_last)
        with self.autocast:
            outputs: Mapping[str, Tensor] = self.generator(source, latent, context.names)
        self.task_losses(batch, outputs, context)
        if (judged := self.adversarial_batch(batch, outputs, context)) is not None:
            for _ in range(self.config.critic.steps):
                self.adversary.update_discriminator(judged, self.steps_done, context)
            self.add_term(context, "adversarial", self.adversary.generator_loss(judged), outputs)
        return self.finish(outputs, context)
