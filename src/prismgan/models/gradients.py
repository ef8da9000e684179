"""Gradients after the backward pass: they are averaged over processes and clipped by their global norm."""

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, distributed, nn

from prismgan.errors import PrismganError, reason_of

T = TypeVar("T")


def processes() -> tuple[int, int]:
    """This process's rank and the number of processes; (0, 1) outside ``accelerate launch`` or ``torchrun``."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1


def total(values: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Sum over processes."""
    if processes()[1] > 1:
        values = values.clone()
        distributed.all_reduce(values)
    return values


def from_first(make: Callable[[], T]) -> T:
    """Call ``make`` in the first process, and return its result, or raise its PrismganError, in all processes. So only
    the first machine needs the run folder, and no process reads a partly written file."""
    rank, world = processes()
    if world == 1:
        return make()
    outcome: list[Any] = [None, None]
    if rank == 0:
        try:
            outcome[0] = make()
        except PrismganError as error:
            outcome[1] = error
    distributed.broadcast_object_list(outcome)
    made: T
    made, failure = outcome
    if failure is not None:
        raise failure
    return made


@contextmanager
def lost_processes_named() -> Iterator[None]:
    """Raise torch's errors about lost processes of the training as a PrismganError."""
    try:
        yield
    except RuntimeError as error:
        if processes()[1] == 1 or not (isinstance(error, distributed.DistBackendError) or "gloo" in str(error)):
            raise
        gone = "another process of this training has ended; the last checkpoint is saved, continue with --resume"
        raise PrismganError(f"{gone} ({reason_of(error)})") from None


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replace every gradient by its mean over processes, in one message. A missing gradient counts as zero, because a
    process whose rows lack a task must take part; if it is missing everywhere, the optimizer skips the parameter."""
    world = processes()[1]
    if world == 1:
        return
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in trained]
    owners = torch.tensor([float(p.grad is not None) for p in trained]).to(gradients[0])
    flat = torch.cat([*(gradient.flatten() for gradient in gradients), owners])
    distributed.all_reduce(flat)
    *sums, owners = flat.split([*(gradient.numel() for gradient in gradients), len(trained)])
    for parameter, gradient, total_gradient, owner in zip(trained, gradients, sums, owners.tolist(), strict=True):
        if owner:
            parameter.grad = gradient.copy_(total_gradient.view_as(gradient) / world)


def apply_gradients(
    optimizer: torch.optim.Optimizer, limit: float | None
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Average, clip and apply an optimizer's gradients, unless one of them is not finite. Clipping scales them together
    to a global L2 norm of at most ``limit`` (Pascanu, Mikolov, Bengio 2013, algorithm 1). Returns the norm before
    clipping, and 1 if the step was taken, otherwise 0."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    average_gradients(parameters)
    norm = nn.utils.clip_grad_norm_(parameters, math.inf if limit is None else limit)
    finite = torch.isfinite(norm)
    if finite:
        optimizer.step()
    return norm.detach(), finite.float()
