"""The discriminator's update, and the generator's adversarial loss.

``stages: two`` is the textbook order: the discriminator is updated on the detached outputs, then judges them again for
the generator. ``one`` takes both updates from one forward pass of the discriminator (Shen et al., "Training generative
adversarial networks in one stage", CVPR 2021): the backward pass also computes the discriminator's gradient at every
fake picture, and the generator's gradient is this gradient times the ratio of the two losses' derivatives at the
picture's logit. If that ratio does not exist (hinge beyond its margin), a second backward pass is used. See
``docs/architecture.md``, "One-stage training"."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from prismgan.config import Config
from prismgan.losses.objectives import OBJECTIVES, ObjectiveName, PenaltyKind, wasserstein_penalty, zero_centred_penalty
from prismgan.models.gradients import apply_gradients, processes
from prismgan.models.step import AdversarialBatch, StepContext
from prismgan.networks import Discriminator, DiscriminatorConfig, Judgement

SMALLEST_FACTOR = 1e-12  # below this derivative rescaling is unsafe; a second backward pass is used


class OpponentConfig(Config):
    """The discriminator and its training."""

    discriminator: DiscriminatorConfig = DiscriminatorConfig()
    """Size of the discriminator."""
    rate: Annotated[float, Field(gt=0)] = 4e-4
    """Learning rate of the discriminator (Adam)."""
    clip: Annotated[float, Field(gt=0)] | None = 5.0
    """Largest global gradient norm of the discriminator; null disables clipping."""


class AdversaryConfig(OpponentConfig):
    """The discriminator and the adversarial training."""

    objective: ObjectiveName = "non_saturating"
    """The GAN objective."""
    stages: Literal["one", "two"] = "one"
    """Whether the discriminator's forward pass on the fakes serves both updates (one) or is done again (two)."""
    penalty: PenaltyKind | None = None
    """Gradient penalty of the discriminator; by default that of the objective."""
    penalty_weight: Annotated[float, Field(ge=0)] | None = None
    """Weight of the gradient penalty; by default that of the objective's paper."""
    penalty_every: Annotated[int, Field(ge=1)] | None = None
    """Steps between two penalties, each multiplied by this number ("lazy", Karras et al. 2020); by default 4, or 1 for
    wgan-gp, whose critic has no other constraint."""
    classification_weight: Annotated[float, Field(ge=0)] = 0.2
    """Weight of the discriminator's task classification on real pictures."""


