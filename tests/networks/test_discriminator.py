"""The discriminator's contract: shapes, conditioning on the task, spectral normalisation."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from prismgan.networks import Discriminator, DiscriminatorConfig

TASKS = ("clean", "paint", "pencil")


def make(tasks: tuple[str, ...] = TASKS, *, seed: int = 0, **sizes: object) -> Discriminator:
    torch.manual_seed(seed)
    return Discriminator(DiscriminatorConfig.model_validate({"width": 8, "levels": 2, **sizes}), tasks)


def pictures(height: int = 16, width: int = 16, rows: int = 3) -> Tensor:
    return torch.rand(rows, 3, height, width, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.mark.parametrize(("height", "width"), [(33, 47), (16, 16), (17, 64)])
@pytest.mark.parametrize("levels", [1, 3])
@pytest.mark.parametrize("spectral", [True, False])
@torch.no_grad()
def test_shapes_at_any_size(height: int, width: int, levels: int, spectral: bool) -> None:
    judgement = make(levels=levels, depth=0, spectral_norm=spectral)(pictures(height, width), torch.tensor([0, 1, 2]))
    assert judgement.patch.shape == (3, 1, height // 2**levels, width // 2**levels)
    assert judgement.whole.shape == (3,)
    assert judgement.task.shape == (3, len(TASKS))
    assert judgement.logit.shape == (3,)


@torch.no_grad()
def test_the_logit_is_the_mean_patch_plus_the_whole() -> None:
    judgement = make()(100 * pictures(), torch.tensor([0, 1, 2]))
    expected = judgement.patch.mean(dim=(1, 2, 3)) + judgement.whole
    torch.testing.assert_close(judgement.logit, expected)


@torch.no_grad()
def test_both_logits_are_conditioned_on_the_task() -> None:
    picture = pictures(rows=1).expand(3, -1, -1, -1)
    judgement = make()(picture, torch.tensor([0, 1, 2]))
    for logits in (judgement.patch.mean(dim=(1, 2, 3)), judgement.whole):
        assert (logits[0] - logits[1]).abs() > 1e-4
        assert (logits[1] - logits[2]).abs() > 1e-4
    # The unconditional part of the logit does not depend on the task.
    torch.testing.assert_close(judgement.task[0], judgement.task[1])


@torch.no_grad()
def test_a_row_does_not_depend_on_the_others() -> None:
    discriminator, rows, task = make(), pictures(), torch.tensor([2, 0, 1])
    together = discriminator(rows, task)
    alone = discriminator(rows[1:2], task[1:2])
    torch.testing.assert_close(together.logit[1:2], alone.logit)
    torch.testing.assert_close(together.task[1:2], alone.task)


@torch.no_grad()
def test_adding_a_task_renames_and_changes_nothing() -> None:
    small, large = make(), make(("new", *TASKS), seed=5)
    report = large.load_state_dict(small.state_dict(), strict=False)
    assert not report.unexpected_keys
    assert report.missing_keys
    assert all(name.endswith(".new") for name in report.missing_keys)
    for task in TASKS:
        before = small(pictures(), small.indices([task], 3))
        after = large(pictures(), large.indices([task], 3))
        torch.testing.assert_close(before.logit, after.logit)
        torch.testing.assert_close(before.task, after.task[:, 1:])


def test_indices_run_task_after_task() -> None:
    assert make().indices(["pencil", "clean"], 2).tolist() == [2, 2, 0, 0]


def largest_singular_values(discriminator: Discriminator) -> list[float]:
    return [float(torch.linalg.matrix_norm(layer.weight.flatten(1), ord=2)) for layer in discriminator.trunk]


@torch.no_grad()
def test_spectral_norm_bounds_every_layer_of_the_trunk() -> None:
    discriminator = make(spectral_norm=True)
    for _ in range(40):
        discriminator(pictures(), torch.tensor([0, 1, 2]))
    for value in largest_singular_values(discriminator.eval()):
        assert value == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("spectral", [True, False])
@torch.no_grad()
def test_only_with_spectral_norm_the_size_of_the_weights_says_nothing(spectral: bool) -> None:
    discriminator = make(spectral_norm=spectral)
    before = largest_singular_values(discriminator.eval())
    for name, parameter in discriminator.trunk.named_parameters():
        if "weight" in name:
            parameter.mul_(10)
    growth = [b / a for a, b in zip(before, largest_singular_values(discriminator), strict=True)]
    assert growth == pytest.approx([1.0 if spectral else 10.0] * len(growth), rel=1e-3)
