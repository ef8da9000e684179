"""Diversity loss: what keeps the latent alive.

Without it a generator with a content loss learns to ignore z (Isola et al. 2017, section 3.2). After Mao et al., "Mode
seeking GANs" (2019) and the diversity term of StarGAN v2 (Choi et al. 2020, eq. 3).
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


def diversity(
    output: Float[Tensor, "B 3 H W"], other: Float[Tensor, "B 3 H W"], *, target: float = 0.2
) -> Float[Tensor, " B"]:
    """How much the outputs for two latents fall short of a mean absolute difference of ``target``.

    The difference is taken over 4x4 averages: another look is meant, not another noise. Deviation from the
    papers: they reward difference without bound (and turn the weight down over time); a shortfall ends by itself.
    ``target`` is in [-1, 1] units. The loss is in [0, 1].
    """
    difference = (F.avg_pool2d(output.float(), 4) - F.avg_pool2d(other.float(), 4)).abs().flatten(1).mean(1)
    return F.relu(1 - difference / target)
