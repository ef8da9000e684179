"""Coupled GAN: aligned images of all tasks from noise alone, through a shared trunk (Liu & Tuzel, "Coupled generative
adversarial networks", 2016). Deviations: a loss may compare derived tasks with the photo's image, and one discriminator
conditioned on the task replaces two that share all layers but the first."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from prismgan.batch import Batch
from prismgan.models.adversary import Adversary, AdversaryConfig
from prismgan.models.config import ModelConfig
from prismgan.models.model import Model
from prismgan.networks import LatentGenerator, LatentGeneratorConfig
from prismgan.networks.task_generator import Images, Latent, Names
from prismgan.tasks import Task, made_of_photo
from prismgan.tasks.base import NonNegative


class CoGanConfig(ModelConfig):
    """The coupled GAN, for `source: noise`: its networks and their training."""

    source: ClassVar[Literal["photo", "noise"]] = "noise"
    # With 0.9 the same figures took twice as many steps (docs/log.md, "From noise alone").
    betas: ClassVar[tuple[float, float]] = (0.5, 0.99)

    kind: Literal["cogan"] = "cogan"
    generator: LatentGeneratorConfig = LatentGeneratorConfig()
    """Size of the generator."""
    adversary: AdversaryConfig = AdversaryConfig(objective="relativistic", rate=1e-3)
    """The discriminator and the adversarial training."""
    consistency_weight: NonNegative = 0.0
    """Weight of the mean absolute difference between a derived task's image and its function applied to the image of
    the task whose function is `photo`; by default only the shared trunk aligns them."""
    clip: Annotated[float, Field(gt=0)] | None = 5.0
    """Largest global gradient norm of the generator; null disables clipping."""

    @property
    def opponent(self) -> AdversaryConfig:
        return self.adversary

    def check(self, tasks: Sequence[Task], crop: int) -> None:
        super().check(tasks, crop)
        if crop != self.generator.side:
            side, cut = self.generator.side, f"real pictures are cropped to {crop} pixels a side"
            cure = f"set training.crop to {side}, or change model.generator.widths"
            raise ValueError(f"training.crop: {cut}, but generated ones have {side}; {cure}")
        for task in tasks:
            if task.losses:
                weights = " and ".join(f"{term.name}_weight" for term in task.losses)
                cure = f"set {weights} to 0, and adversarial_weight to 1"
                raise ValueError(f"task {task.name!r}: has losses that need a photo, but the source is noise; {cure}")
            if task.scale > 1:
                raise ValueError(f"task {task.name!r}: enlarges its source, but noise has no size; leave the task out")
            if task.latent or task.steadiness_weight:
                fault = "latent and steadiness_weight are for photos; pictures from noise always vary"
                raise ValueError(f"task {task.name!r}: {fault}; leave them out")


class CoGan(Model):
    """One generator without a source against one discriminator, for all tasks."""

    config_type: ClassVar[type[ModelConfig]] = CoGanConfig
    config: CoGanConfig
    generator: LatentGenerator
    adversary: Adversary

    def step(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """One update of both networks from one forward pass of the generator, with one latent per row."""
        context = self.begin(batch)
        latent = self.draw((len(batch.source), self.config.generator.latent), context.random)
        with self.autocast:
            outputs = self.generator(latent, context.names)
        judged = self.adversarial_batch(batch, outputs, context)
        assert judged is not None, "every task has an adversarial weight"
        for name, value in self.adversary.update(judged, self.steps_done, context).items():
            context.losses[name] = self.tasks[name].adversarial_weight * value
        if self.config.consistency_weight:
            for name, made in made_of_photo(self.tasks.values(), outputs).items():
                value = ((outputs[name] - made).abs().flatten(1).mean(dim=1) * context.weights[name]).sum()
                context.log[f"loss/{name}/consistency"] = value.detach()
                context.losses[name] = context.losses[name] + self.config.consistency_weight * value
        return self.finish(outputs, context)

    @torch.no_grad()
    def generate(self, source: Float[Tensor, "B 3 H W"], latent: Latent | None = None, tasks: Names = None) -> Images:
        """Images of the named tasks (default: all), in float32. Only the number of rows of the source is used; without
        ``latent``, one latent per row is drawn from the model's seed."""
        if latent is None:
            latent = self.generator.draw_latent(len(source), torch.Generator().manual_seed(self.seed))
        return self.generator(latent.to(self.device), tasks)
