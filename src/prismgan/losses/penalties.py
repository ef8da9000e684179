"""Gradient penalties of the discriminator. Each returns (N,), unreduced and unweighted."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["wasserstein_penalty", "zero_centred_penalty"]

Judge = Callable[[Float[Tensor, "N 3 H W"]], Float[Tensor, " N"]]


def _gradient(judge: Judge, images: Float[Tensor, "N 3 H W"]) -> Float[Tensor, "N D"]:
    images = images.detach().requires_grad_()
    logits = judge(images)
    (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradient.flatten(1)


def zero_centred_penalty(judge: Judge, images: Float[Tensor, "N 3 H W"]) -> Float[Tensor, " N"]:
    """Half the squared gradient norm at ``images``: R1 at real pictures, R2 at fakes.

    Mescheder, Geiger, Nowozin, "Which training methods for GANs do actually converge?" (2018), eq. 9 and 10.
    """
    return 0.5 * _gradient(judge, images).square().sum(1)


def wasserstein_penalty(
    judge: Judge,
    real: Float[Tensor, "N 3 H W"],
    fake: Float[Tensor, "N 3 H W"],
    mix: Float[Tensor, " N"],
) -> Float[Tensor, " N"]:
    """Squared distance of the gradient norm from 1, between real and fake (Gulrajani et al. 2017, eq. 3).

    ``mix`` in [0, 1] says where on the line between ``fake[i]`` and ``real[i]`` to look; drawn by the caller, so that
    a step is a function of its seed.
    """
    position = mix.view(-1, 1, 1, 1)
    between = position * real.detach() + (1 - position) * fake.detach()
    # The constant keeps the root's gradient finite where the critic is still flat.
    norm = (_gradient(judge, between).square().sum(1) + 1e-12).sqrt()
    return (norm - 1).square()
