"""Runtimes: the same pictures whoever computes them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_renderers import TASKS, difference, pixels, tiny_renderer

from prismgan import PrismganError, Renderer
from prismgan.inference import Request, runtimes
from prismgan.inference.runtimes import RUNTIMES, available_threads, make_runtime

OTHERS = [name for name in RUNTIMES if name != "torch"]


@pytest.fixture(scope="module", params=OTHERS)
def other(request: pytest.FixtureRequest) -> Renderer:
    """A renderer that does not compute with torch."""
    pytest.importorskip("onnx", reason="the extra 'export' is not installed")
    pytest.importorskip(request.param, reason=f"{request.param} is not installed")
    renderer = tiny_renderer()
    renderer.runtime = make_runtime(renderer.generator, request.param)
    return renderer


@pytest.fixture(scope="module")
def torchs() -> Renderer:
    renderer = tiny_renderer()
    renderer.runtime = make_runtime(renderer.generator, "torch")
    return renderer


EVERYTHING = Request(
    strength={"restore": 0.4, "fine-4x": 1.5},
    blends={"mixed": {"paint": 1, "drawn": 2}},
    seeds=(0, 5),
)


@pytest.mark.parametrize(("height", "width"), [(33, 47), (64, 50), (101, 75)])
def test_every_runtime_gives_the_same_pictures(other: Renderer, torchs: Renderer, height: int, width: int) -> None:
    source = pixels(height, width)
    found, expected = other.render(source, EVERYTHING), torchs.render(source, EVERYTHING)
    assert list(found) == list(expected)
    assert {"varied-seed-5", "mixed-seed-0", "fine-4x"} <= set(found)
    for name, image in found.items():
        assert difference(image, expected[name]) <= 1, name


def test_a_chain_and_a_mask(other: Renderer, torchs: Renderer) -> None:
    mask = np.zeros((40, 38), dtype=np.float32)
    mask[:, 20:] = 1
    request = Request(tasks=("paint",), chain=("fine-2x", "restore"), mask=mask)
    found, expected = (renderer.render(pixels(40, 38), request) for renderer in (other, torchs))
    assert all(difference(found[name], expected[name]) <= 1 for name in expected)


@pytest.mark.parametrize("task", TASKS)
def test_every_task_alone(other: Renderer, torchs: Renderer, task: str) -> None:
    request = Request(tasks=(task,))
    found, expected = (renderer.render(pixels(21, 34), request)[task] for renderer in (other, torchs))
    assert difference(found, expected) <= 1


def test_a_source_is_encoded_once_for_all_seeds(other: Renderer, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded = []
    encode = other.runtime.encode
    monkeypatch.setattr(other.runtime, "encode", lambda *given: encoded.append(1) or encode(*given))
    other.render(pixels(20, 20), Request(tasks=("varied", "drawn"), seeds=(1, 2, 3)))
    assert len(encoded) == 1


def test_outputs_are_not_written_over_by_the_next_pass(other: Renderer) -> None:
    runtime, source = other.runtime, torch.linspace(-1, 1, 3 * 16 * 16).view(1, 3, 16, 16)
    with torch.inference_mode():
        first = runtime.decode(runtime.encode(source, ["drawn"]), torch.zeros(1, 4), ["drawn"])["drawn"]
        before = first.clone()
        runtime.decode(runtime.encode(-source, ["drawn"]), torch.ones(1, 4), ["drawn"])
    assert torch.equal(first, before)


def test_an_unknown_runtime_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(PrismganError, match="'onnxruntme'; did you mean 'onnxruntime'"):
        make_runtime(tiny_renderer("restore").generator, "onnxruntme")


@pytest.mark.parametrize(("name", "extra"), [("onnxruntime", "export"), ("openvino", "openvino")])
def test_a_missing_package_is_named(name: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtimes, "_is_installed", lambda package: package == "onnx")
    with pytest.raises(PrismganError, match=rf"runtime {name}: needs the package {name}; .*prismgan\[{extra}\]"):
        make_runtime(tiny_renderer("restore").generator, name)


def test_the_automatic_choice_needs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtimes, "_is_installed", lambda package: False)
    assert isinstance(make_runtime(tiny_renderer("restore").generator), runtimes.TorchRuntime)


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({}, math.inf),
        ({"cpu.max": "max 100000"}, math.inf),
        ({"cpu.max": "150000 100000"}, 1.5),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, math.inf),
        ({"cpu/cpu.cfs_quota_us": "400000", "cpu/cpu.cfs_period_us": "100000"}, 4),
    ],
)
def test_a_containers_share_of_the_processor(files: dict[str, str], quota: float, tmp_path: Path) -> None:
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content + "\n")
    assert runtimes._processor_quota(tmp_path) == quota


def test_threads_are_at_least_one_and_no_more_than_torchs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtimes, "_processor_quota", lambda cgroup: 0.5)
    assert available_threads() == 1
    monkeypatch.setattr(runtimes, "_processor_quota", lambda cgroup: math.inf)
    assert available_threads() == torch.get_num_threads()
