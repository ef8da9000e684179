"""Our model: one generator for all tasks against one discriminator for all tasks.

A step runs the generator once; its outputs serve the task losses, the discriminator's update and the generator's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from prismgan.balancing import BALANCERS, BalancerName, Step
from prismgan.batch import Batch
from prismgan.config import Config
from prismgan.errors import DataError
from prismgan.losses import Disturbance, diversity, steadiness
from prismgan.losses.context import LossContext
from prismgan.models.adversary import Adversary, AdversaryConfig, Fakes
from prismgan.models.gradients import apply_gradients, processes, total
from prismgan.models.schedule import Schedule
from prismgan.networks import Discriminator, Generator, GeneratorConfig, HeadSpec, find_features
from prismgan.tasks import Task

__all__ = ["Prism", "PrismConfig", "head_specs"]

STEADY_PART = 3
"""One in so many rows is rendered a second time for the steadiness loss."""


class PrismConfig(Config):
    """Networks, game and optimisation of the model."""

    kind: Literal["prism"] = "prism"
    generator: GeneratorConfig = GeneratorConfig()
    """Size of the generator."""
    perceptual: str | None = None
    """Weights of the feature network that styles are compared by: a path to VGG-19 or SqueezeNet weights; null takes
    the one that prismgan brings."""
    adversary: AdversaryConfig = AdversaryConfig()
    """The discriminator and the game against it."""
    balancer: BalancerName = "normalised"
    """How the tasks' losses or gradients are weighed against each other; the last four need the extra `balancing`."""
    tasks_per_step: Annotated[int, Field(ge=1)] | None = None
    """Draw only so many tasks in each step, by their `frequency`; by default all."""
    freeze_trunk: bool = False
    """Leave what all tasks share as it was started from, and train the heads alone: no task then changes another."""
    rate: Annotated[float, Field(gt=0)] = 1e-3
    """Learning rate of the generator (Adam)."""
    clip: Annotated[float, Field(gt=0)] | None = 1.0
    """Largest global gradient norm of the generator; null clips nothing."""
    schedule: Schedule = Schedule()
    """Learning rates over the steps."""


def head_specs(tasks: Iterable[Task]) -> list[HeadSpec]:
    """What the generator has to know of the tasks."""
    return [HeadSpec(task.name, task.scale, task.fine, task.latent, task.blocks) for task in tasks]


@dataclass(frozen=True)
class Disturbed:
    """A second rendering of a batch's first rows, from a disturbed source."""

    disturbance: Disturbance
    outputs: Mapping[str, Float[Tensor, "B 3 sH sW"]]
    """Of the tasks that ask for steadiness."""


