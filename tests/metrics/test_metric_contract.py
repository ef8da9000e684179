"""The contract of every metric of a picture."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import Tensor

from helpers.squeeze_weights import heads, squeeze
from prismgan.errors import PictureError
from prismgan.metrics import CONTENT_METRICS, METRICS, PAIR_METRICS, Metric
from prismgan.metrics.learnt import lpips_distance
from prismgan.networks.features import SqueezeFeatures

BEST = {"psnr": 100.0, "psnr_y": 100.0, "ssim": 1.0, "euclidean": 0.0, "nmi": 2.0, "lpips": 0.0, "absolute": 0.0}


def made_lpips() -> Metric:
    """The metrics with synthetic weights."""
    network = SqueezeFeatures(SqueezeFeatures.LPIPS_LEVELS)
    network.load_state_dict(squeeze(network.levels))
    made = [head.flatten() for head in heads().values()]
    return Metric("lpips", "", "lower", partial(lpips_distance, network.frozen(), made))


each_metric = pytest.mark.parametrize("metric", [*METRICS, made_lpips()], ids=lambda metric: metric.name)


@pytest.fixture
def pictures() -> Tensor:
    """Smooth pictures (3, 3, 48, 40) in [-1, 1]: blobs, as photos are, rather than noise."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(3, 3, 6, 5, generator=generator) * 1.6 - 0.8
    return torch.nn.functional.interpolate(coarse, size=(48, 40), mode="bicubic").clamp(-1, 1)


def noisy(pictures: Tensor, sigma: float) -> Tensor:
    noise = torch.randn(pictures.shape, generator=torch.Generator().manual_seed(1))
    return (pictures + sigma * noise).clamp(-1, 1)


def test_names_are_unique_and_the_lists_are_made_of_metrics() -> None:
    names = [metric.name for metric in METRICS]
    assert len(set(names)) == len(names)
    assert set(PAIR_METRICS) <= set(METRICS)
    assert set(CONTENT_METRICS) <= set(METRICS)


@each_metric
def test_one_finite_value_a_picture(metric: Metric, pictures: Tensor) -> None:
    value = metric(noisy(pictures, 0.1), pictures)
    assert value.shape == (3,)
    assert value.dtype == torch.float32
    assert value.isfinite().all()


@each_metric
def test_equal_pictures_score_best(metric: Metric, pictures: Tensor) -> None:
    best = torch.full((3,), BEST[metric.name])
    torch.testing.assert_close(metric(pictures, pictures), best, atol=1e-5, rtol=1e-5)


@each_metric
def test_more_noise_is_worse(metric: Metric, pictures: Tensor) -> None:
    values = torch.stack([metric(noisy(pictures, sigma), pictures) for sigma in (0.0, 0.02, 0.1, 0.4)])
    steps = values.diff(dim=0)
    assert (steps < 0).all() if metric.better == "higher" else (steps > 0).all()


@each_metric
def test_order_of_the_two_pictures_does_not_matter(metric: Metric, pictures: Tensor) -> None:
    other = noisy(pictures, 0.2)
    torch.testing.assert_close(metric(other, pictures), metric(pictures, other), atol=1e-5, rtol=1e-5)


@each_metric
def test_a_picture_is_judged_alone(metric: Metric, pictures: Tensor) -> None:
    output = noisy(pictures, 0.1)
    alone = torch.cat([metric(output[i : i + 1], pictures[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(metric(output, pictures), alone, atol=1e-5, rtol=1e-5)


@each_metric
def test_values_outside_the_range_are_clipped(metric: Metric, pictures: Tensor) -> None:
    output = pictures * 3
    torch.testing.assert_close(metric(output, pictures), metric(output.clamp(-1, 1), pictures))


@each_metric
def test_nothing_is_changed_in_place(metric: Metric, pictures: Tensor) -> None:
    output = noisy(pictures, 0.1)
    before = output.clone(), pictures.clone()
    metric(output, pictures)
    assert torch.equal(output, before[0])
    assert torch.equal(pictures, before[1])


@each_metric
def test_outputs_of_a_network_in_training_are_fine(metric: Metric, pictures: Tensor) -> None:
    output = noisy(pictures, 0.1).requires_grad_()
    assert metric(output, pictures).isfinite().all()


@each_metric
@pytest.mark.parametrize("shape", [(3, 3, 48, 41), (1, 3, 48, 40), (3, 48, 40)])
def test_shapes_that_do_not_fit_are_refused(metric: Metric, pictures: Tensor, shape: tuple[int, ...]) -> None:
    with pytest.raises(PictureError, match=metric.name):
        metric(torch.zeros(shape), pictures)
