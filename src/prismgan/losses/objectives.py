"""Adversarial objectives with one interface, and gradient penalties of the discriminator. The losses of discriminator
and generator both take real and fake logits (N,), one per picture, and return (N,), unreduced. ``real[i]`` and
``fake[i]`` belong to the same task, which is all the pairing that the relativistic objective needs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

Logits = Float[Tensor, " N"]
PenaltyKind = Literal["none", "r1", "r1+r2", "wgan-gp"]
ObjectiveName = Literal["non_saturating", "least_squares", "hinge", "wasserstein", "relativistic"]


@dataclass(frozen=True)
class Objective:
    """The losses of the two players, and the regularisation that the objective's paper relies on."""

    discriminator: Callable[[Logits, Logits], Logits]  # `discriminator(real, fake)`
    generator: Callable[[Logits, Logits], Logits]  # `generator(real, fake)`
    penalty: PenaltyKind = "none"  # the objective's default gradient penalty of the discriminator
    penalty_weight: float = 0.0  # the paper's weight of that penalty
    boundary: float | None = None  # logit above which a picture counts as real; None if only differences are meaningful
    generator_sees_real: bool = False  # whether the generator's loss depends on the real logits


OBJECTIVES: dict[ObjectiveName, Objective] = {
    # Goodfellow et al., "Generative adversarial nets" (2014), section 3.
    "non_saturating": Objective(
        lambda real, fake: F.softplus(-real) + F.softplus(fake), lambda real, fake: F.softplus(-fake), boundary=0.0
    ),
    # Mao et al., "Least squares GAN" (2017), eq. 9 (a = 0, b = c = 1).
    "least_squares": Objective(
        lambda real, fake: 0.5 * (real - 1).square() + 0.5 * fake.square(),
        lambda real, fake: 0.5 * (fake - 1).square(),
        boundary=0.5,
    ),
    # Lim & Ye, "Geometric GAN" (2017); Miyato et al. (2018), eq. 16 and 17.
    "hinge": Objective(lambda real, fake: F.relu(1 - real) + F.relu(1 + fake), lambda real, fake: -fake, boundary=0.0),
    # Gulrajani et al., "Improved training of Wasserstein GANs" (2017), eq. 3.
    "wasserstein": Objective(lambda real, fake: fake - real, lambda real, fake: -fake, "wgan-gp", 10.0),
    # Jolicoeur-Martineau (2018) with the penalties of Huang et al., "The GAN is dead" (2024), eq. 1 to 4.
    "relativistic": Objective(
        lambda real, fake: F.softplus(fake - real), lambda real, fake: F.softplus(real - fake), "r1+r2", 1.0, None, True
    ),
}
Pictures = Float[Tensor, "N ..."]
Judge = Callable[[Pictures], Logits]


def _gradient(judge: Judge, images: Pictures) -> Float[Tensor, "N D"]:
    images = images.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(judge(images).sum(), images, create_graph=True)
    return gradient.flatten(1)


def zero_centred_penalty(judge: Judge, images: Pictures) -> Float[Tensor, " N"]:
    """Half the squared gradient norm at ``images``: R1 at real pictures, R2 at fakes (Mescheder, Geiger, Nowozin,
    "Which training methods for GANs do actually converge?", 2018, eq. 9 and 10)."""
    return 0.5 * _gradient(judge, images).square().sum(1)


def wasserstein_penalty(judge: Judge, real: Pictures, fake: Pictures, mix: Float[Tensor, " N"]) -> Float[Tensor, " N"]:
    """Squared distance of the gradient norm from 1, on the line from ``fake[i]`` to ``real[i]`` at ``mix`` in [0, 1]
    (Gulrajani et al. 2017, eq. 3)."""
    position = mix.view(-1, 1, 1, 1)
    between = position * real.detach() + (1 - position) * fake.detach()
    # The constant keeps the root's gradient finite where the critic is still flat.
    norm = (_gradient(judge, between).square().sum(1) + 1e-12).sqrt()
    return (norm - 1).square()
