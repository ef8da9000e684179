"""Conditional VAE: the latent is inferred from the target in training and predicted from the source in rendering.

Kingma & Welling, "Auto-encoding variational Bayes" (2014), with a prior that depends on the source, as in Sohn et al.,
"Learning structured output representation using deep conditional generative models" (2015), eq. 4. With one sample of z
per step, training maximises the lower bound E_q[log p(target | source, z, task)] - KL(q(z | source, target, task) ||
p(z | source, task)). The likelihood is exp(-loss), up to a constant, of the task's own losses. Without targets q is the
prior, and the bound is the expected loss. Only with the balancer ``fixed`` is the result exactly this bound, times the
tasks' weights; other balancers rescale the tasks' gradients, and ``kl_weight`` is relative to the rescaled ones."""

from typing import Annotated, ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from prismgan.batch import Batch
from prismgan.models.config import ModelConfig
from prismgan.models.gradients import processes, total
from prismgan.models.model import Model
from prismgan.networks import Conditional, ConditionalConfig, Gaussian, VariationalGenerator


def gaussian_kl(first: Gaussian, second: Gaussian) -> Float[Tensor, "B Z h w"]:
    """KL(first || second) in nats, by channel and position (Kingma & Welling 2014, appendix B, for any second)."""
    difference = (first.mean - second.mean).square() + first.log_variance.exp()
    return 0.5 * (second.log_variance - first.log_variance + difference * (-second.log_variance).exp() - 1)


class CVAEConfig(ModelConfig):
    """The conditional VAE, for comparison: its generator, and the weight of its KL divergence."""

    kind: Literal["cvae"] = "cvae"
    generator: ConditionalConfig = ConditionalConfig()
    """Size of the generator; the network that reads the targets is as large as its encoder."""
    kl_weight: Annotated[float, Field(ge=0)] = 0.1
    """Weight of the KL divergence between posterior and prior, in nats per position of the latent map."""
    free_bits: Annotated[float, Field(ge=0)] = 0.02
    """Divergence in nats per channel of the latent that is not penalised (Kingma et al., "IAF", 2016, eq. 15), so that
    the latent is not ignored from the start."""


class CVAE(Model):
    """Prior, posterior and decoder, all conditioned on the task."""

    config_type: ClassVar[type[ModelConfig]] = CVAEConfig
    config: CVAEConfig
    generator: VariationalGenerator

    def step(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        context = self.begin(batch)
        starts, divergences = {}, {}
        with self.autocast:
            encoded = self.generator.encode(batch.source.contiguous(memory_format=torch.channels_last))
            for name in context.names:
                prior = self.generator.prior_of(encoded, name)
                inferred = prior
                if name in batch.targets:
                    inferred = self.posterior_of(encoded, name, batch.targets[name])
                    by_row = gaussian_kl(inferred, prior).mean(dim=(2, 3))
                    # This process's share of the mean over rows and positions, by channel.
                    divergences[name] = (by_row * context.weights[name][:, None]).sum(0)
                z = inferred.at(self.draw(prior.mean.shape, context.random))
                starts[name] = self.generator.start(encoded, name, z)
            outputs = self.generator.paint(encoded, starts)
        self.task_losses(batch, outputs, context)
        for name, by_channel in divergences.items():
            context.log[f"loss/{name}/kl"] = by_channel.sum().detach()
            weight = self.tasks[name].weight * self.config.kl_weight
            context.unbalanced = context.unbalanced + weight * self._beyond_free(by_channel)
        return self.finish(outputs, context)

    def posterior_of(self, encoded: Conditional, name: str, target: Float[Tensor, "B 3 sH sW"]) -> Gaussian:
        """q(z | source, target, task)."""
        spec = self.generator.specs[name]
        source = encoded.bordered[..., 1:-1, 1:-1]
        return Gaussian.of(self.helpers["posterior"](target, spec.scale, self.generator.codes[name], source))

    def _beyond_free(self, by_channel: Float[Tensor, " Z"]) -> Float[Tensor, ""]:
        """The sum over channels of the divergence or, if that is larger, of the free bits, which have no gradient."""
        whole = total(by_channel.detach()) / processes()[1]
        return torch.where(whole > self.config.free_bits, by_channel, self.config.free_bits).sum()
