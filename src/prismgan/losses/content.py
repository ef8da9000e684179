"""Content distances, which compare scenes regardless of colours and brushwork, and the guidance of cartoons."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from prismgan.batch import TaskBatch
from prismgan.images import luma
from prismgan.images.drawing import STYLE_PARAMETERS, comic
from prismgan.losses import Exemplars, Loss
from prismgan.losses.pixels import charbonnier

STABILITY = 0.02  # added to variances, in units of [-1, 1] squared: regions with less variance hardly count
TONE = (3, 4)
"""Pyramid levels that are coarser than a brush stroke. There, dark areas should stay darker than their surroundings;
features only locate edges and do not say which side is darker."""
WINDOW = 7  # side in pixels of the window for comparing grey levels
LEAST_SIDE = 3  # minimum side in pixels of a level that is compared
GUIDED = 2  # number of the network's maps that the guidance compares, starting with the coarsest
LATENT_INDICES = ((1, 1), (3, -1), (5, 1), (0, 1), (2, 1), (4, -1))
"""For each parameter of the drawing style, the index of the number in z that controls it, and a sign. They are chosen
so that seed 0 draws with a thin pen and little ink, in few flat and bright tones."""


class Structure(Loss):
    """One minus SSIM's contrast-structure term of grey levels (Wang, Bovik, Sheikh, Simoncelli 2004, eq. 9 and 10), at
    several levels of a pyramid as in multi-scale SSIM (2003). Means are ignored, so a day may become a night, and by
    default the finest level, so brush strokes are not penalised. Grey levels, unlike features, also work for domains
    that differ from the training data of a feature network."""

    def __init__(self, features: nn.Module, exemplars: Exemplars = (), *, levels: Sequence[int] = (1, 2, 3)) -> None:
        super().__init__(features)
        self.levels = tuple(levels)

    def forward(self, output: Float[Tensor, "B 3 H W"], batch: TaskBatch) -> Float[Tensor, " B"]:
        reference = _photo_for(output, batch)
        a, b = luma(output.float()), luma(reference)
        total = output.new_zeros(output.shape[0], dtype=torch.float32)
        used = 0
        for level in range(max(self.levels) + 1):
            if level:
                a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
            if min(a.shape[-2:]) < LEAST_SIDE:
                break
            if level in self.levels:
                total = total + self._distance(a, b)
                used += 1
        return total / max(used, 1)

    def _distance(self, a: Tensor, b: Tensor) -> Tensor:
        window = min(WINDOW, *a.shape[-2:])

        def mean(x: Tensor) -> Tensor:
            return F.avg_pool2d(x, window, stride=2)

        mean_a, mean_b = mean(a), mean(b)
        variance_a = mean(a * a) - mean_a.square()
        variance_b = mean(b * b) - mean_b.square()
        covariance = mean(a * b) - mean_a * mean_b
        similarity = (2 * covariance + STABILITY) / (variance_a + variance_b + STABILITY)
        return (1 - similarity).flatten(1).mean(1)


class FeatureContent(Loss):
    """Mean squared difference of features at 1/8 of the picture's side (Johnson, Alahi, Fei-Fei 2016, eq. 2): relu4_1
    of VGG-19, or the coarsest available level. Deviation from the paper: maps are divided by their mean square for one
    fixed picture with the spectrum of photos, so that weights are comparable between feature networks, and a row's loss
    does not depend on other rows."""

    LEVELS: ClassVar[tuple[int, ...]] = (3,)

    def __init__(self, features: nn.Module, exemplars: Exemplars = ()) -> None:
        super().__init__(features)
        with torch.no_grad():
            powers = [level.float().square().mean() for level in features(_photo_like(128))]
        self.register_buffer("powers", torch.stack(powers).clamp_min(1e-6), persistent=False)
        self.powers: Tensor

    def forward(self, output: Float[Tensor, "B 3 H W"], batch: TaskBatch) -> Float[Tensor, " B"]:
        return self._distance(output, _photo_for(output, batch))

    def _distance(self, output: Float[Tensor, "B 3 H W"], reference: Float[Tensor, "B 3 H W"]) -> Float[Tensor, " B"]:
        maps = self.features(output)
        with torch.no_grad():  # computed after the output's, so that it stays in the cache for the next task
            wanted = self.features(reference)
        levels = {min(level, len(maps) - 1) for level in self.LEVELS}
        distances = [
            (maps[level].float() - wanted[level].float()).square().flatten(1).mean(1) / self.powers[level]
            for level in levels
        ]
        return torch.stack(distances).mean(0)


class Perceptual(FeatureContent):
    """The same distance to the target, also at fine levels (Ledig et al., "SRGAN", CVPR 2017, section 2.2.1). Only the
    middle of a large picture is compared, to save time: the part of a photo that a crop shows is random anyway."""

    LEVELS: ClassVar[tuple[int, ...]] = (0, 1, 2, 3)
    WINDOW = 128  # side in pixels of the part that is compared

    def forward(self, output: Float[Tensor, "B 3 H W"], batch: TaskBatch) -> Float[Tensor, " B"]:
        if batch.target is None or output.shape != batch.target.shape:
            raise ValueError(f"perceptual: output {tuple(output.shape)} has no target of its size")
        return self._distance(self._middle(output), self._middle(batch.target))

    def _middle(self, picture: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 h w"]:
        height, width = (min(side, self.WINDOW) for side in picture.shape[-2:])
        top, left = (picture.shape[-2] - height) // 2, (picture.shape[-1] - width) // 2
        return picture[..., top : top + height, left : left + width]


class ComicGuidance(Loss):
    """Distance of a cartoon to the drawing :func:`comic` of its photo, in pixels and, with weight ``structure``, in
    features, as in Wang & Yu, "White-box cartoonization" (CVPR 2020), section 3.2. If ``varied``, the latent z controls
    the drawing style."""

    def __init__(
        self, features: nn.Module, exemplars: Exemplars = (), *, structure: float = 0.05, varied: bool = False
    ) -> None:
        super().__init__(features)
        self.structure = structure
        self.varied = varied

    def forward(self, output: Float[Tensor, "B 3 H W"], batch: TaskBatch) -> Float[Tensor, " B"]:
        # In bfloat16 the difference of two blurs, which gives the outlines, would be mostly rounding.
        with torch.no_grad(), torch.autocast(output.device.type, enabled=False):
            drawing = comic(batch.reference, self._drawing_style(batch.latent))
        distance = charbonnier(output.float(), drawing)
        return distance + self.structure * self._structure(output, drawing) if self.structure else distance

    def _drawing_style(self, latent: Float[Tensor, "B Z"] | None) -> Float[Tensor, "B 6"] | None:
        """The first numbers of z, mapped from a normal distribution to [-1, 1], with more values near the ends."""
        if latent is None or not self.varied:
            return None
        numbers = F.pad(latent[:, :STYLE_PARAMETERS].float(), (0, max(STYLE_PARAMETERS - latent.shape[1], 0)))
        places, signs = zip(*LATENT_INDICES, strict=True)
        return torch.erf(1.2 * numbers.new_tensor(signs) * numbers[:, places])

    def _structure(self, output: Tensor, drawing: Tensor) -> Tensor:
        with torch.no_grad():
            wanted = self.features(drawing)[-GUIDED:]
        if not wanted:  # a very small picture has no features
            return charbonnier(output, drawing)
        distances = []
        for maps, expected in zip(self.features(output)[-GUIDED:], wanted, strict=True):
            scale = expected.float().flatten(1).abs().mean(1).clamp_min(1e-3).view(-1, 1, 1, 1)
            distances.append(charbonnier(maps.float() / scale, expected.float() / scale))
        return torch.stack(distances).mean(0)


def _photo_for(output: Float[Tensor, "B 3 H W"], batch: TaskBatch) -> Float[Tensor, "B 3 H W"]:
    """The clean photo; ValueError if its size differs from the output's."""
    reference = batch.reference
    if output.shape[-2:] != reference.shape[-2:]:
        raise ValueError(f"content: output {tuple(output.shape)} and photo {tuple(reference.shape)} differ in size")
    return reference


def _photo_like(side: int) -> Float[Tensor, "1 3 S S"]:
    """Fixed noise with the spectrum of photos (amplitude ~ 1 / frequency) and deviation 0.3, clipped to [-1, 1]."""
    random = torch.Generator().manual_seed(0)
    rows, columns = torch.fft.fftfreq(side), torch.fft.rfftfreq(side)
    frequency = torch.hypot(rows[:, None], columns[None]).clamp_min(1 / side)
    # One grey picture and a little colour, because the channels of photos are strongly correlated.
    noise = torch.randn(1, 1, side, side, generator=random) + 0.3 * torch.randn(1, 3, side, side, generator=random)
    picture = torch.fft.irfft2(torch.fft.rfft2(noise) / frequency, s=(side, side))
    return (0.3 * picture / picture.std()).clamp(-1, 1)
