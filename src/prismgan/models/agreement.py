"""What every task asks of the parameters that tasks share, to be compared."""

from __future__ import annotations

import torch
from torch import Tensor

from prismgan.batch import Batch
from prismgan.models.adversarial_batch import row_weights
from prismgan.models.model import Model, StepContext


def shared_gradients(model: Model, batch: Batch) -> dict[str, tuple[Tensor | None, ...]]:
    """Every task's gradient, of its own losses and its adversarial one, at the generator's parameters that tasks share.

    The losses are those of pictures as they are rendered, with a z that is drawn: what else a kind of model adds to
    them in its step, or asks of further renderings, is left out. The model is not changed.

    Returns:
        By task, for each of the parameters; None or zeros for one that the task does not reach.
    """
    weights = row_weights(batch, model.tasks.values())
    context = StepContext(list(weights), weights, model.random(model.steps_done), 0.0)
    latent = model.draw((len(batch.source), model.generator.latent), context.random)
    with model.autocast:
        outputs: dict[str, Tensor] = model.generator(
            batch.source.contiguous(memory_format=torch.channels_last), latent, context.names
        )
    batch, seen = model.seen(batch, outputs)
    losses, _ = model.task_losses(batch, seen, weights)
    judged = model.adversarial_batch(batch, seen, context)
    if judged is not None and model.adversary is not None:
        model.adversary.discriminator.eval()  # spectral norms are not to be estimated anew
        for name, value in model.adversary.generator_loss(judged).items():
            losses[name] = losses[name] + model.tasks[name].adversarial_weight * value
        model.adversary.discriminator.train()
    shared = [parameter for parameter in model.generator.shared_parameters() if parameter.requires_grad]
    return {
        name: torch.autograd.grad(loss, shared, retain_graph=True, allow_unused=True) for name, loss in losses.items()
    }
