"""Every loss of a picture: values by hand, and the properties it is chosen for."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from skimage import data
from torch import Tensor, nn

from prismgan import images
from prismgan.batch import TaskBatch
from prismgan.images.drawing import comic
from prismgan.losses.content import TONE, ComicGuidance, Structure
from prismgan.losses.pixels import (
    EPSILON,
    SMALLEST,
    Charbonnier,
    Lattice,
    LogError,
    TotalVariation,
    charbonnier,
    log_error,
)
from prismgan.losses.style import LIMIT, StyleStatistics, moments, quantiles
from prismgan.losses.variation import diversity
from prismgan.networks import FeatureNetwork
from prismgan.weights import default_features

UNUSED = nn.Identity()
"""A substitute for a feature network."""


def photo(name: str, side: int = 64) -> Tensor:
    """A square crop of one of scikit-image's photos, (1, 3, side, side) in [-1, 1]."""
    pixels = torch.from_numpy(getattr(data, name)()).permute(2, 0, 1)[None, :, :300, :300]
    return images.resize(images.to_float(pixels), side, side).clamp(-1, 1)


@pytest.fixture(scope="module")
def astronaut() -> Tensor:
    return photo("astronaut")


@pytest.fixture(scope="module")
def coffee() -> Tensor:
    return photo("coffee")


def seen(reference: Tensor, target: Tensor | None = None) -> TaskBatch:
    return TaskBatch(source=reference, reference=reference, target=target)


# -- charbonnier ---------------------------------------------------------------------------------


def test_charbonnier_by_hand() -> None:
    expected = torch.zeros(2, 3, 1, 2, dtype=torch.float64)
    output = expected.clone()
    output[0, 0, 0, 0] = 0.4  # one of six pixels
    output[1] = -EPSILON
    by_hand = [((0.4**2 + 1e-6) ** 0.5 - 1e-3) / 6, (2**0.5 - 1) * 1e-3]
    assert charbonnier(output, expected).tolist() == pytest.approx(by_hand, rel=1e-4)


def test_charbonnier_is_zero_for_equal_pictures_and_symmetric(astronaut: Tensor, coffee: Tensor) -> None:
    assert float(charbonnier(astronaut, astronaut)) == 0
    torch.testing.assert_close(charbonnier(astronaut, coffee), charbonnier(coffee, astronaut))
    torch.testing.assert_close(
        Charbonnier(UNUSED)(astronaut, seen(astronaut, coffee)),
        (astronaut - coffee).abs().mean()[None],
        atol=1e-3,
        rtol=0,
    )


def test_below_epsilon_charbonnier_is_quadratic() -> None:
    target = torch.zeros(1, 3, 2, 2, dtype=torch.float64)
    small, double = (charbonnier(target + size, target, epsilon=0.1) for size in (0.002, 0.004))
    assert float(small) == pytest.approx(0.002**2 / 0.2, rel=1e-3)
    assert float(double / small) == pytest.approx(4, rel=1e-2)
    assert float(Charbonnier(UNUSED, epsilon=0.1)(target + 0.002, seen(target, target))) == pytest.approx(float(small))


def test_charbonnier_has_a_finite_gradient_at_zero() -> None:
    output = torch.zeros(1, 3, 4, 4, requires_grad=True)
    charbonnier(output, torch.zeros(1, 3, 4, 4)).sum().backward()
    assert output.grad is not None
    assert not output.grad.any()


# -- logarithm of the squared error --------------------------------------------------------------


def test_log_error_by_hand() -> None:
    expected = torch.zeros(2, 3, 1, 2, dtype=torch.float64)
    output = expected.clone()
    output[0, 0, 0, 0] = 0.4  # one of six pixels
    assert log_error(output, expected).tolist() == pytest.approx(
        [0.01 * math.log(1 + 0.4**2 / 6 / SMALLEST), 0], rel=1e-6
    )
    assert torch.equal(LogError(UNUSED)(output, seen(expected, expected)), log_error(output, expected))