class Prism:
    """Single-source multi-task GAN."""

    def __init__(
        self,
        config: PrismConfig,
        tasks: Sequence[Task],
        exemplars: Mapping[str, Sequence[Float[Tensor, "3 H W"]]] | None,
        *,
        steps: int,
        seed: int = 0,
        device: str = "cpu",
        precision: torch.dtype = torch.float32,
        features: nn.Module | None = None,
    ) -> None:
        """``exemplars`` are the pictures, in [-1, 1], of every task that has a style to learn; None builds no losses,
        for a model that is not trained. ``features`` stands in for the feature network that the configuration names.
        ``steps`` is the length of the schedule."""
        self.config = config
        self.tasks = {task.name: task for task in tasks}
        self.steps = steps
        self.seed = seed
        self.device = device
        self.autocast = torch.autocast(device.split(":")[0], precision, enabled=precision != torch.float32)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.generator = Generator(config.generator, head_specs(tasks))
            self.generator.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
            for shared in (self.generator.trunk, self.generator.mapping):
                shared.requires_grad_(not config.freeze_trunk)
            self.adversary = Adversary(config.adversary, list(self.tasks), device, self.autocast)
        self.losses: dict[str, nn.ModuleDict] = {}
        if exemplars is not None:
            features = find_features(config.perceptual) if features is None else features
            for task in tasks:
                context = LossContext(exemplars.get(task.name, ()), features)
                built = {term.name: term.build(context) for term in task.losses}
                self.losses[task.name] = nn.ModuleDict(built).to(device)
        # A model that is not trained asks for no optional package.
        balancer = BALANCERS["fixed" if exemplars is None else config.balancer]
        self.balancer = balancer({task.name: task.weight for task in tasks}).to(device)
        self.optimizer = torch.optim.Adam(
            [*self.generator.parameters(), *self.balancer.parameters()], lr=config.rate, betas=(0.9, 0.99)
        )
        self.steps_done = 0
        self.slow_down_factor = 1.0

    @property
    def discriminator(self) -> Discriminator:
        """The network that judges pictures."""
        return self.adversary.discriminator

    # -- training -------------------------------------------------------------------------------

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """One update of both networks from one forward pass of the generator."""
        random = self._random(self.steps_done)
        rate = self._set_rates()
        weights = row_weights(batch, self._draw_tasks(random)) or row_weights(batch, list(self.tasks))
        if not weights:
            raise DataError(
                f"none of the {len(batch.source)} pictures of a step has a target of {', '.join(self.tasks)}; "
                "fill in more of the manifest, or raise training.batch_size"
            )
        names = list(weights)
        latent, other = self._draw_latents(len(batch.source), random)
        with self.autocast:
            encoded = self.generator.encode(batch.source.contiguous(memory_format=torch.channels_last), names)
            outputs = self.generator.decode(encoded, latent, names)
            varied = [name for name in names if self.tasks[name].diversity_weight > 0]
            # Only the first of two looks is pulled away from the other: the other belongs to another draw of z.
            with torch.no_grad():
                others = self.generator.decode(encoded, other, varied) if varied else {}
        disturbed = self._disturbed(batch.source, latent, names, random)
        losses, log = self._task_losses(batch, outputs, others, weights, disturbed)

        finite = torch.ones(())
        fakes = self._fakes(batch, outputs, weights, random)
        if fakes is not None:
            verdict = self.adversary.play(fakes, self.steps_done, random)
            finite = verdict.finite
            log |= verdict.log
            for name, value in verdict.losses.items():
                log[f"loss/{name}/adversarial"] = value.detach()
                losses[name] = losses[name] + self.tasks[name].adversarial_weight * value

        self.optimizer.zero_grad(set_to_none=True)
        self.balancer(losses, self._seen_by_balancer(outputs, random)).backward()
        norm, taken = apply_gradients(self.optimizer, self.config.clip)
        self.steps_done += 1
        log |= {f"loss/{name}": loss.detach() for name, loss in losses.items()}
        log |= {f"balance/{name}": torch.tensor(value) for name, value in self.balancer.weights().items()}
        return log | {
            "norm/generator": norm,
            "rate": torch.tensor(rate),
            "skipped": 1 - torch.minimum(finite, taken),
        }

    def _seen_by_balancer(self, outputs: Mapping[str, Tensor], random: torch.Generator) -> Step:
        """What the balancer has to know of the generator and of other processes."""
        network = self.generator
        return Step(
            outputs,
            shared=[*network.trunk.parameters(), *network.mapping.parameters()],
            heads={name: list(network.heads[name].parameters()) for name in outputs},
            random=random,
            total=total,
            processes=processes()[1],
        )

    def _task_losses(
        self,
        batch: Batch,
        outputs: Mapping[str, Tensor],
        others: Mapping[str, Tensor],
        weights: Mapping[str, Float[Tensor, " B"]],
        disturbed: Disturbed | None = None,
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """One scalar per task, and its unweighted terms for the log."""
        losses, log = {}, {}
        for name, output in outputs.items():
            task, view = self.tasks[name], batch.of(name)
            loss = output.new_zeros(())
            for term in task.losses:
                with self.autocast:
                    values = self.losses[name][term.name](output, view)
                value = (values * weights[name]).sum()
                log[f"loss/{name}/{term.name}"] = value.detach()
                loss = loss + term.weight * value
            if name in others:
                value = (diversity(output, others[name]) * weights[name]).sum()
                log[f"loss/{name}/diversity"] = value.detach()
                loss = loss + task.diversity_weight * value
            if disturbed is not None and name in disturbed.outputs:
                rows = len(disturbed.outputs[name])
                values = steadiness(output[:rows], disturbed.outputs[name], disturbed.disturbance)
                value = (values * weights[name][:rows]).sum() * len(output) / rows
                log[f"loss/{name}/steadiness"] = value.detach()
                loss = loss + task.steadiness_weight * value
            losses[name] = loss
        return losses, log

    @torch.no_grad()
    def _disturbed(
        self,
        source: Float[Tensor, "B 3 H W"],
        latent: Float[Tensor, "B Z"],
        names: Iterable[str],
        random: torch.Generator,
    ) -> Disturbed | None:
        """What a part of the rows looks like from a disturbed source; nothing is drawn where no task asks for it."""
        names = [name for name in names if self.tasks[name].steadiness_weight > 0]
        if not names:
            return None
        rows = -(-len(source) // STEADY_PART)
        disturbance = Disturbance.draw(random)
        moved = disturbance.apply(source[:rows], random).contiguous(memory_format=torch.channels_last)
        with self.autocast:
            return Disturbed(disturbance, self.generator(moved, latent[:rows], names))

    def _fakes(
        self,
        batch: Batch,
        outputs: Mapping[str, Tensor],
        weights: Mapping[str, Float[Tensor, " B"]],
        random: torch.Generator,
    ) -> Fakes | None:
        """Outputs and real pictures of all tasks that play against the discriminator, at the source's size.

        Larger ones are cropped, real and fake at the same place, so that every task costs the same.
        """
        names = [name for name in outputs if self.tasks[name].adversarial_weight > 0]
        if not names:
            return None
        height, width = batch.source.shape[-2:]
        fake, real = [], []
        for name in names:
            output, picture = outputs[name], batch.real(name)
            room = [min(a, b) for a, b in zip(output.shape[-2:], picture.shape[-2:], strict=True)]
            top = int(torch.randint(room[0] - height + 1, (), generator=random))
            left = int(torch.randint(room[1] - width + 1, (), generator=random))
            window = (..., slice(top, top + height), slice(left, left + width))
            fake.append(output[window])
            real.append(picture[window])
        weight = torch.cat([weights[name] for name in names]) / len(names)
        index = self.discriminator.indices(names, len(batch.source)).to(batch.source.device)
        return Fakes(names, torch.cat(fake), torch.cat(real), index, weight)

    # Whatever is random in a step is a function of the seed and the step: a resumed run draws the same.

    def _random(self, step: int) -> torch.Generator:
        """The step's random numbers, the same in every process."""
        return torch.Generator().manual_seed((self.seed * 1_000_003 + step) % 2**63)

    def _draw_tasks(self, random: torch.Generator) -> list[str]:
        names = list(self.tasks)
        count = self.config.tasks_per_step or len(names)
        chances = torch.tensor([self.tasks[name].frequency for name in names])
        drawn = torch.multinomial(chances, min(count, len(names)), generator=random).tolist()
        return [names[index] for index in sorted(drawn)]

    def _draw_latents(self, rows: int, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """Two latents a row, drawn for the rows of all processes: a row's latent does not depend on their number."""
        rank, world = processes()
        drawn = [self.generator.draw_latent(world * rows, random) for _ in range(2)]
        first, second = (latent[rank * rows : (rank + 1) * rows].to(self.device) for latent in drawn)
        return first, second

    def _set_rates(self) -> float:
        factor = self.slow_down_factor * self.config.schedule.factor(self.steps_done, self.steps)
        pairs = ((self.optimizer, self.config.rate), (self.adversary.optimizer, self.config.adversary.rate))
        for optimizer, rate in pairs:
            for group in optimizer.param_groups:
                group["lr"] = factor * rate
        return factor * self.config.rate

    # -- the rest of the protocol -----------------------------------------------------------------

    @torch.no_grad()
    def generate(
        self,
        source: Float[Tensor, "B 3 H W"],
        latent: Float[Tensor, "B Z"] | None = None,
        tasks: Iterable[str] | None = None,
    ) -> dict[str, Float[Tensor, "B 3 sH sW"]]:
        """Every task's image, by one pass in float32."""
        outputs: dict[str, Tensor] = self.generator(source, latent, tasks)
        return outputs

    @torch.no_grad()
    def judge(self, batch: Batch, outputs: Mapping[str, Tensor]) -> dict[str, Float[Tensor, " N"]]:
        """The discriminator's loss and rightness, for every task and row of a batch."""
        # Weights of this process's rows alone: where there are several, only the first judges test pictures.
        fakes = self._fakes(batch, outputs, _present(batch, list(outputs)), self._random(0))
        return {} if fakes is None else self.adversary.judge(fakes)

    def shared_gradients(self, batch: Batch) -> dict[str, tuple[Tensor | None, ...]]:
        """Every task's gradient, adversarial loss included, at the parameters that tasks share; nothing is changed.

        Diversity and steadiness are left out: they ask for renderings of their own.
        """
        random = self._random(self.steps_done)
        weights = row_weights(batch, list(self.tasks))
        latent, _ = self._draw_latents(len(batch.source), random)
        with self.autocast:
            outputs = self.generator(batch.source.contiguous(memory_format=torch.channels_last), latent, list(weights))
        losses, _ = self._task_losses(batch, outputs, {}, weights)
        fakes = self._fakes(batch, outputs, weights, random)
        if fakes is not None:
            self.discriminator.eval()  # spectral norms are not to be estimated anew
            for name, value in self.adversary.pull(fakes).items():
                losses[name] = losses[name] + self.tasks[name].adversarial_weight * value
            self.discriminator.train()
        shared = [p for p in self._seen_by_balancer(outputs, random).shared if p.requires_grad]
        return {
            name: torch.autograd.grad(loss, shared, retain_graph=True, allow_unused=True)
            for name, loss in losses.items()
        }

    def slow_down(self, factor: float) -> None:
        """Multiply all learning rates from here on."""
        self.slow_down_factor *= factor

    def state(self) -> dict[str, Any]:
        """Networks, optimizers, balancer and position."""
        return {
            "generator": self.generator.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "adversary": self.adversary.state(),
            "balancer": self.balancer.state_dict(),
            "steps_done": self.steps_done,
            "slow_down_factor": self.slow_down_factor,
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from a :meth:`state`."""
        self.generator.load_state_dict(state["generator"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.adversary.load(state["adversary"])
        self.balancer.load_state_dict(state["balancer"])
        self.steps_done = state["steps_done"]
        self.slow_down_factor = state["slow_down_factor"]


def row_weights(batch: Batch, names: Sequence[str]) -> dict[str, Float[Tensor, " B"]]:
    """For each task, weights that turn a sum over this process's rows into its share of the mean over the rows, of
    all processes, that have a target of the task. A task that no row has a target of is left out."""
    present = _present(batch, names)
    counts = total(torch.stack([rows.sum() for rows in present.values()])).tolist()
    world = processes()[1]
    return {name: rows * world / count for (name, rows), count in zip(present.items(), counts, strict=True) if count}


def _present(batch: Batch, names: Sequence[str]) -> dict[str, Float[Tensor, " B"]]:
    """For each task, 1 for rows that have a target of the task and 0 for the others."""
    everything = torch.ones(len(batch.source), device=batch.source.device)
    return {name: batch.present.get(name, everything).float() for name in names}
