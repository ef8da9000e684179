"""The generator's contract: shapes, start at the baseline, independence of heads, rows and tiles."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from prismgan import images
from prismgan.networks import Generator, GeneratorConfig, HeadSpec, StyleBranchConfig
from prismgan.networks.style_branch import framed

SIZES = [(33, 47), (16, 16), (17, 64)]
FINE = [HeadSpec(f"fine-{scale}", scale) for scale in (1, 2, 4)]
SMOOTH = [HeadSpec(f"smooth-{scale}", scale, smooth=True) for scale in (2, 4)]
PAINTED = [HeadSpec("painted", fine=False), HeadSpec("varied", fine=False, latent=True)]
HEADS = [*FINE, *SMOOTH, *PAINTED]
STYLE = StyleBranchConfig(fine=8, coarse=8, blocks=1, head=8, noise=2)


def make(
    levels: int = 2,
    heads: list[HeadSpec] = HEADS,
    *,
    seed: int = 0,
    fresh: bool = True,
    finest: int = 2,
) -> Generator:
    """A small generator; one that is not fresh differs from its baseline, as if it had been trained."""
    torch.manual_seed(seed)
    sizes = {"finest": finest, "widths": (8, 12, 16)[:levels], "blocks": (2, 1, 1)[:levels]}
    config = GeneratorConfig(**sizes, style=STYLE, latent=4, code=8)
    generator = Generator(config, heads)
    if not fresh:
        leave_baseline(generator)
    return generator


def leave_baseline(generator: Generator) -> None:
    random = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for head in generator.heads.values():
            head.last.weight.copy_(0.05 * torch.randn(head.last.weight.shape, generator=random))
            head.last.bias.copy_(0.05 * torch.randn(head.last.bias.shape, generator=random))


def picture(height: int, width: int, rows: int = 1, seed: int = 2) -> Tensor:
    return torch.rand(rows, 3, height, width, generator=torch.Generator().manual_seed(seed)) * 2 - 1


each_size = pytest.mark.parametrize(("height", "width"), SIZES)
each_depth = pytest.mark.parametrize("levels", [1, 3])
each_finest = pytest.mark.parametrize("finest", [1, 2])


@each_size
@each_depth
@each_finest
@torch.no_grad()
def test_every_head_gives_its_scale_at_any_size(finest: int, levels: int, height: int, width: int) -> None:
    outputs = make(levels, fresh=False, finest=finest)(picture(height, width, rows=2))
    assert list(outputs) == [spec.name for spec in HEADS]
    for spec in HEADS:
        assert outputs[spec.name].shape == (2, 3, spec.scale * height, spec.scale * width)
        assert outputs[spec.name].isfinite().all()


@each_size
@each_depth
@each_finest
@torch.no_grad()
def test_a_fresh_generator_is_its_baseline_up_to_the_borders(finest: int, levels: int, height: int, width: int) -> None:
    source = picture(height, width)
    outputs = make(levels, finest=finest)(source)
    for spec in FINE:
        torch.testing.assert_close(
            outputs[spec.name], images.upsample(source, spec.scale), atol=1e-5, rtol=0, msg=spec.name
        )


@torch.no_grad()
def test_a_head_that_is_not_additive_has_nothing_of_the_source() -> None:
    heads = [HeadSpec("drawn", additive=False), HeadSpec("restored")]
    fresh, source = make(heads=heads), picture(21, 14)
    outputs = fresh(source)
    assert not outputs["drawn"].any()
    torch.testing.assert_close(outputs["restored"], source)
    with_base = make(heads=[HeadSpec("drawn")], fresh=False)
    without = make(heads=heads[:1])
    without.load_state_dict(with_base.state_dict())
    torch.testing.assert_close(without(source)["drawn"] + source, with_base(source)["drawn"])


@torch.no_grad()
def test_ink_darkens_whatever_colour_is_below_it() -> None:
    generator, source = make(heads=[HeadSpec("inked", ink=True)]), picture(21, 14)
    flat = torch.full_like(source, 0.3)
    torch.testing.assert_close(generator(flat)["inked"], flat, atol=0.04, rtol=0)
    generator.heads["inked"].last.bias[12:] = -3.0  # ink, in every sub-pixel
    assert (generator(source)["inked"] < -0.99).all()


@torch.no_grad()
def test_a_head_with_ink_keeps_borders_and_drops_texture() -> None:
    generator = make(heads=[HeadSpec("inked", ink=True)])
    texture = 0.1 * picture(40, 40)
    border = torch.where(torch.arange(40) < 20, -0.7, 0.7)
    drawn = generator(texture + border)["inked"]
    inside = drawn[..., 8:-8, 24:32]
    assert inside.std() < texture.std() / 2
    assert (drawn[..., 20:22].mean() - drawn[..., 18:20].mean()) > 1.2


@pytest.mark.parametrize("other", [{"fine": False}, {"additive": False}, {"scale": 2}])
def test_a_head_with_ink_that_cannot_be_is_refused(other: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="draws ink"):
        make(heads=[HeadSpec("inked", ink=True, **other)])


@torch.no_grad()
def test_only_the_heads_asked_for_are_computed_and_the_trunk_once() -> None:
    generator = make()
    calls: Counter[str] = Counter()

    def count(name: str, module: nn.Module) -> None:
        module.register_forward_hook(lambda *_: calls.update([name]))

    assert generator.trunk is not None and generator.branch is not None
    count("trunk", generator.trunk)
    count("branch", generator.branch)
    count("mapping", generator.mapping)
    for name, head in generator.heads.items():
        count(name, head)
    generator(picture(16, 16), tasks=["painted", "fine-1"])
    assert calls == {"trunk": 1, "branch": 1, "painted": 1, "fine-1": 1}
    calls.clear()
    generator(picture(16, 16), tasks=["varied"])
    assert calls == {"branch": 1, "mapping": 1, "varied": 1}


def test_a_part_that_no_task_needs_is_not_there() -> None:
    assert make(heads=FINE).branch is None
    assert make(heads=PAINTED).trunk is None


def test_what_paints_does_not_enlarge() -> None:
    with pytest.raises(ValueError, match="'large' paints and enlarges"):
        make(heads=[HeadSpec("large", 2, fine=False)])


@pytest.mark.parametrize(("part", "fine"), [("branch", False), ("trunk", True)])
@torch.no_grad()
def test_each_part_acts_on_the_heads_that_read_it(part: str, fine: bool) -> None:
    generator, source = make(fresh=False), picture(20, 17)
    before = generator(source)
    for parameter in generator.get_submodule(part).parameters():
        parameter.add_(0.1)
    after = generator(source)
    changed = {spec.name for spec in HEADS if not torch.equal(before[spec.name], after[spec.name])}
    assert changed == {spec.name for spec in HEADS if spec.fine == fine}


@torch.no_grad()
def test_what_is_left_out_changes_nothing_in_what_is_asked_for() -> None:
    generator = make(fresh=False)
    source = picture(17, 22)
    everything = generator(source)
    alone = generator(source, tasks=["painted"])
    assert list(alone) == ["painted"]
    assert torch.equal(alone["painted"], everything["painted"])
    assert generator(source, tasks=[]) == {}


@torch.no_grad()
def test_encoding_once_and_decoding_twice_is_the_whole_render() -> None:
    generator = make(fresh=False)
    source = picture(17, 22)
    encoded = generator.encode(source)
    both = generator.decode(encoded, tasks=["fine-1"]) | generator.decode(encoded, tasks=["painted"])
    whole = generator(source)
    assert all(torch.equal(image, whole[name]) for name, image in both.items())


@pytest.mark.parametrize("fine", [True, False])
@torch.no_grad()
def test_the_latent_changes_the_tasks_that_have_one_and_no_other(fine: bool) -> None:
    heads = [HeadSpec("varied", 1, fine, latent=True), HeadSpec("fixed-fine"), HeadSpec("fixed", 1, False)]
    generator = make(heads=heads, fresh=False)
    source = picture(16, 24, rows=2)
    random = torch.Generator().manual_seed(3)
    first, second = (generator(source, generator.draw_latent(2, random)) for _ in range(2))
    difference = (first["varied"] - second["varied"]).abs().mean(dim=(1, 2, 3))
    assert (difference > 1e-3).all()
    assert torch.equal(first["fixed-fine"], second["fixed-fine"])
    assert torch.equal(first["fixed"], second["fixed"])


@torch.no_grad()
def test_the_default_latent_is_that_of_the_first_seed() -> None:
    generator = make(heads=[HeadSpec("varied", latent=True)], fresh=False)
    source = picture(16, 16, rows=2)
    expected = generator(source, generator.seeded_latent(0))["varied"]
    assert torch.equal(generator(source)["varied"], expected)


@torch.no_grad()
def test_every_row_has_its_own_latent() -> None:
    generator = make(heads=[HeadSpec("varied", latent=True)], fresh=False)
    source = picture(16, 16).repeat(2, 1, 1, 1)
    latent = generator.draw_latent(2, torch.Generator().manual_seed(0))
    both = generator(source, latent)["varied"]
    assert (both[0] - both[1]).abs().mean() > 1e-3
    alone = generator(source[1:], latent[1:])["varied"]
    torch.testing.assert_close(both[1:], alone, atol=1e-5, rtol=0)


def test_latents_follow_from_the_random_generator_and_are_standard_normal() -> None:
    generator = make()
    first, second = (generator.draw_latent(5000, torch.Generator().manual_seed(7)) for _ in range(2))
    assert torch.equal(first, second)
    assert first.shape == (5000, 4)
    assert abs(float(first.mean())) < 0.05
    assert abs(float(first.std()) - 1) < 0.05


@torch.no_grad()
def test_adding_a_head_renames_and_changes_nothing() -> None:
    small = make(heads=[FINE[0], PAINTED[0]], fresh=False)
    large = make(heads=[FINE[0], HeadSpec("new", 2, latent=True), PAINTED[0]], seed=9)
    state = small.state_dict()
    report = large.load_state_dict(state, strict=False)
    assert not report.unexpected_keys
    assert report.missing_keys
    assert all(name.startswith("heads.new.") for name in report.missing_keys)
    source = picture(19, 16)
    before, after = small(source), large(source)
    assert all(torch.equal(before[name], after[name]) for name in before)


def receptive_field(generator: Generator, task: str, side: int) -> int:
    """Measured distance in pixels, beyond its own cell, at which a source pixel still affects the output."""
    source = picture(side, side).requires_grad_()
    middle, cell = side // 2, generator.cell
    scale = generator.specs[task].scale
    window = slice(scale * middle, scale * (middle + cell))
    generator(source, tasks=[task])[task][..., window, window].sum().backward()
    assert source.grad is not None
    rows = source.grad.abs().sum(dim=(0, 1, 3)).nonzero().flatten()
    assert int(rows.min()) > 0, "the picture is too small for the measurement"
    assert int(rows.max()) < side - 1, "the picture is too small for the measurement"
    return max(middle - int(rows.min()), int(rows.max()) - (middle + cell - 1))


@pytest.mark.parametrize("task", [spec.name for spec in [*FINE, *SMOOTH]])
@each_finest
def test_a_tile_with_a_halo_of_the_receptive_field_is_the_whole_render(finest: int, task: str) -> None:
    generator = make(2, fresh=False, finest=finest)
    cell, scale = generator.cell, generator.specs[task].scale
    field = receptive_field(generator, task, 256)
    halo, grid = -(-field // cell) * cell, generator.grid([task])
    assert field <= generator.receptive_field_radius([task]) <= field + cell
    source = picture(232, 248, seed=5)
    top, left, side = 112, 120, 8

    def tile(border: int) -> Tensor:
        up, across = ((place - border) // grid * grid for place in (top, left))
        crop = source[..., up : top + side + border, across : left + side + border]
        image = generator(crop, tasks=[task])[task]
        down, right = (slice(scale * inner, scale * (inner + side)) for inner in (top - up, left - across))
        return image[..., down, right]

    with torch.no_grad():
        whole = generator(source, tasks=[task])[task]
        expected = whole[..., scale * top : scale * (top + side), scale * left : scale * (left + side)]
        torch.testing.assert_close(tile(halo), expected, atol=1e-4, rtol=0)
        # The test would detect a halo that is too small.
        assert (tile(cell) - expected).abs().max() > 1e-3


@torch.no_grad()
def test_a_row_does_not_depend_on_the_others() -> None:
    generator = make(fresh=False)
    source = picture(17, 24, rows=3)
    together, alone = generator(source), generator(source[1:2])
    for name in together:
        torch.testing.assert_close(together[name][1:2], alone[name], atol=1e-5, rtol=0)


def test_an_unknown_task_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="nonsense"):
        make()(picture(16, 16), tasks=["nonsense"])


def test_two_heads_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="same name"):
        make(heads=[HEADS[0], HEADS[0]])


def test_levels_and_blocks_have_to_agree() -> None:
    with pytest.raises(ValueError, match="widths has 2 levels and blocks 1"):
        GeneratorConfig(widths=(8, 16), blocks=(1,))


@torch.no_grad()
def test_enlargements_start_without_a_grid() -> None:
    generator = make(3)
    assert generator.trunk is not None
    for up in generator.trunk.up:
        constant = torch.randn(1, up.in_channels, 1, 1).expand(1, -1, 5, 6)
        assert_flat(nn.functional.pixel_shuffle(up(constant), 2))


@torch.no_grad()
def test_a_style_never_alternates_from_pixel_to_pixel() -> None:
    """Before the hyperbolic tangent the sub-pixels are blurred: alternating components are exactly 0, whatever was
    learnt."""
    generator = make(fresh=False)
    head = generator.heads["painted"]
    head.last.weight.mul_(1e-3)  # so small that the hyperbolic tangent is linear
    head.last.bias.copy_(1e-3 * torch.randn(12))
    painted = generator(picture(40, 48), tasks=["painted"])["painted"]
    signs = (-1.0) ** (torch.arange(40)[:, None] + torch.arange(48))
    assert painted.std() > 1e-5
    assert (painted * signs).mean().abs() < 1e-3 * painted.abs().mean()


@torch.no_grad()
def test_a_smooth_enlargement_never_alternates_from_pixel_to_pixel_but_for_its_grain() -> None:
    generator, source = make(fresh=False), picture(40, 48)
    generator.heads["smooth-2"].noise.zero_()
    added = generator(source, tasks=["smooth-2"])["smooth-2"] - make()(source, tasks=["smooth-2"])["smooth-2"]
    signs = (-1.0) ** (torch.arange(80)[:, None] + torch.arange(96))
    assert added.std() > 0.01
    assert (added * signs).mean().abs() < 1e-3 * added.abs().mean()


@torch.no_grad()
def test_grain_is_white_noise_as_strong_as_the_sources_variation() -> None:
    generator = make(fresh=False)
    head = generator.heads["smooth-4"]

    def grain(source: Tensor) -> Tensor:
        noise = head.noise.clone()
        grained = generator(source, tasks=["smooth-4"])["smooth-4"]
        head.noise.zero_()
        plain = generator(source, tasks=["smooth-4"])["smooth-4"]
        head.noise.copy_(noise)
        return (grained - plain)[0] / head.GRAIN

    assert float(grain(torch.full((1, 3, 16, 16), 0.2)).abs().max()) < 0.01, "flat graphics stay flat"
    found = grain(torch.rand(1, 3, 70, 40, generator=torch.Generator().manual_seed(0)))
    torch.testing.assert_close(found[0], found[1], atol=1e-3, rtol=0)
    torch.testing.assert_close(found[:, 256:], found[:, :24], atol=1e-3, rtol=0)
    assert 0.9 < float(found.std()) < 1.1
    assert abs(float((found[0, 1:] * found[0, :-1]).mean())) < 0.05


@torch.no_grad()
def test_noise_of_a_style_follows_z_and_the_place_alone() -> None:
    generator = make()
    assert generator.noise is not None
    z = torch.cat([generator.seeded_latent(seed) for seed in range(2)])
    noise = generator.noise(z, 0, 90, 120)
    assert torch.equal(generator.noise(z, 0, 50, 40), noise[..., :50, :40])
    torch.testing.assert_close(generator.noise(3 * z, 0, 90, 120), noise)  # the length of z has no effect
    assert abs(float(noise.std()) - 0.5) < 0.15
    assert (noise[0] - noise[1]).std() > 0.3
    for period in (29, 37):  # of the tables: without their signs the correlation is 0.5
        pair = torch.stack([noise[0, :, :, period:].flatten(), noise[0, :, :, :-period].flatten()])
        assert abs(float(pair.corrcoef()[0, 1])) < 0.05, period


@pytest.mark.parametrize(("height", "width"), [(16, 16), (40, 200)])
@torch.no_grad()
def test_painting_takes_pictures_that_are_smaller_than_their_frame(height: int, width: int) -> None:
    source = picture(height, width)
    within = framed(source)
    assert within.shape[-2] % 8 == within.shape[-1] % 8 == 0
    assert torch.equal(within[..., 48 : 48 + height, 48 : 48 + width], source)
    assert torch.equal(within[..., 47, 48 : 48 + width], source[..., 1, :]), "reflected, not repeated"


@torch.no_grad()
def test_a_fresh_trunk_sees_no_grid_in_an_even_picture() -> None:
    generator = make(3)
    fine = generator.encode(torch.full((1, 3, 32, 40), 0.3)).fine
    assert fine is not None
    assert_flat(fine)


def assert_flat(maps: Tensor) -> None:
    assert maps.std() > 1e-3, "nothing to see"
    torch.testing.assert_close(maps, maps[..., :1, :1].expand_as(maps), atol=1e-5, rtol=0)


@torch.no_grad()
def test_bfloat16_is_close_to_float32() -> None:
    generator = make(2, fresh=False)
    source, latent = picture(32, 48, rows=2), torch.randn(2, 4, generator=torch.Generator().manual_seed(0))
    expected = generator(source, latent)
    with torch.autocast("cpu", torch.bfloat16):
        found = generator(source, latent)
    for spec in FINE:
        residual = (expected[spec.name] - images.upsample(source, spec.scale)).abs().max()
        assert residual > 0.1, "the comparison would say nothing"
        assert (found[spec.name].float() - expected[spec.name]).abs().max() < 0.05
    for spec in PAINTED:  # normalisation makes small differences of small maps large
        assert (found[spec.name].float() - expected[spec.name]).abs().mean() < 0.05 * expected[spec.name].std()
