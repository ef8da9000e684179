"""The weights file: its description is compared with its contents."""

from __future__ import annotations

import random
import resource
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from helpers.tiny_weights import tiny_weights
from prismgan.errors import WeightsError
from prismgan.networks import StyleBranchConfig
from prismgan.weights import load_weights, remove_tasks

CLAIMS: dict[str, tuple[dict[str, Any], str]] = {
    "a thousand blocks": ({"blocks": (1000, 1000)}, r"claims 2,\d{3} blocks but holds"),
    "wide and deep": ({"widths": (1024, 1024), "blocks": (40, 40)}, "claims a larger network than it holds"),
    "wide heads": ({"style": StyleBranchConfig(coarse=1024, blocks=64)}, "claims a larger network than it holds"),
    "another width": ({"widths": (8, 12)}, "do not fit its own description"),
}


@pytest.mark.parametrize("case", CLAIMS)
def test_a_larger_network_than_the_file_holds_is_not_built(case: str) -> None:
    claimed, words = CLAIMS[case]
    weights = tiny_weights()
    header = weights.header.model_copy(update={"generator": weights.header.generator.model_copy(update=claimed)})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(WeightsError, match=f"tiny.safetensors: .*{words}.*; the file is damaged"):
        replace(weights, header=header).network()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000


def test_what_fits_is_built() -> None:
    weights = tiny_weights()
    assert set(weights.network().specs) == {entry.name for entry in weights.header.tasks}
    assert len(remove_tasks(weights, ["paint"]).header.tasks) == len(weights.header.tasks) - 1


def test_a_new_task_starts_from_the_first_head_of_its_form() -> None:
    weights = tiny_weights()
    old = next(entry for entry in weights.header.tasks if entry.fine)
    network = type(weights.network())(weights.header.generator, [old.model_copy(update={"name": "new"}).spec()])
    weights.take_over(network)
    stored = weights.part("generator")
    copied = {name: tensor for name, tensor in network.state_dict().items() if name.startswith("heads.new.")}
    assert copied
    for name, tensor in copied.items():
        assert torch.equal(tensor, stored[name.replace("heads.new.", f"heads.{old.name}.")].to(tensor.dtype))


def test_a_flipped_bit_is_noticed_or_changes_nothing(tmp_path: Path) -> None:
    weights = tiny_weights()
    path = tmp_path / "tiny.safetensors"
    weights.save(path)
    whole, draw, noticed = path.read_bytes(), random.Random(0), 0
    header = 8 * (8 + int.from_bytes(whole[:8], "little"))
    bits = [*(draw.randrange(8 * len(whole)) for _ in range(60)), *(draw.randrange(header) for _ in range(60))]
    for bit in bits:
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        try:
            found = load_weights(path)
        except WeightsError as error:
            noticed += 1
            assert str(error).startswith(f"{path}: ")
            assert "\n" not in str(error)
        else:
            assert found.header == weights.header
            assert found.tensors.keys() == weights.tensors.keys()
            assert all(torch.equal(tensor, weights.tensors[name]) for name, tensor in found.tensors.items())
    assert noticed > 110, "but for the name of the checksum's key, every bit counts"


@pytest.mark.parametrize("dtype", [None, torch.float16, torch.bfloat16])
def test_weights_of_earlier_versions_have_no_checksum(tmp_path: Path, dtype: torch.dtype | None) -> None:
    new, old = tmp_path / "new.safetensors", tmp_path / "old.safetensors"
    tiny_weights().save(new, dtype)
    with safe_open(new, framework="pt") as file:
        metadata = file.metadata()
    assert len(metadata.pop("sha256")) == 64
    save_file(load_file(new), old, metadata)
    assert load_weights(old).tensors.keys() == load_weights(new).tensors.keys()
    assert load_weights().header.title  # the ready-made ones


def test_a_description_that_is_nested_too_deeply_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "deep.safetensors"
    for deep in ('{"format": 2, "recipe": ' + "[" * 90_000 + "]" * 90_000 + "}", "[" * 300 + "]" * 300, "9" * 5000):
        save_file({"generator.a": torch.zeros(1)}, path, {"prismgan": deep})
        with pytest.raises(WeightsError, match=r"deep\.safetensors: its description is damaged"):
            load_weights(path)
