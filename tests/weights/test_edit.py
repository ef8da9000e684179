"""Tasks added to, removed from and renamed in a weights file; stored types, and finding the file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from prismgan.errors import WeightsError
from prismgan.models import Prism
from prismgan.networks import Generator
from prismgan.recipes.recipe import Recipe
from prismgan.tasks import Style
from prismgan.weights import (
    HeadEntry,
    Weights,
    add_head,
    check_no_task_lost,
    default_weights,
    find_weights,
    free_name,
    load_weights,
    remove_tasks,
    rename_task,
)
from prismgan.weights import file as weights_module

ENTRY = HeadEntry(name="new", kind="style", scale=1, fine=False, latent=False, blocks=2)
TASK = Style(name="new", exemplars=("builtin:mosaic",), adversarial_weight=0).model_dump(mode="json")


@pytest.fixture
def trained(tiny_run: Path) -> Weights:
    """Weights with discriminator of the tasks restore, enlarge and paint (which has a latent)."""
    return load_weights(tiny_run / "weights.safetensors")


def new_head(weights: Weights) -> dict[str, Tensor]:
    torch.manual_seed(0)
    return dict(Generator(weights.header.generator, [ENTRY.spec()]).heads["new"].half().state_dict())


def render(weights: Weights, tasks: Sequence[str]) -> dict[str, Tensor]:
    generator = weights.generator()
    source = torch.rand(1, 3, 37, 46, generator=torch.Generator().manual_seed(1)) * 2 - 1
    return generator(source, generator.seeded_latent(), tasks)


def written(weights: Weights, folder: Path) -> Weights:
    """The same after a round trip through a file."""
    weights.save(folder / "written.safetensors")
    return load_weights(folder / "written.safetensors")


def names(weights: Weights) -> list[str]:
    """Names of the tasks, on which header and recipe must agree."""
    found = [entry.name for entry in weights.header.tasks]
    assert [entry.name for entry in Recipe.model_validate(weights.header.recipe).tasks] == found
    return found


def assert_equal(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    for name, image in found.items():
        assert torch.equal(image, expected[name]), name


# -- add ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [None, torch.float16])
def test_old_tasks_stay_bitwise_equal_when_one_is_added(
    dtype: torch.dtype | None, trained: Weights, tmp_path: Path
) -> None:
    trained.save(tmp_path / "old.safetensors", dtype)
    old = load_weights(tmp_path / "old.safetensors")
    new = written(add_head(old, ENTRY, TASK, new_head(old)), tmp_path)
    assert names(new) == ["restore", "enlarge", "paint", "new"]
    for name, tensor in old.part("generator").items():
        assert new.part("generator")[name].dtype == tensor.dtype
        assert torch.equal(new.part("generator")[name], tensor)
    assert_equal(render(new, names(old)), render(old, names(old)))
    everything = render(new, names(new))
    assert_equal({name: everything[name] for name in names(old)}, render(old, names(old)))


def test_a_new_head_has_its_own_number_of_blocks_and_no_discriminator(trained: Weights) -> None:
    new = add_head(trained, ENTRY, TASK, new_head(trained))
    assert trained.header.generator.head_blocks == 1
    assert len(new.generator().heads["new"].blocks) == 2
    assert not new.part("discriminator")
    assert new.header.step == trained.header.step


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("paint", "already has a task 'paint'"),
        ("Paint", "lower-case letters, digits and dashes"),
        ("../x", "lower-case letters"),
        ("", "cannot name a task"),
        ("x" * 41, "40"),
        ("source", "another file"),
        ("training", "torch"),
    ],
)
def test_names_that_a_new_task_cannot_have(name: str, words: str, trained: Weights) -> None:
    for attempt in (lambda: free_name(trained, name), lambda: rename_task(trained, "enlarge", name)):
        with pytest.raises(WeightsError, match=words) as raised:
            attempt()
        assert "\n" not in str(raised.value)


# -- remove ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("gone", [["restore"], ["paint"], ["enlarge", "paint"]])
def test_the_others_stay_bitwise_equal_when_tasks_are_removed(
    gone: list[str], trained: Weights, tmp_path: Path
) -> None:
    new = written(remove_tasks(trained, gone), tmp_path)
    kept = [name for name in names(trained) if name not in gone]
    assert names(new) == kept
    assert_equal(render(new, kept), render(trained, kept))
    assert not [key for key in new.tensors for name in gone if name in key.split(".")]


def test_what_is_removed_again_leaves_what_was_there(trained: Weights) -> None:
    again = remove_tasks(add_head(trained, ENTRY, TASK, new_head(trained)), ["new"])
    assert again.header == trained.header
    assert_equal(again.part("generator"), trained.part("generator"))


def test_the_discriminator_follows(trained: Weights) -> None:
    for new in (remove_tasks(trained, ["enlarge"]), rename_task(trained, "enlarge", "0")):
        recipe = Recipe.model_validate(new.header.recipe)
        discriminator = Prism(recipe.model, recipe.all_tasks(), None, steps=1).discriminator
        new.fill(discriminator, "discriminator")
        for name, vector in discriminator.patch_embeddings.items():
            was = "enlarge" if name == "0" else name
            assert torch.equal(vector, trained.tensors[f"discriminator.patch_embeddings.{was}"])


def test_removing_what_is_not_there_or_everything(trained: Weights) -> None:
    with pytest.raises(WeightsError, match="no task 'pant'; did you mean 'paint'"):
        remove_tasks(trained, ["restore", "pant"])
    with pytest.raises(WeightsError, match="keep at least one"):
        remove_tasks(trained, names(trained))


# -- rename ---------------------------------------------------------------------------------------


def test_a_renamed_task_renders_what_it_did(trained: Weights, tmp_path: Path) -> None:
    new = written(rename_task(trained, "paint", "0"), tmp_path)
    assert names(new) == ["restore", "enlarge", "0"]
    before, after = render(trained, names(trained)), render(new, names(new))
    assert_equal(after, {"0" if name == "paint" else name: image for name, image in before.items()})
    back = rename_task(new, "0", "paint")
    assert back.header == trained.header
    assert_equal(dict(back.tensors), dict(trained.tensors))


def test_renaming_what_is_not_there(trained: Weights) -> None:
    with pytest.raises(WeightsError, match="no task 'pant'; did you mean 'paint'"):
        rename_task(trained, "pant", "new")


def test_weights_do_not_take_the_place_of_others(trained: Weights, tmp_path: Path) -> None:
    more = written(rename_task(trained, "paint", "dots"), tmp_path).path
    check_no_task_lost(tmp_path / "new.safetensors", trained, ["restore"])
    check_no_task_lost(trained.path, trained, ["restore"])
    check_no_task_lost(more, trained, ["restore", "enlarge", "dots", "paint"])
    with pytest.raises(WeightsError, match=r"written\.safetensors: already exists, and .* lost \(dots\); pass it as"):
        check_no_task_lost(more, trained, names(trained))
    photo = tmp_path / "photo.png"
    photo.write_bytes(b"a photo")
    with pytest.raises(WeightsError, match=r"photo\.png: already exists and holds no weights"):
        check_no_task_lost(photo, trained, names(trained))


# -- the file -------------------------------------------------------------------------------------


def test_weights_in_float16_fill_float32_networks_exactly(trained: Weights, tmp_path: Path) -> None:
    trained.save(tmp_path / "half.safetensors", torch.float16)
    half = load_weights(tmp_path / "half.safetensors")
    assert {tensor.dtype for tensor in half.tensors.values()} == {torch.float16}
    for name, value in half.generator().state_dict().items():
        assert value.dtype == torch.float32
        assert torch.equal(value, trained.part("generator")[name].half().float())
    for name, image in render(half, names(half)).items():
        # A level of 8 bits is 1/127.5 here.
        assert (image - render(trained, [name])[name]).abs().max() < 0.5 / 127.5
    assert_equal(dict(written(half, tmp_path).tensors), dict(half.tensors))


def test_a_header_without_blocks_is_one_with_the_generators(trained: Weights) -> None:
    raw = trained.header.model_dump(mode="json")
    for task in raw["tasks"]:
        del task["blocks"]
    assert trained.header.model_validate(raw) == trained.header


def test_ready_made_weights_are_found_by_name(
    trained: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(weights_module.resources, "files", lambda package: tmp_path)
    for attempt in (default_weights, lambda: find_weights(None), lambda: load_weights(Path("prism-8"))):
        with pytest.raises(WeightsError, match="no ready-made weights"):
            attempt()
    (tmp_path / "weights").mkdir()
    trained.save(tmp_path / "weights" / "prism-8.safetensors")
    assert default_weights() == tmp_path / "weights" / "prism-8.safetensors"
    assert load_weights().header == load_weights(Path("prism-8")).header == trained.header
    trained.save(Path("prism-8"))  # a user's file of that name
    assert find_weights(Path("prism-8")) == Path("prism-8")


def test_damaged_weights_are_named(trained: Weights) -> None:
    damaged = replace(trained, tensors={"generator.trunk.x": torch.zeros(1)})
    with pytest.raises(WeightsError, match="damaged"):
        damaged.fill(Generator(trained.header.generator, [ENTRY.spec()]).mapping, "generator.trunk")
