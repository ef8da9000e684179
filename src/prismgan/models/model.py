"""The base of all models: ours, and the comparison models. A model owns its networks and optimizers. Kinds differ in
their networks and in their :meth:`Model.step`; tasks, losses, balancer, random draws and checkpoints are the same for
all, so that comparisons compare only the models."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from prismgan.balancing import BALANCERS, Step
from prismgan.balancing.balancer import GradientShares
from prismgan.batch import Batch
from prismgan.errors import DataError
from prismgan.models.adversary import Adversary
from prismgan.models.config import ModelConfig, head_specs
from prismgan.models.gradients import apply_gradients, processes, total
from prismgan.models.muon import OPTIMIZERS
from prismgan.models.step import AdversarialBatch, StepContext, present, row_weights
from prismgan.networks import KINDS, Discriminator
from prismgan.networks.task_generator import Images, Latent, Names
from prismgan.tasks import Task
from prismgan.weights import find_features


class Model(ABC):
    config_type: ClassVar[type[ModelConfig]]

    def __init__(
        self,
        config: ModelConfig,
        tasks: Sequence[Task],
        exemplars: Mapping[str, Sequence[Float[Tensor, "3 H W"]]] | None,
        *,
        steps: int,
        seed: int = 0,
        device: str = "cpu",
        precision: torch.dtype = torch.float32,
    ) -> None:
        """``exemplars`` are every style's pictures in [-1, 1]; None builds no losses. ``steps`` is for the schedule."""
        self.config = config
        self.tasks = {task.name: task for task in tasks}
        self.steps = steps
        self.seed = seed
        self.device = device
        self.autocast = torch.autocast(device.split(":")[0], precision, enabled=precision != torch.float32)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            kind, specs = KINDS[config.kind], head_specs(tasks)
            self.generator = kind.generator(config.generator, specs)
            """The network used for rendering; weights files contain the moving average of its parameters."""
            self.helpers = nn.ModuleDict(kind.helpers(config.generator, specs))
            """Networks that are trained with the generator but not used for rendering."""
            for network in (self.generator, self.helpers):
                network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
            opponent = config.opponent
            self.adversary = None if opponent is None else Adversary(opponent, list(self.tasks), device, self.autocast)
        self.losses: dict[str, nn.ModuleDict] = {}
        if exemplars is not None:
            features = find_features(config.perceptual)
            for task in tasks:
                built = {term.name: term.build(features, exemplars.get(task.name, ())) for term in task.losses}
                self.losses[task.name] = nn.ModuleDict(built).to(device)
        # A model that is not trained needs no optional packages.
        balancer = BALANCERS["fixed" if exemplars is None else config.balancer]
        self.balancer = balancer({task.name: task.weight for task in tasks}).to(device)
        shares = {task.name: GradientShares(task.shares, total) for task in tasks if task.shares}
        self.shares = nn.ModuleDict(shares).to(device)  # of tasks with shares instead of weights
        trained = [*self.generator.parameters(), *self.helpers.parameters(), *self.balancer.parameters()]
        self.optimizer = OPTIMIZERS[config.optimizer](trained, lr=config.rate, betas=config.betas)
        self.steps_done = 0
        self.slow_down_factor = 1.0  # all learning rates are multiplied by it

    @property
    def discriminator(self) -> Discriminator | None:
        return None if self.adversary is None else self.adversary.discriminator

    @property
    def networks(self) -> dict[str, nn.Module]:
        """The networks that a weights file contains in addition to the generator, by name."""
        return {**({"discriminator": self.discriminator} if self.discriminator else {}), **dict(self.helpers.items())}

    # -- training ---------------------------------------------------------------------------------

    @abstractmethod
    def step(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """One optimizer step of every network; returns scalars for the log. ``skipped`` is 1 if a network's gradient
        was not finite; that network is then unchanged."""

    def begin(self, batch: Batch) -> StepContext:
        """Set the learning rates and draw the tasks of a step; :class:`DataError` if no row has a target."""
        random = self.random(self.steps_done)
        rate = self._set_rates()
        weights = row_weights(batch, self.tasks.values())
        if not weights:
            problem = f"none of the {len(batch.source)} pictures of a step has a target for {', '.join(self.tasks)}"
            raise DataError(f"{problem}; fill in more of the manifest, or increase training.batch_size")
        drawn = self._draw_tasks(list(weights), random)
        return StepContext(drawn, {name: weights[name] for name in drawn}, random, rate)

    def task_losses(self, batch: Batch, outputs: Mapping[str, Tensor], context: StepContext) -> None:
        """Initialise the step's losses with the tasks' own losses."""
        for name, output in outputs.items():
            context.losses[name] = output.new_zeros(())
            for term in self.tasks[name].losses:
                with self.autocast:
                    values = self.losses[name][term.name](output, batch.of(name))
                value = (values * context.weights[name]).sum()
                self.add_term(context, term.name, {name: value}, outputs, lambda _: term.weight)  # noqa: B023

    def add_term(
        self,
        context: StepContext,
        term: str,
        values: Mapping[str, Float[Tensor, ""]],
        outputs: Mapping[str, Float[Tensor, "B 3 sH sW"]],
        weight: Callable[[Task], float] = lambda task: task.adversarial_weight,
    ) -> None:
        """Add one more term to the losses of some tasks: times its weight or, for a task with shares, scaled to its
        share of the gradient at the output. Its value, and its share if it was measured, are logged."""
        for name, value in values.items():
            context.log[f"loss/{name}/{term}"], factor = value.detach(), weight(self.tasks[name])
            if name in self.shares:
                value, norm = self.shares[name](term, value, outputs[name])
                if norm is not None:
                    context.log[f"share/{name}/{term}"] = factor * norm
            context.losses[name] = context.losses[name] + factor * value

    def without_margin(self, batch: Batch, outputs: Mapping[str, Tensor]) -> tuple[Batch, dict[str, Tensor]]:
        """The batch and its outputs without the margin that losses and discriminator ignore; by default all of both."""
        return batch, dict(outputs)

    def adversarial_batch(
        self, batch: Batch, outputs: Mapping[str, Tensor], context: StepContext
    ) -> AdversarialBatch | None:
        """Outputs and real pictures of all tasks with an adversarial loss, at the source's size; None if there is no
        such task. Larger pictures are cropped, real and fake at the same position, so that all tasks cost the same."""
        names = [name for name in self.tasks if name in outputs and self.tasks[name].adversarial_weight > 0]
        if self.discriminator is None or not names:
            return None
        height, width = batch.source.shape[-2:]
        fake, real = [], []
        for name in names:
            output, picture = outputs[name], batch.real(name)
            room = [min(a, b) for a, b in zip(output.shape[-2:], picture.shape[-2:], strict=True)]
            top = int(torch.randint(room[0] - height + 1, (), generator=context.random))
            left = int(torch.randint(room[1] - width + 1, (), generator=context.random))
            window = (..., slice(top, top + height), slice(left, left + width))
            fake.append(output[window])
            real.append(picture[window])
        weight = torch.cat([context.weights[name] for name in names]) / len(names)
        index = self.discriminator.indices(names, len(batch.source)).to(batch.source.device)
        return AdversarialBatch(names, torch.cat(fake), torch.cat(real), index, weight)

    def finish(
        self, outputs: Mapping[str, Float[Tensor, "B 3 sH sW"]], context: StepContext
    ) -> dict[str, Float[Tensor, ""]]:
        """Balance the losses and update the generator; returns the step's log."""
        self.optimizer.zero_grad(set_to_none=True)
        (self.balancer(context.losses, self.balancer_step(outputs, context)) + context.unbalanced).backward()
        norm, taken = apply_gradients(self.optimizer, self.config.clip)
        self.steps_done += 1
        return {
            **context.log,
            **{f"loss/{name}": loss.detach() for name, loss in context.losses.items()},
            **{f"balance/{name}": torch.tensor(value) for name, value in self.balancer.weights().items()},
            "norm/generator": norm,
            "rate": torch.tensor(context.rate),
            "skipped": 1 - torch.minimum(context.finite, taken),
        }

    def balancer_step(self, outputs: Mapping[str, Tensor], context: StepContext) -> Step:
        """The balancer's view of the networks and of the other processes."""
        shared = [*self.generator.shared_parameters(), *self.helpers.parameters()]
        heads = {name: self.generator.own_parameters(name) for name in outputs}
        return Step(outputs, shared, heads, context.random, total, processes()[1])

    def random(self, step: int) -> torch.Generator:
        """The step's random numbers, the same in every process and in a resumed run."""
        return torch.Generator().manual_seed((self.seed * 1_000_003 + step) % 2**63)

    def _draw_tasks(self, names: Sequence[str], random: torch.Generator) -> list[str]:
        count = self.config.tasks_per_step or len(names)
        chances = torch.tensor([self.tasks[name].frequency for name in names])
        drawn = torch.multinomial(chances, min(count, len(names)), generator=random).tolist()
        return [names[index] for index in sorted(drawn)]

    def draw(self, shape: Sequence[int], random: torch.Generator) -> Float[Tensor, "B ..."]:
        """Standard normal numbers for this process's rows, drawn for all rows: their split does not change them."""
        rank, world = processes()
        rows, *rest = shape
        return torch.randn(world * rows, *rest, generator=random)[rank * rows : (rank + 1) * rows].to(self.device)

    def _set_rates(self) -> float:
        factor = self.slow_down_factor * self.config.schedule.factor(self.steps_done, self.steps)
        adversary = [] if self.adversary is None else [(self.adversary.optimizer, self.adversary.config.rate)]
        for optimizer, rate in [(self.optimizer, self.config.rate), *adversary]:
            for group in optimizer.param_groups:
                group["lr"] = factor * rate
        return factor * self.config.rate

    # -- use --------------------------------------------------------------------------------------

    @torch.no_grad()
    def generate(self, source: Float[Tensor, "B 3 H W"], latent: Latent | None = None, tasks: Names = None) -> Images:
        """Images of the named tasks (default: all) from one pass in float32, in about [-1, 1]."""
        return self.generator(source, latent, tasks)

    @torch.no_grad()
    def judge(self, batch: Batch, outputs: Mapping[str, Tensor]) -> dict[str, Float[Tensor, " N"]]:
        """The discriminator's loss and accuracy, for every task and row of a batch; empty without a discriminator."""
        # Weights of this process's rows only, because only the first process judges test pictures.
        names = list(outputs)
        batch, outputs = self.without_margin(batch, outputs)
        judged = self.adversarial_batch(batch, outputs, StepContext(names, present(batch, names), self.random(0)))
        return {} if judged is None or self.adversary is None else self.adversary.judge(judged)

    def shared_gradients(self, batch: Batch) -> dict[str, tuple[Tensor | None, ...]]:
        """For each task, the gradients of its own and its adversarial loss at the shared parameters; None or zeros for
        parameters that its loss does not depend on. Outputs are computed as in rendering, with a random z; terms that a
        kind of model adds in its step are left out. The model is not changed."""
        weights = row_weights(batch, self.tasks.values())
        context = StepContext(list(weights), weights, self.random(self.steps_done))
        latent = self.draw((len(batch.source), self.generator.latent), context.random)
        with self.autocast:
            source = batch.source.contiguous(memory_format=torch.channels_last)
            outputs: Mapping[str, Tensor] = self.generator(source, latent, context.names)
        batch, outputs = self.without_margin(batch, outputs)
        self.task_losses(batch, outputs, context)
        losses = context.losses
        judged = self.adversarial_batch(batch, outputs, context)
        if judged is not None and self.adversary is not None:
            self.adversary.discriminator.eval()  # spectral norms must not be re-estimated
            for name, value in self.adversary.generator_loss(judged).items():
                losses[name] = losses[name] + self.tasks[name].adversarial_weight * value
            self.adversary.discriminator.train()
        shared = [parameter for parameter in self.generator.shared_parameters() if parameter.requires_grad]
        gradients = partial(torch.autograd.grad, inputs=shared, retain_graph=True, allow_unused=True)
        return {name: gradients(loss) for name, loss in losses.items()}

    def anomaly_score(self, source: Float[Tensor, "B 3 H W"]) -> Float[Tensor, " B"] | None:
        """How much every picture differs from the training data; None for a model without such a score."""
        return None

    # -- checkpoints ------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Everything that the next step depends on: networks, optimizers, balancer and position."""
        parts = {name: part.state_dict() for name, part in self._parts().items()}
        return {**parts, "steps_done": self.steps_done, "slow_down_factor": self.slow_down_factor}

    def load(self, state: Mapping[str, Any]) -> None:
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        self.steps_done = state["steps_done"]
        self.slow_down_factor = state["slow_down_factor"]

    def _parts(self) -> dict[str, Any]:
        parts: dict[str, Any] = {"generator": self.generator, "optimizer": self.optimizer, "balancer": self.balancer}
        parts |= {"helpers": self.helpers} if self.helpers else {}
        parts |= {"adversary": self.adversary} if self.adversary is not None else {}
        return {**parts, "shares": self.shares}
