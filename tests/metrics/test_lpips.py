from __future__ import annotations

import math
from importlib.resources import as_file, files
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from helpers.squeeze_weights import heads, written
from prismgan.errors import WeightsError
from prismgan.metrics import lpips
from prismgan.metrics.learnt import load_heads, lpips_distance
from prismgan.networks.features import LearntFeatures, SqueezeFeatures
from prismgan.weights import load_squeeze


class Colours(LearntFeatures):
    """Maps that are the colours themselves, and their sums over the picture."""

    def maps(self, images: Tensor) -> list[Tensor]:
        return [images, images.sum(dim=(2, 3), keepdim=True)]


def test_two_pixels_by_hand() -> None:
    heads = [torch.tensor([1.0, 10.0, 3.0]), torch.tensor([0.5, 0.0, 0.0])]
    output = torch.tensor([[0.3, 0.4, 0.0], [0.0, 0.4, 0.3]]).T.view(1, 3, 1, 2)
    expected = torch.tensor([[0.0, 0.7, 0.0], [0.0, 0.8, 0.6]]).T.view(1, 3, 1, 2)
    # First pixel: (0.6, 0.8, 0) against (0, 1, 0), 0.36 + 10 x 0.04; the second has the same direction in both.
    first = 0.36 + 0.4
    # Sums: (0.3, 0.8, 0.3) against (0, 1.5, 0.6), whose first channel is 0.
    second = 0.5 * 0.3**2 / (0.3**2 + 0.8**2 + 0.3**2)
    distance = lpips_distance(Colours(), heads, output, expected)
    assert distance.tolist() == pytest.approx([first / 2 + second])


def test_by_squeezenet_against_the_definition(tmp_path: Path) -> None:
    squeezenet, linear = written(tmp_path)
    network = load_squeeze(squeezenet)
    metric = lpips(network, linear)
    assert (metric.name, metric.unit, metric.better) == ("lpips", "", "lower")
    output, expected = (
        torch.rand(2, 3, 40, 33, generator=torch.Generator().manual_seed(seed)) * 2 - 1 for seed in (0, 1)
    )
    by_hand = torch.zeros(2)
    for x, y, head in zip(network(output), network(expected), heads().values(), strict=True):
        x, y = F.normalize(x, dim=1), F.normalize(y, dim=1)
        by_hand += F.conv2d((x - y) ** 2, head).mean(dim=(1, 2, 3))
    torch.testing.assert_close(metric(output, expected), by_hand)
    assert by_hand.min() > 0.01


def test_pictures_that_are_too_small_score_nan(tmp_path: Path) -> None:
    squeezenet, linear = written(tmp_path)
    metric = lpips(load_squeeze(squeezenet), linear)
    least = SqueezeFeatures.SMALLEST
    assert metric(torch.zeros(1, 3, least, 30), torch.zeros(1, 3, least, 30)).tolist() == [0]
    assert math.isnan(metric(torch.zeros(1, 3, least - 1, 30), torch.zeros(1, 3, least - 1, 30)).item())


def test_the_published_heads() -> None:
    """torchmetrics includes the published file, but no network for it."""
    path = files("torchmetrics") / "functional" / "image" / "lpips_models" / "squeeze.pth"
    if not path.is_file():
        pytest.skip("this torchmetrics has no LPIPS")
    with as_file(path) as file:
        found = load_heads(file)
    assert tuple(map(len, found)) == SqueezeFeatures.LPIPS_CHANNELS
    assert all((head >= 0).all() and head.any() for head in found)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lin3.model.1.weight": torch.ones(1, 256, 1, 1)}, r"lin3.model.1.weight has the shape \(1, 256, 1, 1\)"),
        ({"lin6.model.1.weight": None}, "has no tensor 'lin6.model.1.weight'"),
        ({"lin0.model.1.weight": torch.full((1, 64, 1, 1), math.nan)}, "non-finite"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, changes: dict[str, Tensor | None], message: str) -> None:
    tensors = {name: tensor for name, tensor in (heads() | changes).items() if tensor is not None}
    save_file(tensors, tmp_path / "heads.safetensors")
    with pytest.raises(WeightsError, match=message) as caught:
        load_heads(tmp_path / "heads.safetensors")
    assert str(caught.value).startswith(f"{tmp_path / 'heads.safetensors'}: ")
    with pytest.raises(WeightsError, match="no such file; expected the linear heads of LPIPS"):
        load_heads(tmp_path / "none.pth")
