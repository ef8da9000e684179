"""How well a discriminator tells real from fake, and tasks from each other: 1 where it is right, else 0, by picture.

A discriminator whose mean is 1 has won, one near 0.5 is being fooled; in between the two networks learn from each
other.
"""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor

__all__ = ["real_or_fake", "right_task"]


def real_or_fake(
    real: Float[Tensor, " N"], fake: Float[Tensor, " N"], boundary: float | None
) -> tuple[Float[Tensor, " N"], Float[Tensor, " N"]]:
    """Whether each real and each fake picture's logit lies on its side of the boundary; on it is right for neither.

    Where ``boundary`` is None (Wasserstein critics, relativistic discriminators) only differences mean something: a
    pair is right, for both, if the real one is ahead.
    """
    real, fake = real.detach(), fake.detach()
    if boundary is None:
        ahead = (real > fake).float()
        return ahead, ahead
    return (real > boundary).float(), (fake < boundary).float()


def right_task(task_logits: Float[Tensor, "N K"], task_index: Int[Tensor, " N"]) -> Float[Tensor, " N"]:
    """Whether the largest of the K task logits is the picture's own task."""
    return (task_logits.detach().argmax(dim=1) == task_index).float()
