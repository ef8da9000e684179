"""How well a discriminator tells real from fake, and tasks from each other, from its logits.

All values are shares in [0, 1]. A discriminator that is right everywhere has won, one near 0.5 is being
fooled; in between the two networks learn from each other. Logits are a number a picture (B,), or patches
(B, 1, h, w).
"""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor

__all__ = ["accuracy_fake", "accuracy_real", "pairwise_accuracy", "task_accuracy"]


def accuracy_real(logits: Float[Tensor, "B ..."]) -> Float[Tensor, " B"]:
    """Share of a real picture's logits above 0.

    For objectives where 0 is the border between real and fake (non-saturating, least squares, hinge).
    Wasserstein critics and relativistic discriminators have no such border: see :func:`pairwise_accuracy`.
    """
    return (logits.detach() > 0).float().reshape(len(logits), -1).mean(dim=1)


def accuracy_fake(logits: Float[Tensor, "B ..."]) -> Float[Tensor, " B"]:
    """Share of a fake picture's logits below 0; a logit of exactly 0 is right for neither side."""
    return accuracy_real(-logits)


def pairwise_accuracy(real: Float[Tensor, "R ..."], fake: Float[Tensor, "F ..."]) -> Float[Tensor, ""]:
    """Share of all R x F pairs whose real picture has the larger mean logit; a tie counts half.

    Judges a set, and returns one number: the area under the ROC curve (Mann and Whitney 1947). It only
    looks at differences, so it holds for every objective, also where 0 means nothing.

    Raises:
        ValueError: there is no real or no fake picture.
    """
    if len(real) == 0 or len(fake) == 0:
        raise ValueError(f"expected at least one real and one fake picture, found {len(real)} and {len(fake)}")
    first = real.detach().float().reshape(len(real), -1).mean(dim=1)[:, None]
    second = fake.detach().float().reshape(len(fake), -1).mean(dim=1)[None, :]
    return ((first > second).float() + (first == second).float() / 2).mean()


def task_accuracy(task_logits: Float[Tensor, "B K"], task_index: Int[Tensor, " B"]) -> Float[Tensor, " B"]:
    """1 where the largest of the K task logits is the picture's own task, else 0."""
    return (task_logits.detach().argmax(dim=1) == task_index).float()
