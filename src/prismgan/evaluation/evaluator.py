"""The sample sheets and metrics of a training, from photos or from noise."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from PIL import Image

from prismgan import images
from prismgan.data import Row, TestSet, largest_scale
from prismgan.evaluation.measurement import Evaluation
from prismgan.evaluation.noise import LATENTS, NoiseEvaluation
from prismgan.evaluation.photos import evaluate
from prismgan.evaluation.set_scores import NamedMetrics
from prismgan.models import Model
from prismgan.networks import LatentGenerator
from prismgan.recipes.recipe import Recipe
from prismgan.render.sampler import strips
from prismgan.render.sheet import sheet
from prismgan.tasks import Task

SHEET_PICTURES = 2
SHEET_SIDE = 192  # longest side of a source on a sample sheet, in pixels, if its photo is large enough


def evaluator(
    recipe: Recipe, model: Model, tasks: Sequence[Task], train: Sequence[Row], test: Sequence[Row], named: NamedMetrics
) -> "OnPhotos | OnNoise":
    """The evaluator of a model, for the recipe's source; the caller applies the averaged weights."""
    if recipe.source == "photo":
        return OnPhotos(recipe, model, tasks, test, named)
    assert isinstance(model.generator, LatentGenerator)
    measured = NoiseEvaluation(tasks, train, test, recipe.training.crop, recipe.seed, named.sets, model.device)
    return OnNoise(model.generator, measured)


@dataclass(frozen=True)
class OnPhotos:
    recipe: Recipe
    model: Model
    tasks: Sequence[Task]
    test: Sequence[Row]
    named: NamedMetrics

    def sheet(self) -> Image.Image | None:
        """Samples of every task; None if no test picture can be read."""
        condition, others = self.recipe.evaluation.conditions[-1], self.recipe.other_tasks()
        maximum_side = SHEET_SIDE * largest_scale([*self.tasks, *others]) // 2
        test = TestSet(self.test[:SHEET_PICTURES], self.tasks, condition, maximum_side, alongside=others)
        latent = self.model.generator.seeded_latent().to(self.model.device)  # the latent that users will see
        pictures = {}
        for number, batch in enumerate(test, start=1):
            pictures[f"source {number} ({condition.name})"] = images.to_pil(batch.source[0])
            for name, output in self.model.generate(batch.source.to(self.model.device), latent).items():
                pictures[f"{name} {number}"] = images.to_pil(output[0])
        return sheet(pictures, columns=len(self.tasks) + 1, tile_width=200) if pictures else None

    def measure(self, progress: Callable[[int, int], None] | None = None) -> Evaluation:
        """Without step and discriminator; ``progress`` receives the numbers of measured and of all pictures."""
        losses, named = self.model.losses, self.named
        return evaluate(self.model, self.recipe, self.tasks, self.test, losses=losses, named=named, progress=progress)


@dataclass(frozen=True)
class OnNoise:
    generator: LatentGenerator
    measured: NoiseEvaluation

    @torch.no_grad()
    def sheet(self) -> Image.Image:
        # The latents of the first seeds, so that samples show the pictures that users will see.
        latent = torch.cat([self.generator.seeded_latent(seed) for seed in range(12)])
        samples = self.generator(latent.to(self.measured.device))
        return strips({name: [images.to_pil(one) for one in some] for name, some in samples.items()})

    def measure(self, progress: Callable[[int, int], None] | None = None) -> Evaluation:
        random = torch.Generator().manual_seed(self.measured.seed)
        return self.measured(self.generator, self.generator.draw_latent(LATENTS, random))