def test_a_tenth_of_the_error_counts_alike_however_large_it_was() -> None:
    target = torch.zeros(1, 3, 4, 4, dtype=torch.float64)
    large, small = (log_error(target + size, target) - log_error(target + 0.9 * size, target) for size in (0.8, 0.2))
    assert float(large / small) == pytest.approx(1, abs=0.01)


def test_log_error_has_a_finite_gradient_at_zero() -> None:
    output = torch.zeros(1, 3, 4, 4, requires_grad=True)
    log_error(output, torch.zeros(1, 3, 4, 4)).sum().backward()
    assert output.grad is not None
    assert not output.grad.any()


# -- total variation -----------------------------------------------------------------------------


def test_total_variation_by_hand() -> None:
    output = torch.tensor([[0.0, 1.0, -1.0], [0.5, 1.0, 0.0]]).expand(1, 3, 2, 3)
    # Down the columns: 0.5, 0, 1. Along the rows: 1, 2 and 0.5, 1.
    expected = (0.5 + 0 + 1) / 3 + (1 + 2 + 0.5 + 1) / 4
    assert float(TotalVariation(UNUSED)(output, seen(output))) == pytest.approx(expected)


def test_total_variation_of_a_flat_picture_is_zero() -> None:
    flat = torch.full((2, 3, 8, 8), 0.3)
    assert TotalVariation(UNUSED)(flat, seen(flat)).tolist() == [0, 0]


# -- lattices ------------------------------------------------------------------------------------


def test_a_lattice_counts_and_random_grain_hardly_does() -> None:
    random = torch.Generator().manual_seed(0)
    flat = torch.zeros(1, 3, 256, 256)
    lattice = 0.02 * torch.randn(1, 3, 8, 8, generator=random).repeat(1, 1, 32, 32)
    grain = 0.02 * torch.randn(flat.shape, generator=random)
    batch = replace(seen(flat), target=flat)
    by_lattice, by_grain = (float(Lattice(UNUSED)(output, batch)) for output in (lattice, grain))
    assert by_lattice == pytest.approx(0.02, rel=0.1)
    assert by_grain < 0.3 * by_lattice
    assert float(Lattice(UNUSED)(flat + 0.3, batch)) < 1e-4, "another grey is no pattern"


def test_a_lattice_does_not_count_where_the_target_has_texture() -> None:
    texture = 0.8 * torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)).clamp(-1, 1)
    plain = torch.cat([torch.zeros(1, 3, 64, 64), texture], dim=3)
    lattice = 0.05 * torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(1)).repeat(1, 1, 8, 8)
    empty = torch.zeros_like(lattice)
    on_plain, on_texture = (plain + torch.cat(parts, dim=3) for parts in ((lattice, empty), (empty, lattice)))
    batch = replace(seen(plain), target=plain)
    loss = Lattice(UNUSED)
    assert float(loss(on_texture, batch)) < 0.1 * float(loss(on_plain, batch))


# -- content -------------------------------------------------------------------------------------


@pytest.fixture
def tone() -> Structure:
    return Structure(UNUSED, levels=TONE)


def test_content_of_the_photo_itself_is_zero(astronaut: Tensor) -> None:
    assert float(Structure(UNUSED)(astronaut, seen(astronaut))) == pytest.approx(0, abs=1e-5)


def test_content_ignores_brightness_and_hardly_minds_colour(astronaut: Tensor, coffee: Tensor) -> None:
    content = Structure(UNUSED)
    other = float(content(coffee, seen(astronaut)))
    assert other > 0.5
    assert float(content(astronaut + 0.5, seen(astronaut))) < 0.01 * other
    assert float(content(astronaut.flip(1), seen(astronaut))) < 0.3 * other


def test_content_leaves_brush_strokes_free(astronaut: Tensor) -> None:
    """The finest level is not used: a checkerboard of single pixels averages out above it."""
    rows, columns = torch.meshgrid(torch.arange(64), torch.arange(64), indexing="ij")
    strokes = 0.3 * ((rows + columns) % 2 * 2.0 - 1)
    assert float(Structure(UNUSED)(astronaut + strokes, seen(astronaut))) < 1e-4
    assert float(Structure(UNUSED, levels=(0,))(astronaut + strokes, seen(astronaut))) > 0.1


