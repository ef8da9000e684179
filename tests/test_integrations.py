"""The nodes of ComfyUI in a host that follows its rules, and an exported file by the rules of chaiNNer."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from prismgan import Renderer

NODES = Path(__file__).parents[1] / "integrations" / "comfyui"


@pytest.fixture
def nodes() -> Iterator[ModuleType]:
    """The package, loaded as ComfyUI does: from its folder, by a name with the whole path in it."""
    name = str(NODES).replace(".", "_x_")
    spec = importlib.util.spec_from_file_location(name, NODES / "__init__.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    yield module
    for loaded in [key for key in sys.modules if key.startswith(name)]:
        del sys.modules[loaded]


def executed(node: Any, **values: Any) -> tuple[Any, ...]:
    """Run a node as ComfyUI does: inputs are checked and filled in by their types, outputs counted."""
    types = node.INPUT_TYPES()
    filled = {}
    for name, (kind, *rest) in {**types["required"], **types.get("optional", {})}.items():
        settings = rest[0] if rest else {}
        if name in values:
            value = values[name]
        elif name in types["required"] and kind == "IMAGE":
            raise AssertionError(f"required input is missing: {name}")
        else:
            value = settings.get("default", kind[0] if isinstance(kind, list) else None)
        if isinstance(kind, list):
            assert value in kind, f"{name}: value not in list"
        if kind in ("INT", "FLOAT"):
            assert settings["min"] <= value <= settings["max"]
        filled[name] = value
    function = getattr(node(), node.FUNCTION)
    assert set(inspect.signature(function).parameters) == set(filled)
    outputs = tuple(function(**filled))
    assert len(outputs) == len(node.RETURN_TYPES)
    for output, is_list in zip(outputs, getattr(node, "OUTPUT_IS_LIST", [False] * len(outputs)), strict=True):
        assert isinstance(output, list) == is_list
    return outputs


def test_one_output_is_the_renderers(nodes: ModuleType) -> None:
    image = torch.rand(2, 24, 32, 3, generator=torch.Generator().manual_seed(0))
    (output,) = executed(nodes.NODE_CLASS_MAPPINGS["PrismganTask"], image=image, task="pencil", strength=0.5)
    assert output.shape == image.shape
    assert output.dtype == torch.float32
    expected = Renderer.load()(image[1].movedim(-1, 0), tasks="pencil", strength={"pencil": 0.5})["pencil"]
    assert_allclose(output[1].numpy(), expected.movedim(0, -1).numpy())


def test_all_outputs_come_from_one_pass_of_any_weights(nodes: ModuleType, tiny_run: Path) -> None:
    image = torch.rand(1, 20, 28, 3, generator=torch.Generator().manual_seed(1))
    weights = str(tiny_run / "weights.safetensors")
    images, names = executed(nodes.NODE_CLASS_MAPPINGS["PrismganAll"], image=image, weights=weights)
    assert names == ["restore", "enlarge", "paint"]
    assert [tuple(picture.shape) for picture in images] == [(1, 20, 28, 3), (1, 40, 56, 3), (1, 20, 28, 3)]
    (enlarged,) = executed(
        nodes.NODE_CLASS_MAPPINGS["PrismganTask"], image=image, weights=weights, other_task="enlarge"
    )
    assert_allclose(enlarged.numpy(), images[1].numpy(), atol=1 / 255)


def test_an_exported_file_runs_by_the_rules_of_chainner(
    tmp_path: Path, tiny_run: Path, command: Callable[..., Any]
) -> None:
    """It passes a picture to the first input, fetches the first output, and reads layout and channels from shapes."""
    pytest.importorskip("onnx", reason="onnx is not installed")
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    weights, out = tiny_run / "weights.safetensors", tmp_path / "paint.onnx"
    exported = command("export", weights, "--out", out, "--tasks", "paint")
    assert exported.code == 0, exported.err
    session = onnxruntime.InferenceSession(out, providers=["CPUExecutionProvider"])
    (given,), (made,) = session.get_inputs(), session.get_outputs()
    for end in (given, made):
        assert end.type == "tensor(float)"
        assert len(end.shape) == 4
        assert end.shape[1] == 3  # so it is BCHW with three channels
        assert not any(isinstance(side, int) for side in end.shape[2:])  # so tiles may have any size
    pixels = np.random.default_rng(0).integers(0, 256, (33, 47, 3), dtype=np.uint8)
    fed = (pixels.astype(np.float32) / 255).transpose(2, 0, 1)[None]
    found = session.run([made.name], {given.name: fed})[0][0].transpose(1, 2, 0)
    assert found.shape == pixels.shape
    assert 0 <= found.min() <= found.max() <= 1
