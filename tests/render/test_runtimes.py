"""Runtimes: the same pictures from each."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from helpers.tiny_renderers import TASKS, difference, pixels, tiny_renderer
from prismgan import PrismganError, Renderer, packages
from prismgan.render import Request, runtimes
from prismgan.render.runtimes import RUNTIMES, Pass, make_runtime

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


def test_the_trunk_is_computed_once_for_all_seeds_and_scales(other: Renderer, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    make = other.runtime._session  # type: ignore[attr-defined]
    monkeypatch.setattr(other.runtime, "_session", lambda model: made.append(model) or make(model))
    request = Request(tasks=("varied", "drawn", "fine-2x"), seeds=(1, 2, 3))
    other.render(pixels(20, 20), request)
    other.render(pixels(30, 20), request)
    assert len(made) == 2, "one for what paints, one for what restores; and the second picture needs no other"
    import onnx

    nodes = [node.name for model in made for node in onnx.load_from_string(model).graph.node]
    assert len([name for name in nodes if name.startswith("trunk.stem")]) == 1


def test_pictures_of_one_size_are_rendered_at_once(other: Renderer, torchs: Renderer) -> None:
    source = torch.linspace(-1, 1, 2 * 3 * 18 * 21).view(2, 3, 18, 21)
    passes = [Pass(0, ("varied", "fine-2x")), Pass(3, ("varied",))]
    for renderer in (other, torchs):
        both = list(renderer.runtime.outputs(source, passes))
        for row in range(2):
            for found, expected in zip(both, torchs.runtime.outputs(source[row : row + 1], passes), strict=True):
                for name, image in expected.items():
                    torch.testing.assert_close(found[name][row : row + 1], image, rtol=0, atol=1e-4)


def test_outputs_are_not_written_over_by_the_next_pass(other: Renderer) -> None:
    source = torch.linspace(-1, 1, 3 * 16 * 16).view(1, 3, 16, 16)
    (first,) = other.runtime.outputs(source, [Pass(0, ("drawn",))])
    before = first["drawn"].clone()
    list(other.runtime.outputs(-source, [Pass(0, ("drawn",))]))
    assert torch.equal(first["drawn"], before)


@pytest.mark.parametrize(
    ("lacking", "gpu", "expected"),
    [([], False, "openvino"), (["openvino"], False, "torch"), (["onnx"], False, "torch"), ([], True, "torch")],
)
def test_the_automatic_choice(lacking: list[str], gpu: bool, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = tiny_renderer().generator
    monkeypatch.setattr(runtimes, "missing", lambda modules: lacking)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    assert runtimes._automatic(generator) == expected


@pytest.mark.parametrize("name", ["torch", "openvino"])
def test_a_fast_runtime_is_a_few_levels_off(torchs: Renderer, name: str) -> None:
    if name != "torch":
        pytest.importorskip("onnx", reason="the extra 'export' is not installed")
        pytest.importorskip(name, reason=f"{name} is not installed")
    fast = tiny_renderer()
    fast.runtime = make_runtime(fast.generator, name, fast=True)
    source = pixels(33, 47)
    found, expected = fast.render(source), torchs.render(source)
    for task, image in found.items():
        assert difference(image, expected[task]) <= 16, task
        error = image.astype(float) - expected[task]
        assert abs(error).mean() < 1, task


def test_what_is_not_made_fast_says_so() -> None:
    with pytest.raises(PrismganError, match="runtime onnxruntime: supports fast only for files in int8"):
        make_runtime(tiny_renderer("restore").generator, "onnxruntime", fast=True)


def test_an_unknown_runtime_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(PrismganError, match="'onnxruntme'; did you mean 'onnxruntime'"):
        make_runtime(tiny_renderer("restore").generator, "onnxruntme")


@pytest.mark.parametrize(("name", "extra"), [("onnxruntime", "export"), ("openvino", "openvino")])
def test_a_missing_package_is_named(name: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "find_spec", lambda module: object() if module == "onnx" else None)
    with pytest.raises(PrismganError, match=rf"runtime {name}: needs the package {name}; .*prismgan\[{extra}\]"):
        make_runtime(tiny_renderer("restore").generator, name)


def test_the_automatic_choice_needs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "find_spec", lambda module: None)
    assert isinstance(make_runtime(tiny_renderer("restore").generator), runtimes.TorchRuntime)
