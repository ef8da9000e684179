"""What a training shows and measures of its model on the way and at the end, from photos or from noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from prismgan import images
from prismgan.data import Row
from prismgan.evaluation.anomaly import anomaly
from prismgan.evaluation.named_metrics import NamedMetrics
from prismgan.evaluation.noise import LATENTS, NoiseEvaluation
from prismgan.evaluation.photos import evaluate
from prismgan.evaluation.samples import sample_sheet
from prismgan.models import Model
from prismgan.networks import LatentGenerator
from prismgan.recipes.recipe import Recipe
from prismgan.render.strips import strips
from prismgan.tasks import Task

__all__ = ["Examination", "examination"]


class Examination(Protocol):
    """Looks at a model as it is; whoever asks applies the averaged weights."""

    def sheet(self) -> Image.Image | None:
        """What it makes, of every task; None where there is nothing to show."""
        ...

    def measure(self) -> dict[str, Any]:
        """The content of ``evaluation.json`` but for the step and the discriminator."""
        ...


def examination(
    recipe: Recipe, model: Model, tasks: Sequence[Task], train: Sequence[Row], test: Sequence[Row], named: NamedMetrics
) -> Examination:
    """What suits the recipe's source."""
    if recipe.source == "photo":
        return _OfPhotos(recipe, model, tasks, test, named)
    assert isinstance(model.generator, LatentGenerator)
    measured = NoiseEvaluation(tasks, train, test, recipe.training.crop, recipe.seed, named.sets, model.device)
    return _OfNoise(model, model.generator, recipe.seed, measured)


@dataclass(frozen=True)
class _OfPhotos:
    """On test photos under the recipe's conditions."""

    recipe: Recipe
    model: Model
    tasks: Sequence[Task]
    test: Sequence[Row]
    named: NamedMetrics

    def sheet(self) -> Image.Image | None:
        condition, others = self.recipe.evaluation.conditions[-1], self.recipe.other_tasks()
        return sample_sheet(self._generate, self.tasks, others, self.test, condition, self.model.device)

    def measure(self) -> dict[str, Any]:
        settings, seed = self.recipe.evaluation, self.recipe.seed
        found = evaluate(
            self._generate,
            self.tasks,
            self.test,
            settings.conditions,
            maximum_side=settings.maximum_side,
            losses=self.model.losses,
            named=self.named,
            alongside=self.recipe.other_tasks(),
            seed=seed,
            device=self.model.device,
        )
        scores = anomaly(
            self.model,
            self.test,
            settings.conditions,
            maximum_side=settings.maximum_side,
            cut_for=[*self.tasks, *self.recipe.other_tasks()],
            seed=seed,
        )
        return {**found, "anomaly": scores}

    def _generate(self, source: Float[Tensor, "B 3 H W"]) -> dict[str, Float[Tensor, "B 3 sH sW"]]:
        """With the latent that a renderer takes by default, so that samples show what users will see."""
        return self.model.generate(source, self.model.generator.seeded_latent().to(self.model.device))


@dataclass(frozen=True)
class _OfNoise:
    """On latents, always the same."""

    model: Model
    generator: LatentGenerator
    seed: int
    measured: NoiseEvaluation

    def sheet(self) -> Image.Image:
        # Those of the first seeds, so that samples show what users will see.
        latent = torch.cat([self.generator.seeded_latent(seed) for seed in range(12)])
        return strips({name: [images.to_pil(one) for one in some] for name, some in self._generate(latent).items()})

    def measure(self) -> dict[str, Any]:
        random = torch.Generator().manual_seed(self.seed)
        return self.measured(self._generate, self.generator.draw_latent(LATENTS, random))

    @torch.no_grad()
    def _generate(self, latent: Float[Tensor, "B Z"]) -> Mapping[str, Float[Tensor, "B 3 H W"]]:
        outputs: Mapping[str, Tensor] = self.generator(latent.to(self.model.device))
        return outputs
