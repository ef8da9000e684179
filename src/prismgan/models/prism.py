"""Our model: one generator for all tasks against one discriminator for all tasks. A step runs the generator once; its
outputs serve the task losses, the discriminator's update and the generator's own."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from prismgan.batch import Batch
from prismgan.images import interior
from prismgan.losses.variation import Disturbance, diversity, temporal_consistency
from prismgan.models.adversary import Adversary, AdversaryConfig
from prismgan.models.config import ModelConfig
from prismgan.models.model import Model
from prismgan.models.step import StepContext
from prismgan.networks import Generator, GeneratorConfig
from prismgan.networks.style_branch import BORDER, CELL
from prismgan.networks.task_generator import Images
from prismgan.tasks import Task

LEAST_SIDE = 32  # minimum side in pixels of a crop without its margin
CONSISTENCY_ROWS = 3  # one in this many rows is rendered a second time for the temporal consistency loss


class PrismConfig(ModelConfig):
    """Networks, adversarial training and optimisation of our model."""

    kind: Literal["prism"] = "prism"
    generator: GeneratorConfig = GeneratorConfig()
    """Size of the generator."""
    adversary: AdversaryConfig = AdversaryConfig()
    """The discriminator and the adversarial training."""
    frozen: Literal["nothing", "shared"] = "nothing"
    """Parameters that are not trained: none, or the shared ones, so that only heads are trained and no task changes
    another."""
    margin: Annotated[int, Field(ge=0, le=256)] = 0
    """Pixels of the source at each border of a crop that losses ignore in steps with painted tasks. A style loss
    requires all colours of the exemplar in every crop; without a margin, the network learns to put colours that fit
    nowhere else along the border."""

    @property
    def opponent(self) -> AdversaryConfig:
        return self.adversary

    def check(self, tasks: Sequence[Task], crop: int) -> None:
        for task in tasks:
            blocks = self.generator.head_blocks if task.blocks is None else task.blocks
            if task.latent and blocks == 0:
                cure = "set its blocks, or model.generator.head_blocks, to 1 or more"
                raise ValueError(f"task {task.name!r}: has a latent, which acts on a head's blocks; {cure}")
        margin = 0 if all(task.fine for task in tasks) else self.margin
        side = crop - 2 * margin
        if margin and side < LEAST_SIDE:
            cure = f"use a larger training.crop, at least {LEAST_SIDE} pixels more than both margins"
            raise ValueError(f"model.margin: crops of {crop} pixels without {margin} on each side have {side}; {cure}")
        super().check(tasks, side)


class Prism(Model):
    """Single-source multi-task GAN."""

    config_type: ClassVar[type[ModelConfig]] = PrismConfig
    config: PrismConfig
    generator: Generator
    adversary: Adversary

    def __init__(self, config: PrismConfig, *arguments: Any, **settings: Any) -> None:
        super().__init__(config, *arguments, **settings)
        if config.frozen != "nothing":
            for parameter in self.generator.shared_parameters():
                parameter.requires_grad_(False)

    def step(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """One update of both networks from one forward pass of the generator."""
        context = self.begin(batch)
        names, weights, margin = context.names, context.weights, self._margin(context.names)
        shape = (len(batch.source), self.config.generator.latent)
        latent, other = self.draw(shape, context.random), self.draw(shape, context.random)
        source = batch.source.contiguous(memory_format=torch.channels_last)
        with self.autocast:
            encoded = self.generator.encode(source, names, self._border(margin))
            outputs = self.generator.decode(encoded, latent, names)
            varied = [name for name in names if self.tasks[name].diversity_weight > 0]
            # Only the first of two images gets a gradient; the other belongs to a different z.
            with torch.no_grad():
                others = self.generator.decode(encoded, other, varied) if varied else {}
        batch, outputs = self.without_margin(replace(batch, latent=latent), outputs)
        others = self._interior(others, margin)
        self.task_losses(batch, outputs, context)
        alike = {name: (diversity(outputs[name], other) * weights[name]).sum() for name, other in others.items()}
        self.add_term(context, "diversity", alike, outputs, lambda task: task.diversity_weight)
        flicker = self._flicker(source, latent, outputs, context)
        self.add_term(context, "steadiness", flicker, outputs, lambda task: task.steadiness_weight)
        if (judged := self.adversarial_batch(batch, outputs, context)) is not None:
            self.add_term(context, "adversarial", self.adversary.update(judged, self.steps_done, context), outputs)
        return self.finish(outputs, context)

    def without_margin(self, batch: Batch, outputs: Mapping[str, Tensor]) -> tuple[Batch, dict[str, Tensor]]:
        margin = self._margin(outputs)
        return batch.interior(margin), self._interior(outputs, margin)

    def _margin(self, names: Iterable[str]) -> int:
        """Pixels of the source that losses ignore in a step of these tasks."""
        return 0 if all(self.tasks[name].fine for name in names) else self.config.margin

    def _border(self, margin: int) -> int:
        """Width of the frame around crops; with the margin, it is as wide as the frame that rendering cuts off."""
        return max(CELL, (BORDER - margin) // CELL * CELL)

    def _interior(self, outputs: Mapping[str, Tensor], margin: int) -> dict[str, Tensor]:
        return {name: interior(output, margin * self.tasks[name].scale) for name, output in outputs.items()}

    def _flicker(
        self, source: Float[Tensor, "B 3 H W"], latent: Float[Tensor, "B Z"], outputs: Images, context: StepContext
    ) -> dict[str, Float[Tensor, ""]]:
        """For each task with a temporal consistency loss, its value on the first rows and their disturbed sources."""
        names = [name for name in context.names if self.tasks[name].steadiness_weight > 0]
        if not names:
            return {}
        rows = -(-len(source) // CONSISTENCY_ROWS)
        margin = self._margin(context.names)
        disturbance = Disturbance.draw(context.random, min(self.generator.cell, min(source.shape[-2:]) // 2 - margin))
        moved = disturbance.apply(source[:rows], context.random).contiguous(memory_format=torch.channels_last)
        with torch.no_grad(), self.autocast:
            encoded = self.generator.encode(moved, names, self._border(margin))
            others = self._interior(self.generator.decode(encoded, latent[:rows], names), margin)
        values = {}
        for name, other in others.items():
            by_row = temporal_consistency(outputs[name][:rows], other, disturbance, self.tasks[name].scale)
            values[name] = (by_row * context.weights[name][:rows]).sum() * len(source) / rows
        return values
