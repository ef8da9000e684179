"""Sampling from noise: the pictures of a seed, the walk between two, and the sheet."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from helpers.tiny_weights import tiny_weights
from prismgan import images
from prismgan.errors import PrismganError, WeightsError
from prismgan.networks import LatentGenerator, LatentGeneratorConfig
from prismgan.render.sampler import Sampler, between, strips, write_samples
from prismgan.weights import FORMAT, HeadEntry, Header, Weights, load_weights

SIDE = 16


def noise_weights() -> Weights:
    torch.manual_seed(0)
    config = LatentGeneratorConfig(widths=(6, 8), blocks=(1, 1), latent=4, code=8)
    entries = tuple(HeadEntry(name=name, kind="any", scale=1, fine=True, latent=False) for name in ("one", "two"))
    header = Header(format=FORMAT, title="tiny", step=1, tasks=entries, kind="cogan", generator=config, recipe={})
    state = LatentGenerator(config, [entry.spec() for entry in entries]).state_dict()
    return Weights(Path("tiny"), header, {f"generator.{name}": value for name, value in state.items()})


@pytest.fixture(scope="module")
def sampler() -> Sampler:
    return Sampler(noise_weights())


def test_a_seed_names_a_picture_whatever_is_drawn_beside_it(sampler: Sampler) -> None:
    many, one = sampler(100, seed=3), sampler(1, seed=40)
    assert {name: len(some) for name, some in many.items()} == {"one": 100, "two": 100}
    assert many["two"][0].size == (SIDE, SIDE)
    assert many["two"][37].tobytes() == one["two"][0].tobytes()
    assert many["two"][36].tobytes() != one["two"][0].tobytes()


def test_a_walk_begins_and_ends_at_its_seeds(sampler: Sampler) -> None:
    walk = sampler(5, seed=1, to=7)
    assert walk["one"][0].tobytes() == sampler(1, seed=1)["one"][0].tobytes()
    assert walk["one"][-1].tobytes() == sampler(1, seed=7)["one"][0].tobytes()
    assert len({picture.tobytes() for picture in walk["one"]}) == 5
    assert len({picture.tobytes() for picture in sampler(3, seed=1, to=1)["one"]}) == 1


def test_the_way_between_two_latents_is_a_great_circle() -> None:
    path = between(torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 2.0]]), 3)
    torch.testing.assert_close(path, torch.tensor([[2.0, 0.0], [2.0**0.5, 2.0**0.5], [0.0, 2.0]]), atol=1e-6, rtol=0)
    straight = between(torch.tensor([[1.0, 1.0]]), torch.tensor([[3.0, 3.0]]), 3)
    torch.testing.assert_close(straight, torch.tensor([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]))


@pytest.mark.parametrize(("count", "to"), [(0, None), (1, 2), (10_001, None)])
def test_too_few_or_too_many_are_refused(sampler: Sampler, count: int, to: int | None) -> None:
    with pytest.raises(PrismganError, match=f"found {count}"):
        sampler(count, 0, to)


def test_weights_for_photos_draw_nothing(tmp_path: Path) -> None:
    tiny_weights("restore").save(tmp_path / "photo.safetensors")
    with pytest.raises(WeightsError, match="use `prismgan render`"):
        Sampler.load(tmp_path / "photo.safetensors")


def test_weights_keep_what_they_draw(tmp_path: Path, sampler: Sampler) -> None:
    noise_weights().save(tmp_path / "noise.safetensors")
    kept = Sampler(load_weights(tmp_path / "noise.safetensors"))
    assert kept(2)["one"][1].tobytes() == sampler(2)["one"][1].tobytes()


def test_files_of_each_latent(tmp_path: Path, sampler: Sampler) -> None:
    found = sampler(2)
    written = write_samples(found, tmp_path / "out")
    names = [str(path.relative_to(tmp_path)) for path in written]
    assert names == ["out/0000/one.png", "out/0000/two.png", "out/0001/one.png", "out/0001/two.png"]
    assert images.to_pil(images.read(written[3])).tobytes() == found["two"][1].tobytes()
    assert write_samples(found, tmp_path / "sheet.png") == [tmp_path / "sheet.png"]


def test_strips_lie_task_below_task_and_wrap() -> None:
    colours = {"a": ["red", "green", "blue"], "b": ["cyan", "magenta", "yellow"]}
    pictures = {name: [Image.new("RGB", (32, 32), colour) for colour in some] for name, some in colours.items()}
    laid = strips(pictures, columns=2)
    order = [
        colour
        for row in (range(0, laid.height, 8))
        for colour in [laid.getpixel((x, row)) for x in range(laid.width - 140, laid.width, 8)]
        if colour in {(255, 0, 0), (0, 128, 0), (0, 0, 255), (0, 255, 255), (255, 0, 255), (255, 255, 0)}
    ]
    assert list(dict.fromkeys(order)) == [
        (255, 0, 0),
        (0, 128, 0),
        (0, 255, 255),
        (255, 0, 255),
        (0, 0, 255),
        (255, 255, 0),
    ]