class Adversary:
    """The discriminator with its optimizer and the adversarial updates; ``tasks`` are all tasks of the recipe."""

    def __init__(self, config: AdversaryConfig, tasks: Sequence[str], device: str, autocast: torch.autocast) -> None:
        self.config = config
        self.objective = OBJECTIVES[config.objective]
        self.autocast = autocast
        self.penalty: PenaltyKind = config.penalty or self.objective.penalty
        default = self.objective.penalty_weight or 1.0
        self.penalty_weight = default if config.penalty_weight is None else config.penalty_weight
        self.penalty_every = config.penalty_every or (1 if self.penalty == "wgan-gp" else 4)
        sizes = config.discriminator
        if sizes.spectral_norm is None:
            sizes = sizes.model_copy(update={"spectral_norm": self.penalty == "none"})
        self.discriminator = Discriminator(sizes, tasks)
        self.discriminator.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = torch.optim.Adam(self.discriminator.parameters(), lr=config.rate, betas=(0.5, 0.99))

    def update(self, judged: AdversarialBatch, step: int, context: StepContext) -> dict[str, Float[Tensor, ""]]:
        """Update the discriminator; returns the generator's adversarial loss for every task, unweighted."""
        if self.config.stages == "one":
            return self._one_stage(judged, step, context)
        self.update_discriminator(judged, step, context)
        return self.generator_loss(judged)

    def _one_stage(self, judged: AdversarialBatch, step: int, context: StepContext) -> dict[str, Float[Tensor, ""]]:
        count = len(judged.fake)
        images = judged.fake.detach().requires_grad_()
        judgement = self._judge_both(judged.real, images, judged.task_index)
        logits = judgement.logit
        real, fake = logits[:count].detach().requires_grad_(), logits[count:].detach().requires_grad_()
        loss = (self.objective.discriminator(real, fake) * judged.weight).sum()
        by_real, by_fake = torch.autograd.grad(loss, (real, fake))
        values = self.objective.generator(real.detach(), fake) * judged.weight
        (wanted,) = torch.autograd.grad(values.sum(), fake)

        present = judged.weight > 0
        scalable = bool((by_fake.abs() > SMALLEST_FACTOR * judged.weight)[present].all())
        if not scalable:
            (gradient,) = torch.autograd.grad(logits[count:], images, wanted, retain_graph=True)
        classification, extra = self._extras(judged, judgement, step, context.random)
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward([logits, extra], [torch.cat([by_real, by_fake]), torch.ones_like(extra)])
        if scalable:
            assert images.grad is not None
            factor = torch.where(present, wanted / torch.where(present, by_fake, 1.0), 0.0)
            gradient = images.grad * factor.view(-1, 1, 1, 1)
        self._apply(judged, judgement, loss + extra, classification, context)
        # The value of the loss and, at the outputs, the gradient computed above.
        surrogate = (judged.fake * gradient).flatten(1).sum(1)
        return _per_task(judged, values.detach() + surrogate - surrogate.detach())

    def update_discriminator(self, judged: AdversarialBatch, step: int, context: StepContext) -> None:
        judgement = self._judge_both(judged.real, judged.fake.detach(), judged.task_index)
        real, fake = judgement.logit.split(len(judged.fake))
        loss = (self.objective.discriminator(real, fake) * judged.weight).sum()
        classification, extra = self._extras(judged, judgement, step, context.random)
        self.optimizer.zero_grad(set_to_none=True)
        (loss + extra).backward()
        self._apply(judged, judgement, loss + extra, classification, context)

    def generator_loss(self, judged: AdversarialBatch) -> dict[str, Float[Tensor, ""]]:
        """The generator's adversarial losses, from a separate pass that does not change the discriminator."""
        self.discriminator.requires_grad_(False)
        fake = self._judge(judged.fake, judged.task_index).logit
        real = torch.zeros_like(fake)
        if self.objective.generator_sees_real:
            with torch.no_grad():
                real = self._judge(judged.real, judged.task_index).logit
        self.discriminator.requires_grad_(True)
        return _per_task(judged, self.objective.generator(real, fake) * judged.weight)

    def _judge_both(self, real: Tensor, fake: Tensor, index: Tensor) -> Judgement:
        """One forward pass over real and fake pictures, the real ones first."""
        images = torch.cat([real, fake]).contiguous(memory_format=torch.channels_last)
        return self._judge(images, torch.cat([index, index]))

    def _judge(self, images: Tensor, index: Tensor) -> Judgement:
        with self.autocast:
            return self.discriminator(images, index)

    def _extras(
        self, judged: AdversarialBatch, judgement: Judgement, step: int, random: torch.Generator
    ) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
        """The task classification loss on real pictures, and its weighted sum with the gradient penalty."""
        of_real = judgement.task[: len(judged.real)]
        classification = (F.cross_entropy(of_real, judged.task_index, reduction="none") * judged.weight).sum()
        extra = self.config.classification_weight * classification
        if self.penalty != "none" and step % self.penalty_every == 0:
            penalty = (self._penalty(judged, random) * judged.weight).sum()
            extra = extra + self.penalty_weight * self.penalty_every * penalty
        return classification.detach(), extra

    def _penalty(self, judged: AdversarialBatch, random: torch.Generator) -> Float[Tensor, " N"]:
        def judge(images: Tensor) -> Tensor:
            return self._judge(images, judged.task_index).logit

        if self.penalty == "wgan-gp":
            # Drawn for the rows of all processes, so that a row's value does not depend on the number of processes.
            rank, world = processes()
            rows = len(judged.fake) // len(judged.tasks)
            mix = torch.rand(len(judged.tasks), world * rows, generator=random)
            mine = mix[:, rank * rows : (rank + 1) * rows].reshape(-1).to(judged.fake.device)
            return wasserstein_penalty(judge, judged.real, judged.fake, mine)
        penalty = zero_centred_penalty(judge, judged.real)
        if self.penalty == "r1+r2":
            penalty = penalty + zero_centred_penalty(judge, judged.fake)
        return penalty

    @torch.no_grad()
    def judge(self, judged: AdversarialBatch) -> dict[str, Float[Tensor, " N"]]:
        """The discriminator's loss and accuracies per picture, without an update, for evaluation."""
        self.discriminator.eval()
        judgement = self._judge_both(judged.real, judged.fake, judged.task_index)
        self.discriminator.train()
        loss = self.objective.discriminator(*judgement.logit.split(len(judged.fake)))
        values = {"loss": loss, **self._accuracies(judgement, judged.task_index)}
        return {name: value[judged.weight > 0] for name, value in values.items()}

    def _apply(
        self, judged: AdversarialBatch, judgement: Judgement, loss: Tensor, classification: Tensor, context: StepContext
    ) -> None:
        norm, finite = apply_gradients(self.optimizer, self.config.clip)
        context.finite = torch.minimum(context.finite, finite)
        weight = judged.weight / judged.weight.sum().clamp_min(1e-12)
        context.log["discriminator/loss"] = loss.detach()
        if self.config.classification_weight:
            context.log["discriminator/classification"] = classification
        context.log["norm/discriminator"] = norm
        for name, value in self._accuracies(judgement, judged.task_index).items():
            context.log[f"discriminator/{name}"] = (value * weight).sum()

    def _accuracies(self, judgement: Judgement, index: Int[Tensor, " N"]) -> dict[str, Float[Tensor, " N"]]:
        """For N real pictures, N fake ones, and the tasks of the real ones if it learns them: 1 where the discriminator
        is right, else 0. A logit is right if it is on the correct side of the objective's boundary. Without a boundary
        (Wasserstein, relativistic), a pair is right if the real picture has the larger logit."""
        real, fake = judgement.logit.detach().split(len(index))
        boundary = self.objective.boundary
        right = (real > fake, real > fake) if boundary is None else (real > boundary, fake < boundary)
        accuracies = {"accuracy_real": right[0].float(), "accuracy_fake": right[1].float()}
        if self.config.classification_weight:  # otherwise it has not been trained to
            accuracies["accuracy_task"] = (judgement.task[: len(index)].detach().argmax(dim=1) == index).float()
        return accuracies

    def state_dict(self) -> dict[str, Any]:
        return {"network": self.discriminator.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.discriminator.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])


def _per_task(judged: AdversarialBatch, values: Float[Tensor, " N"]) -> dict[str, Float[Tensor, ""]]:
    """Each task's sum, times the number of tasks: weights are divided by it for the discriminator's mean over tasks."""
    return {name: own.sum() * len(judged.tasks) for name, own in judged.of_task(values).items()}
