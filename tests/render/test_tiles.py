"""Tiles: they cover the picture, fit the memory, and give the same result as the whole picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from helpers.tiny_renderers import TASKS, difference, pixels, tiny_renderer
from helpers.tiny_weights import tiny_weights
from prismgan import Renderer
from prismgan.render import stages
from prismgan.render.tiles import SMALLEST, smallest_area, tile_sides, tiles


def measured_reach(levels: int, task: str) -> int:
    """Distance up to which pixels of one coarsest cell have gradients in the source."""
    generator = tiny_renderer(task, levels=levels).generator.double()
    scale = generator.specs[task].scale
    side = 2 * (generator.receptive_field_radius() // generator.cell + 3) * generator.cell
    source = torch.rand(1, 3, side, side, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 2 - 1
    source.requires_grad_()
    output = generator(source)[task]
    found = 0
    for place in range(side // 2, side // 2 + generator.cell):
        own = slice(scale * place, scale * (place + 1))
        (gradient,) = torch.autograd.grad(output[..., own, own].sum(), source, retain_graph=True)
        for dimensions in ((0, 1, 3), (0, 1, 2)):
            seen = gradient.abs().sum(dim=dimensions).nonzero().flatten()
            assert 0 < int(seen[0]) <= int(seen[-1]) < side - 1, "the picture is too small for the measurement"
            found = max(found, place - int(seen[0]), int(seen[-1]) - place)
    return found


@pytest.mark.parametrize("task", ["restore", "fine-4x", "fine-2x"])
@pytest.mark.parametrize("levels", [1, 2, 3])
def test_the_reach_is_how_far_gradients_go_and_no_pixel_more(levels: int, task: str) -> None:
    assert tiny_renderer(task, levels=levels).generator.receptive_field_radius() == measured_reach(levels, task)


def test_the_reach_is_that_of_the_tasks_asked_for() -> None:
    generator = tiny_renderer().generator
    assert generator.receptive_field_radius(["restore"]) == tiny_renderer("restore").generator.receptive_field_radius()
    assert generator.receptive_field_radius() == max(generator.receptive_field_radius([task]) for task in TASKS)
    assert generator.receptive_field_radius([]) == 0


@pytest.mark.parametrize("seed", range(4))
def test_tiles_give_what_the_whole_picture_gives(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(seed)
    renderer = tiny_renderer(levels=(2, 2, 1, 3)[seed])
    cell = renderer.generator.cell
    height, width = (int(side) for side in random.integers(50, 100, 2))
    sides = tuple(int(count) * cell for count in random.integers(2, 10, 2))
    source = pixels(height, width, 16, seed)
    whole = renderer.render(source, depth=16)
    told: list[tuple[int, int]] = []
    monkeypatch.setattr(stages, "tile_sides", lambda *_: sides)
    tiled = renderer.render(source, depth=16, progress=lambda done, total: told.append((done, total)))
    count = -(-height // sides[0]) * -(-width // sides[1])
    assert told == [(done, count) for done in range(1, count + 1)]
    assert count > 1
    assert list(tiled) == list(whole) == list(renderer.tasks)
    # Of 65535: sums of floats in another order.
    assert max(difference(tiled[name], whole[name]) for name in whole) <= 1


def test_grain_depends_on_the_place_in_the_whole_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = {"sharp": {"scale": 2, "smooth": True}}
    renderer, source = Renderer(tiny_weights("sharp", tasks=tasks)), pixels(210, 200, 16)
    whole = renderer.render(source, depth=16)["sharp"]
    told: list[int] = []
    monkeypatch.setattr(stages, "WORKING_MEMORY", 0)
    tiled = renderer.render(source, depth=16, progress=lambda _, total: told.append(total))["sharp"]
    assert len(told) == told[0] == 16
    assert difference(tiled, whole) <= 1
    cell = renderer.generator.cell
    moved = renderer.render(source[cell:], depth=16)["sharp"]
    assert difference(moved[100:-100], whole[2 * cell :][100:-100]) > 1000


@pytest.mark.parametrize("side", [64, 32])
def test_outputs_are_told_one_after_the_other(side: int, monkeypatch: pytest.MonkeyPatch) -> None:
    renderer, source = tiny_renderer(), pixels(60, 50)
    whole = renderer.render(source)
    monkeypatch.setattr(stages, "tile_sides", lambda *_: (side, side))
    looks, told, decoded = renderer.runtime.outputs, {}, []

    def counted(image: Any, passes: Any) -> Any:
        for each, look in zip(passes, looks(image, passes), strict=True):
            decoded.append(each.tasks)
            yield look

    monkeypatch.setattr(renderer.runtime, "outputs", counted)
    # Each is complete when it is reported.
    renderer.render(source, made=lambda name, look: told.update({name: difference(look, whole[name])}))
    assert list(told) == list(renderer.tasks)
    assert max(told.values()) <= 1
    whole_ones = [name for name in told if renderer.generator.reads_whole(name)]
    last = list(told) if side == 64 else [name for name in told if name not in whole_ones]
    assert decoded[-len(last) :] == [(name,) for name in last]
    assert [names for names in decoded if names[0] in whole_ones] == [(name,) for name in whole_ones]


def test_a_halo_that_is_too_narrow_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    renderer, source = tiny_renderer("restore", "fine-2x"), pixels(64, 64)
    whole = renderer.render(source)
    monkeypatch.setattr(stages, "tile_sides", lambda *_: (24, 24))
    monkeypatch.setattr(renderer.generator, "receptive_field_radius", lambda _: 4)
    tiled = renderer.render(source)
    assert min(difference(tiled[name], whole[name]) for name in whole) > 1


@pytest.mark.parametrize("seed", range(50))
def test_tiles_cover_every_pixel_once_and_fit_the_memory(seed: int) -> None:
    random = np.random.default_rng(seed)
    cell = int(random.choice([2, 4, 8, 16]))
    halo = cell * int(random.integers(0, 80 // cell))
    height, width = (int(random.choice([16, 61, 128, 333, 1000, 1501])) for _ in range(2))
    smallest = smallest_area(height, width, halo)
    area = int(smallest * random.uniform(1, 4))
    sides = tile_sides(height, width, halo, cell, area)
    covered = np.zeros((height, width), int)
    for rows, columns in tiles(height, width, sides, halo):
        covered[rows.own(1), columns.own(1)] += 1
        for span, length in ((rows, height), (columns, width)):
            assert span.first in (0, span.start - halo)
            assert span.last in (length, span.stop + halo)
            assert span.first % cell == 0
            assert span.last % cell == 0 or span.last == length
            own = np.arange(length)[span.outer][span.inner(1)]
            assert np.array_equal(own, np.arange(span.start, span.stop))
        assert (rows.last - rows.first) * (columns.last - columns.first) <= area
    assert (covered == 1).all()


def test_what_fits_is_one_tile_and_what_does_not_is_few() -> None:
    assert len(tiles(480, 641, tile_sides(480, 641, 100, 4, 480 * 641), 100)) == 1
    assert len(tiles(480, 641, tile_sides(480, 641, 100, 4, 480 * 641 - 1), 100)) == 2
    smallest = smallest_area(2000, 3000, 100)
    assert smallest == (SMALLEST + 200) ** 2
    assert tile_sides(2000, 3000, 100, 4, smallest) == (64, 64)
