"""Conditional GANomaly, whose decoder, second encoder and discriminator are conditioned on the task.

Akcay et al., "GANomaly: semi-supervised anomaly detection via adversarial training" (2018). The paper reconstructs
pictures; here they are translated:

* contextual loss (eq. 2): the L1 distance to the target, for tasks that have one, beside the task's own losses;
* adversarial loss (eq. 1): the distance between the discriminator's features of an output and of its target; without
  pairs, between their means over rows and positions (Salimans et al., "Improved techniques", 2016, eq. 1);
* latent loss (eq. 3): the second encoder should recover the latent of the *source*.

The discriminator is trained with the paper's cross-entropy, one logit per picture."""

from typing import Annotated, ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from prismgan.batch import Batch
from prismgan.models.adversary import Adversary, AdversaryConfig, OpponentConfig
from prismgan.models.config import ModelConfig
from prismgan.models.gradients import processes, total
from prismgan.models.model import Model
from prismgan.models.step import AdversarialBatch
from prismgan.networks import Bottleneck, BottleneckConfig


def squared_distance(first: Float[Tensor, "B ..."], second: Float[Tensor, "B ..."]) -> Float[Tensor, " B"]:
    """Eq. 1 and 3, as a mean, so that it does not grow with the picture, and squared as in the authors' program."""
    return (first - second).square().flatten(1).mean(1)


def absolute_distance(first: Float[Tensor, "B ..."], second: Float[Tensor, "B ..."]) -> Float[Tensor, " B"]:
    """Eq. 2, between output and target, and eq. 5, between the two latents; also as a mean."""
    return (first - second).abs().flatten(1).mean(1)


class CGANomalyConfig(ModelConfig):
    """The conditional GANomaly, for comparison: its networks and the weights of its losses."""

    varies: ClassVar[bool] = False

    kind: Literal["cganomaly"] = "cganomaly"
    generator: BottleneckConfig = BottleneckConfig()
    """Size of the generator; the second encoder is as large as the generator's own."""
    adversary: OpponentConfig = OpponentConfig()
    """The discriminator and its training."""
    contextual_weight: Annotated[float, Field(ge=0)] = 1.0
    """Weight of the L1 distance to the target, in addition to the task's own losses. The paper uses 50, relative to an
    adversarial loss of weight 1. Here the adversarial loss has the task's adversarial weight, and the task's own losses
    do most of the work of that 50."""
    latent_weight: Annotated[float, Field(ge=0)] = 1.0
    """Weight of the distance between the source's latent and that of the output, encoded again."""

    @property
    def opponent(self) -> AdversaryConfig:
        return AdversaryConfig(**self.adversary.model_dump(), stages="two", classification_weight=0)


class CGANomaly(Model):
    """Generator, second encoder and discriminator."""

    config_type: ClassVar[type[ModelConfig]] = CGANomalyConfig
    config: CGANomalyConfig
    generator: Bottleneck
    adversary: Adversary

    def step(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """The discriminator's update, then one of generator and second encoder."""
        context = self.begin(batch)
        with self.autocast:
            encoded = self.generator.encode(batch.source.contiguous(memory_format=torch.channels_last))
            outputs = self.generator.decode(encoded, None, context.names)
            z = self.generator.z(encoded)
            again = {name: self._encoded_again(name, output) for name, output in outputs.items()}
        self.task_losses(batch, outputs, context)
        for name, output in outputs.items():
            if name in batch.targets:
                value = (absolute_distance(batch.targets[name], output.float()) * context.weights[name]).sum()
                context.log[f"loss/{name}/contextual"] = value.detach()
                context.losses[name] = context.losses[name] + self.config.contextual_weight * value
            value = (squared_distance(z.float(), again[name].float()) * context.weights[name]).sum()
            context.log[f"loss/{name}/latent"] = value.detach()
            context.unbalanced = context.unbalanced + self.tasks[name].weight * self.config.latent_weight * value
        if (judged := self.adversarial_batch(batch, outputs, context)) is not None:
            self.adversary.update_discriminator(judged, self.steps_done, context)
            self.add_term(context, "adversarial", self._matching(judged), outputs)
        return self.finish(outputs, context)

    def _encoded_again(self, name: str, output: Float[Tensor, "B 3 sH sW"]) -> Float[Tensor, "B Z h w"]:
        return self.helpers["encoder"](output, self.generator.specs[name].scale, self.generator.codes[name])

    def _matching(self, judged: AdversarialBatch) -> dict[str, Float[Tensor, ""]]:
        """Distance between the discriminator's features of the outputs and of real pictures, by task."""
        discriminator = self.adversary.discriminator
        discriminator.requires_grad_(False)
        with self.autocast:
            fake = judged.of_task(discriminator.features(judged.fake).float())
            with torch.no_grad():
                real = judged.of_task(discriminator.features(judged.real).float())
        discriminator.requires_grad_(True)
        distances = {}
        for name, weight in judged.of_task(judged.weight * len(judged.tasks)).items():
            if self.tasks[name].has_pairs:
                distances[name] = (squared_distance(real[name], fake[name]) * weight).sum()
            else:
                distances[name] = _mean_matching(real[name], fake[name], weight)
        return distances

    @torch.no_grad()
    def anomaly_score(self, source: Float[Tensor, "B 3 H W"]) -> Float[Tensor, " B"]:
        """Eq. 5 for every picture, averaged over the tasks; low for sources that resemble the training data."""
        encoded = self.generator.encode(source)
        z = self.generator.z(encoded)
        outputs = self.generator.decode(encoded)
        scores = [absolute_distance(z, self._encoded_again(name, output)) for name, output in outputs.items()]
        return torch.stack(scores).mean(0)


def _mean_matching(
    real: Float[Tensor, "B C h w"], fake: Float[Tensor, "B C h w"], weight: Float[Tensor, " B"]
) -> Float[Tensor, ""]:
    """:func:`squared_distance` of the mean over positions and over the rows of all processes."""
    own = ((fake.mean(dim=(2, 3)) - real.mean(dim=(2, 3))) * weight[:, None]).sum(0)
    whole = total(own.detach()) / processes()[1]
    # The value over all processes, with its gradient at this process's rows.
    surrogate = 2 * (whole * own).mean()
    return whole.square().mean() + surrogate - surrogate.detach()