def test_content_of_the_negative_is_far(astronaut: Tensor, coffee: Tensor) -> None:
    content = Structure(UNUSED)
    assert float(content(-astronaut, seen(astronaut))) > float(content(coffee, seen(astronaut)))


def test_content_of_an_enlarged_output_is_refused(astronaut: Tensor) -> None:
    with pytest.raises(ValueError, match="differ in size"):
        Structure(UNUSED)(torch.zeros(1, 3, 128, 128), seen(astronaut))


def test_tone_is_light_and_dark_of_areas(astronaut: Tensor, tone: Structure) -> None:
    """Strokes of eight pixels and other colours are free, but dark areas must not become light."""
    strokes = 0.4 * ((torch.arange(64) // 4) % 2 * 2.0 - 1)
    assert float(tone(astronaut + strokes, seen(astronaut))) < 0.02
    assert float(tone(0.7 * astronaut + 0.3, seen(astronaut))) < 0.1
    assert float(tone(-astronaut, seen(astronaut))) > 1


def test_tone_wants_plain_areas_plain(tone: Structure) -> None:
    """A band across a plain sky is as wrong as a missing hill."""
    sky, band = torch.zeros(1, 3, 64, 64), torch.zeros(1, 3, 64, 64)
    band[..., 24:40] = 0.6
    assert float(tone(band, seen(sky))) > 0.5
    assert float(tone(sky, seen(band))) > 0.5


def test_structure_of_a_small_picture_has_a_gradient(tone: Structure) -> None:
    photo = torch.linspace(-1, 1, 32).expand(1, 3, 32, 32)
    output = photo.transpose(2, 3).clone().requires_grad_()
    tone(output, seen(photo)).sum().backward()
    assert output.grad is not None
    assert output.grad.abs().sum() > 0


# -- style ---------------------------------------------------------------------------------------


def test_moments_by_hand() -> None:
    maps = torch.tensor([[[[1.0, 2.0]], [[3.0, -1.0]]]])
    gram, mean = moments(maps)
    assert gram.tolist() == [[[2.5, 0.5], [0.5, 5.0]]]
    assert mean.tolist() == [[1.5, 1.0]]


@pytest.mark.parametrize("sides", [(4, 6), (3, 5)])
def test_the_gradient_of_moments_is_that_of_finite_differences(sides: tuple[int, int]) -> None:
    maps = torch.randn(2, 3, *sides, generator=torch.Generator().manual_seed(0), dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(moments, maps)


def style_of(exemplars: list[Tensor]) -> StyleStatistics:
    return StyleStatistics(default_features(), exemplars)


def test_style_of_the_exemplar_itself_is_about_zero(coffee: Tensor) -> None:
    assert float(style_of([coffee[0]])(coffee, seen(coffee))) < 2e-3


def reduced(picture: Tensor) -> Tensor:
    return nn.functional.avg_pool2d(picture, 2)


def woven(angle: float, wavelength: float, seed: int, side: int = 64) -> Tensor:
    """A texture of strokes in one direction, at different positions for every seed; the colours are always the same."""
    random = torch.Generator().manual_seed(seed)
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    along = rows * math.sin(angle) + columns * math.cos(angle)
    wobble = 2 * torch.sin(torch.rand((), generator=random) * 6 + 0.1 * (rows * math.cos(angle) - columns))
    wave = torch.sin(2 * math.pi * (along + wobble) / wavelength + 6 * torch.rand((), generator=random))
    return torch.stack([0.8 * wave, 0.3 * wave + 0.2, -0.4 * wave])[None]


def test_style_tells_textures_apart(coffee: Tensor) -> None:
    style = style_of([woven(0.3, 8, seed=0, side=128)[0]])
    near = float(style(woven(0.3, 8, seed=1), seen(coffee)))
    for other in (woven(1.9, 8, seed=1), woven(0.3, 16, seed=1), woven(0.3, 8, seed=1).flip(1), coffee):
        assert near < 0.5 * float(style(other, seen(coffee)))


def test_quantiles_by_hand() -> None:
    picture = torch.linspace(-1, 1, 128)[torch.randperm(128, generator=torch.Generator().manual_seed(0))]
    found = quantiles(picture.view(1, 1, 8, 16).expand(1, 3, 8, 16))
    expected = torch.linspace(-1, 1, 128).unflatten(0, (64, 2)).mean(1)
    torch.testing.assert_close(found, expected.expand(1, 4, 64))


def test_style_asks_for_the_exemplars_share_of_darks(coffee: Tensor) -> None:
    style = style_of([coffee[0]])
    style.depth = 0
    assert float(style(coffee.flip(2), seen(coffee))) == pytest.approx(0, abs=1e-6)
    assert float(style(0.5 * coffee + 0.5, seen(coffee))) > 0.1


def test_style_does_not_know_where_things_are(coffee: Tensor) -> None:
    style = style_of([coffee[0]])
    shifted = coffee.roll((16, 16), dims=(2, 3))
    turned_bright = -coffee
    assert float(style(shifted, seen(coffee))) < 0.3 * float(style(turned_bright, seen(coffee)))


def test_style_of_several_exemplars_is_their_mean(astronaut: Tensor, coffee: Tensor) -> None:
    both = style_of([astronaut[0], coffee[0]])
    to_both = [float(both(picture, seen(picture))) for picture in (astronaut, coffee)]
    to_other = [
        float(style_of([coffee[0]])(astronaut, seen(astronaut))),
        float(style_of([astronaut[0]])(coffee, seen(coffee))),
    ]
    assert 0.01 < max(to_both) < min(to_other)


def test_style_leaves_out_levels_that_an_exemplar_is_too_small_for(coffee: Tensor) -> None:
    assert StyleStatistics(default_features(), [coffee[0, :, :3, :3]]).depth == 1


@pytest.mark.parametrize("value", [-1.0, 0.0, 1.0])
def test_style_is_bounded_on_flat_crops(coffee: Tensor, value: float) -> None:
    output = torch.full((1, 3, 32, 32), value, requires_grad=True)
    distance = style_of([coffee[0]])(output, seen(coffee))
    (gradient,) = torch.autograd.grad(distance.sum(), output)
    assert gradient.isfinite().all()
    assert 0 < float(distance.detach()) <= LIMIT


def test_a_style_needs_an_exemplar() -> None:
    with pytest.raises(ValueError, match="at least one exemplar"):
        style_of([])


def test_style_has_nothing_to_train_and_nothing_to_save(coffee: Tensor) -> None:
    style = style_of([coffee[0]])
    assert isinstance(style, StyleStatistics)
    assert not any(parameter.requires_grad for parameter in style.parameters())
    assert all(name.startswith("features.") for name in style.state_dict())


# -- guidance, diversity -------------------------------------------------------------------------


def random_features() -> FeatureNetwork:
    """The same network in every process: some weights make the coarsest level nearly zero."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        return FeatureNetwork([[8, 8], [8, 8], [8]]).frozen()


NETWORKS = {"brought": default_features(), "random": random_features()}
each_network = pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)


@each_network
def test_guidance_is_zero_at_the_comic_drawing_of_the_photo_only(network: nn.Module, astronaut: Tensor) -> None:
    guidance, drawing = ComicGuidance(network), comic(astronaut)
    assert float(guidance(drawing, seen(astronaut))) == pytest.approx(0, abs=1e-6)
    assert float(guidance(astronaut, seen(astronaut))) > 0.02
    assert float(guidance(drawing.flip(-1), seen(astronaut))) > 0.1


def test_guidance_of_a_task_that_varies_follows_the_latent(astronaut: Tensor) -> None:
    latent = torch.tensor(
        [[2.0, -2.0, 0.5, 1.0]]
    )  # fewer parameters than the six of the drawing style: the others are in the middle
    batch = replace(seen(astronaut), latent=latent)
    drawing = comic(astronaut, torch.erf(1.2 * torch.tensor([[-2.0, -1.0, 0.0, 2.0, 0.5, 0.0]])))
    varied = ComicGuidance(NETWORKS["random"], varied=True)
    assert float(varied(drawing, batch)) == pytest.approx(0, abs=1e-6)
    assert float(varied(drawing, seen(astronaut))) > 0.02
    assert float(ComicGuidance(NETWORKS["random"])(drawing, batch)) > 0.02


def test_guidance_by_hand(astronaut: Tensor) -> None:
    drawing = comic(astronaut)
    pixels = charbonnier(astronaut, drawing)
    found, wanted = (NETWORKS["random"](picture)[1:] for picture in (astronaut, drawing))
    scales = [level.abs().mean() for level in wanted]
    structure = sum(charbonnier(a / scale, b / scale) for a, b, scale in zip(found, wanted, scales, strict=True)) / 2
    by_hand = pixels + 0.3 * structure
    torch.testing.assert_close(ComicGuidance(NETWORKS["random"], structure=0.3)(astronaut, seen(astronaut)), by_hand)
    torch.testing.assert_close(ComicGuidance(NETWORKS["random"], structure=0.0)(astronaut, seen(astronaut)), pixels)


def test_guidance_compares_the_coarsest_features_whatever_their_scale(astronaut: Tensor) -> None:
    class Scaled(nn.Module):
        def __init__(self, scale: float, fine: float = 1.0) -> None:
            super().__init__()
            self.scale, self.fine = scale, fine

        def forward(self, images: Tensor) -> list[Tensor]:
            fine, *coarse = NETWORKS["random"](images)
            return [self.fine * fine, *(self.scale * each for each in coarse)]

    def distance(network: nn.Module) -> Tensor:
        found: Tensor = ComicGuidance(network, structure=1.0)(astronaut, seen(astronaut))
        return found

    torch.testing.assert_close(distance(Scaled(10.0)), distance(Scaled(5.0, fine=7.0)), rtol=0.01, atol=0)
    assert float(distance(Scaled(10.0))) > float(ComicGuidance(Scaled(10.0))(astronaut, seen(astronaut)))


@each_network
def test_following_the_gradient_lowers_the_guidance(network: nn.Module, astronaut: Tensor) -> None:
    guidance = ComicGuidance(network)
    output = astronaut.clone().requires_grad_()
    before = guidance(output, seen(astronaut))
    (slope,) = torch.autograd.grad(before.sum(), output)
    assert (guidance(astronaut - 0.1 * slope / slope.norm(), seen(astronaut)) < before).all()


def test_guidance_of_a_picture_without_features_compares_pixels(astronaut: Tensor) -> None:
    class Nothing(nn.Module):
        def forward(self, images: Tensor) -> list[Tensor]:
            return []

    found, surface = (ComicGuidance(Nothing(), structure=s)(astronaut, seen(astronaut)) for s in (0.3, 0.0))
    torch.testing.assert_close(found, surface + 0.3 * charbonnier(astronaut, comic(astronaut)))


def test_diversity_by_hand() -> None:
    output = torch.zeros(4, 3, 8, 8)
    other = output.clone()
    other[1] += 0.05
    other[2] -= 0.2
    other[3] += 1.5
    assert diversity(output, other).tolist() == pytest.approx([1, 0.75, 0, 0], abs=1e-6)
    assert diversity(output, other, target=0.1).tolist() == pytest.approx([1, 0.5, 0, 0], abs=1e-6)


def test_diversity_is_not_fooled_by_noise(astronaut: Tensor) -> None:
    noise = 0.2 * torch.randn(astronaut.shape, generator=torch.Generator().manual_seed(0)).sign()
    assert float(diversity(astronaut, astronaut + noise)) > 0.7
    assert float(diversity(astronaut, astronaut + 0.2)) == pytest.approx(0, abs=1e-5)


def test_diversity_pushes_equal_outputs_nowhere_but_unequal_ones_apart() -> None:
    output = torch.full((1, 3, 8, 8), 0.05, requires_grad=True)
    diversity(output, torch.zeros(1, 3, 8, 8)).sum().backward()
    assert output.grad is not None
    assert (output.grad < 0).all()
