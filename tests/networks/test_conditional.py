"""The generators conditioned on the task: shapes, start at the baseline, independence of tasks, rows and tiles."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from prismgan.images import upsample
from prismgan.networks import (
    Bottleneck,
    BottleneckConfig,
    ConditionalConfig,
    ConditionalUNet,
    HeadSpec,
    ImageGenerator,
    OutputEncoder,
    VariationalGenerator,
)

SPECS = (
    HeadSpec("restored"),
    HeadSpec("large", scale=2),
    HeadSpec("larger", scale=4),
    HeadSpec("painted", fine=False, latent=True),
    HeadSpec("painted-large", scale=2, fine=False),
)
NETWORKS = (ConditionalUNet, VariationalGenerator, Bottleneck)
Network = Callable[..., ImageGenerator]
every_network = pytest.mark.parametrize("network", NETWORKS)


def config_for(network: Network) -> type[ConditionalConfig]:
    return BottleneckConfig if network is Bottleneck else ConditionalConfig


def make(network: Network, levels: int = 2, *, fresh: bool = False, **more: bool) -> ImageGenerator:
    """A small generator; if it is not fresh, its zero-initialised parameters are small numbers, as if it had been
    trained."""
    torch.manual_seed(0)
    sizes = {"widths": (8, 10, 12)[:levels], "blocks": (1, 2, 1)[:levels], "latent": 4, "code": 6}
    made = network(config_for(network)(**sizes, **more), SPECS).double()
    if not fresh:
        with torch.no_grad():
            for parameter in made.parameters():
                if not parameter.any():
                    parameter += 0.05 * torch.randn_like(parameter)
    return made


def picture(height: int, width: int, rows: int = 1, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(rows, 3, height, width, generator=generator, dtype=torch.float64) * 2 - 1


@every_network
@pytest.mark.parametrize("levels", [1, 2, 3])
@torch.no_grad()
def test_a_fresh_one_is_the_baseline_of_every_task(network: Network, levels: int) -> None:
    made, source = make(network, levels, fresh=True), picture(21, 14, rows=2)
    for name, output in made(source).items():
        scale = made.specs[name].scale
        expected = upsample(source, scale)
        inner = (..., slice(3 * scale, -3 * scale), slice(3 * scale, -3 * scale))  # borders are replicated here
        torch.testing.assert_close(output[inner], expected[inner], atol=1e-6, rtol=0)


@every_network
@pytest.mark.parametrize("size", [(16, 16), (17, 30), (5, 3)])
@torch.no_grad()
def test_any_size_gives_every_output_at_its_scale(network: Network, size: tuple[int, int]) -> None:
    outputs = make(network)(picture(*size, rows=2))
    assert {name: tuple(output.shape) for name, output in outputs.items()} == {
        spec.name: (2, 3, spec.scale * size[0], spec.scale * size[1]) for spec in SPECS
    }


@every_network
@torch.no_grad()
def test_a_tasks_picture_depends_on_no_other_task_and_row(network: Network) -> None:
    made, source = make(network), picture(16, 18, rows=3)
    everything = made(source)
    encoded = made.encode(source, ["large", "painted"])
    for name in made.specs:
        torch.testing.assert_close(made(source[1:2], tasks=[name])[name], everything[name][1:2])
        torch.testing.assert_close(made.decode(encoded, None, [name])[name], everything[name])
    assert made(source, tasks=[]) == {}


@every_network
@torch.no_grad()
def test_the_task_is_what_tells_outputs_of_one_form_apart(network: Network) -> None:
    torch.manual_seed(1)
    config = config_for(network)(widths=(8, 10), blocks=(1, 1), latent=4, code=6)
    made = network(config, [HeadSpec("first"), HeadSpec("second")]).double()
    for parameter in made.parameters():
        parameter += 0.05 * torch.randn_like(parameter)
    source = picture(16, 16)
    before = made(source)
    assert not torch.allclose(before["first"], before["second"])
    made.codes["second"].copy_(made.codes["first"])
    after = made(source)
    assert torch.equal(after["first"], before["first"])
    torch.testing.assert_close(after["first"], after["second"])


@every_network
@pytest.mark.parametrize("levels", [1, 2, 3])
def test_nothing_beyond_the_reach_changes_a_pixel(network: Network, levels: int) -> None:
    made = make(network, levels)
    reach = made.receptive_field_radius()
    side = 2 * (reach // made.cell + 2) * made.cell
    source = picture(side, side).requires_grad_()
    for name, spec in made.specs.items():
        for place in (side // 2, side // 2 + made.cell - 1):
            own = slice(spec.scale * place, spec.scale * (place + 1))
            output = made(source, made.seeded_latent().double(), tasks=[name])[name]
            (gradient,) = torch.autograd.grad(output[..., own, own].sum(), source)
            rows = gradient.abs().sum(dim=(0, 1, 3)).nonzero().flatten()
            assert 0 < int(rows[0]) < int(rows[-1]) < side - 1
            assert max(place - int(rows[0]), int(rows[-1]) - place) <= made.receptive_field_radius([name]) <= reach
    assert made.receptive_field_radius([]) == 0


@every_network
@torch.no_grad()
def test_a_tile_with_its_halo_is_what_the_whole_picture_is_there(network: Network) -> None:
    made = make(network)
    cell = made.cell
    halo, side = -(-made.receptive_field_radius() // cell) * cell, 4 * cell
    source, latent = picture(2 * halo + 6 * cell, 2 * halo + 5 * cell), made.seeded_latent(3).double()
    whole = made(source, latent)
    tile = made(source[..., cell : cell + side + 2 * halo, cell : cell + side + 2 * halo], latent)
    for name, spec in made.specs.items():
        inside = slice(spec.scale * halo, spec.scale * (halo + side))
        there = slice(spec.scale * (cell + halo), spec.scale * (cell + halo + side))
        torch.testing.assert_close(tile[name][..., inside, inside], whole[name][..., there, there])


@every_network
def test_what_a_task_has_for_itself_is_its_vector(network: Network) -> None:
    made = make(network)
    counts = made.parameter_counts()
    assert sum(counts.values()) == sum(parameter.numel() for parameter in made.parameters())
    assert {counts[name] for name in made.specs} == {6}
    assert len(made.shared_parameters()) + len(SPECS) == len(list(made.parameters()))


@torch.no_grad()
def test_without_skips_the_bow_tie_sees_the_source_through_its_latent_alone() -> None:
    made = make(Bottleneck, skips=False)
    assert isinstance(made, Bottleneck)
    encoded = made.encode(picture(16, 16))
    other = made.encode(picture(16, 16, seed=1))
    outputs = made.decode(encoded)
    same = made.decode(encoded._replace(maps=[other.maps[0], encoded.maps[1]]))
    assert all(torch.equal(same[name], outputs[name]) for name in outputs)
    changed = made.decode(encoded._replace(maps=[encoded.maps[0], other.maps[1]]))
    assert not any(torch.equal(changed[name], outputs[name]) for name in outputs)
    assert made.z(encoded).shape == (1, 4, 4, 4)


@torch.no_grad()
def test_the_prior_is_that_of_the_source_and_the_task() -> None:
    made = make(VariationalGenerator)
    assert isinstance(made, VariationalGenerator)
    encoded = made.encode(picture(16, 12))
    prior, other = made.prior_of(encoded, "restored"), made.prior_of(encoded, "painted")
    assert prior.mean.shape == prior.log_variance.shape == (1, 4, 4, 3)
    assert not torch.allclose(prior.mean, other.mean)
    assert not torch.allclose(made.prior_of(made.encode(picture(16, 12, seed=1)), "restored").mean, prior.mean)


@pytest.mark.parametrize("scale", [1, 2, 4])
@pytest.mark.parametrize("extra", [0, 12])
@torch.no_grad()
def test_outputs_of_every_scale_are_encoded_to_the_coarsest_level(scale: int, extra: int) -> None:
    config = ConditionalConfig(widths=(8, 10), blocks=(1, 1), latent=4, code=6)
    made = OutputEncoder(config, [1, 2, 4], extra=extra, outputs=5)
    torch.nn.init.normal_(made.last.weight)
    cells = torch.zeros(2, extra, 10, 6) if extra else None
    image = picture(18 * scale, 12 * scale, rows=2).float()  # padded to 20 and 12
    found = made(image, scale, torch.randn(1, 6), cells)
    assert found.shape == (2, 5, 5, 3)
    assert not torch.allclose(found[0], found[1])
