"""Exported files: they equal the network in every precision, and are not written otherwise."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from helpers import tiny_weights as tiny_weights_module
from prismgan import PrismganError, packages
from prismgan.errors import PictureError
from prismgan.weights import Weights, save_weights

onnx = pytest.importorskip("onnx", reason="the extra 'export' is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="the extra 'export' is not installed")

from prismgan.export import PRECISIONS, export, exporter, int8, onnx_file, parity  # noqa: E402 (needs onnx)

Command = Callable[..., Any]
DrawPicture = Callable[..., Path]

# Without a block, which is slow, and with another number of blocks in one head.
TASKS = {
    **tiny_weights_module.TASKS,
    "inked": {"latent": True, "ink": True},
    "smooth-2x": {"scale": 2, "smooth": True},
}
TASKS["varied"] = {**TASKS["varied"], "blocks": 2}


def tiny_weights(*names: str, levels: int = 2, finest: int = 2) -> Weights:
    return tiny_weights_module.tiny_weights(*names, levels=levels, finest=finest, tasks=TASKS)


@pytest.fixture(scope="module")
def weights() -> Weights:
    return tiny_weights()


@pytest.fixture(scope="module")
def file(weights: Weights, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All tasks in float32."""
    path = tmp_path_factory.mktemp("exported") / "tiny.onnx"
    export(weights, path, licence="CC0-1.0")
    return path


@pytest.fixture
def photos(tmp_path: Path, draw_picture: DrawPicture) -> Path:
    for seed in range(2):
        draw_picture(tmp_path / "photos" / f"{seed}.png", 120, 131, seed)
    return tmp_path / "photos"


def session(path: Path) -> Any:
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def inputs(weights: Weights, source: Tensor, strength: float = 1.0) -> dict[str, Any]:
    count = len(weights.header.tasks)
    latent = torch.randn(len(source), 4, generator=torch.Generator().manual_seed(1))
    return {"source": source.numpy(), "strength": np.full(count, strength, np.float32), "latent": latent.numpy()}


def by_torch(weights: Weights, values: dict[str, Any]) -> dict[str, Tensor]:
    with torch.inference_mode():
        looks = weights.generator()(torch.from_numpy(values["source"]) * 2 - 1, torch.from_numpy(values["latent"]))
        return {name: look.clamp(-1, 1).add(1).div(2) for name, look in looks.items()}


@pytest.mark.parametrize(("batch", "height", "width"), [(1, 33, 47), (1, 64, 50), (2, 101, 75), (3, 16, 17)])
def test_the_files_pictures_are_the_networks(weights: Weights, file: Path, batch: int, height: int, width: int) -> None:
    values = inputs(weights, torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(0)))
    found = session(file).run(None, values)
    for image, (name, expected) in zip(found, by_torch(weights, values).items(), strict=True):
        assert image.dtype == np.float32
        assert image.shape == expected.shape
        np.testing.assert_allclose(image, expected.numpy(), atol=2e-6, err_msg=name)


@pytest.mark.parametrize(("levels", "finest"), [(1, 2), (3, 2), (1, 1), (3, 1)])
def test_other_depths_of_the_trunk(levels: int, finest: int, tmp_path: Path) -> None:
    found = export(tiny_weights(levels=levels, finest=finest), tmp_path / "x.onnx")
    assert max(row.maximum for row in found.tasks) < 1e-3


def test_openvino_reads_it(weights: Weights, file: Path) -> None:
    openvino = pytest.importorskip("openvino", reason="openvino is not installed")
    compiled = openvino.Core().compile_model(file, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    for height, width in ((33, 47), (40, 30)):
        values = inputs(weights, torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(0)))
        found = compiled(values)
        for name, expected in by_torch(weights, values).items():
            np.testing.assert_allclose(found[name], expected.numpy(), atol=5e-6, err_msg=name)


def test_strength(weights: Weights, file: Path) -> None:
    source = torch.rand(1, 3, 21, 18, generator=torch.Generator().manual_seed(0)) * 0.5 + 0.25
    none, half, whole, twice = (
        session(file).run(["restore"], inputs(weights, source, strength))[0] for strength in (0, 0.5, 1, 2)
    )
    np.testing.assert_allclose(none, source.numpy(), atol=1e-6)
    np.testing.assert_allclose(half, (none + whole) / 2, atol=1e-6)
    np.testing.assert_allclose(twice, (2 * whole - none).clip(0, 1), atol=2e-6)


@pytest.mark.parametrize("batch", [1, 2])
def test_strength_and_latent_may_be_left_out(weights: Weights, file: Path, batch: int) -> None:
    values = inputs(weights, torch.rand(batch, 3, 33, 47, generator=torch.Generator().manual_seed(0)))
    latent = weights.prism_generator("a test").seeded_latent().numpy().repeat(batch, axis=0)
    left_out = session(file).run(None, {"source": values["source"]})
    for found, expected in zip(left_out, session(file).run(None, {**values, "latent": latent}), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_file_without_defaults_has_to_be_given_all_inputs(tmp_path: Path, weights: Weights) -> None:
    export(weights, tmp_path / "x.onnx", tasks=["restore", "varied"], defaults=False)
    found = session(tmp_path / "x.onnx")
    assert [value.name for value in found.get_inputs()] == ["source", "strength", "latent"]
    assert not found.get_overridable_initializers()
    with pytest.raises(ValueError, match="strength"):
        found.run(None, {"source": np.zeros((1, 3, 20, 20), np.float32)})


def test_values_are_clipped(weights: Weights, file: Path) -> None:
    values = inputs(weights, torch.cat([torch.zeros(1, 3, 16, 16), torch.ones(1, 3, 16, 16)]), 2)
    for image in session(file).run(None, values):
        assert image.min() >= 0
        assert image.max() <= 1


def test_inputs_outputs_and_metadata(file: Path) -> None:
    found = session(file)
    assert {value.name: value.shape for value in found.get_inputs()} == {"source": ["batch", 3, "height", "width"]}
    defaults = {value.name: value.shape for value in found.get_overridable_initializers()}
    assert defaults == {"strength": [len(TASKS)], "latent": ["latents", 4]}
    assert [value.name for value in found.get_outputs()] == list(TASKS)
    metadata = found.get_modelmeta()
    assert metadata.producer_name == "prismgan"
    assert metadata.custom_metadata_map["tasks"].split(",") == list(TASKS)
    scales = [str(fields.get("scale", 1)) for fields in TASKS.values()]
    assert metadata.custom_metadata_map["scales"].split(",") == scales
    assert metadata.custom_metadata_map["varying"] == "varied,drawn,varied-2x,inked"
    assert metadata.custom_metadata_map["licence"] == "CC0-1.0"
    assert metadata.custom_metadata_map["step"] == "7"


def test_what_other_tasks_need_is_left_out(weights: Weights, file: Path, tmp_path: Path) -> None:
    found = export(weights, tmp_path / "paint.onnx", tasks=["paint"])
    assert [row.task for row in found.tasks] == ["paint"]
    model = onnx.load(tmp_path / "paint.onnx")
    assert [value.name for value in model.graph.input] == ["source", "strength"]
    names = {constant.name for constant in model.graph.initializer}
    assert not any(name.startswith(("trunk.fine", "trunk.up", "heads.restore", "mapping")) for name in names)
    assert found.size == (tmp_path / "paint.onnx").stat().st_size < file.stat().st_size / 2


@pytest.mark.parametrize("precision", PRECISIONS)
def test_every_precision(
    weights: Weights, photos: Path, tmp_path: Path, precision: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporter, "TIMED_SHAPE", (1, 3, 32, 40))
    monkeypatch.setattr(int8, "CROPS", 4)
    calibrate = [photos] if precision == "int8" else []
    found = export(weights, tmp_path / "x.onnx", precision=precision, calibrate=calibrate)
    assert [row.task for row in found.tasks] == list(TASKS)
    assert found.speed > 0
    kinds = {constant.data_type for constant in onnx.load(tmp_path / "x.onnx").graph.initializer}
    expected = {"float32": onnx.TensorProto.FLOAT, "float16": onnx.TensorProto.FLOAT16, "int8": onnx.TensorProto.INT8}
    assert expected[precision] in kinds
    if precision != "float32":
        assert max(row.maximum for row in found.tasks) > 0.0005
    # Inputs and outputs are float32 in every precision.
    (image, *_) = session(tmp_path / "x.onnx").run(None, inputs(weights, torch.rand(1, 3, 20, 22)))
    assert image.dtype == np.float32
    metadata = session(tmp_path / "x.onnx").get_modelmeta()
    assert metadata.producer_name == "prismgan"
    assert metadata.custom_metadata_map["tasks"].split(",") == list(TASKS)


def test_nothing_is_written_where_a_file_would_differ(
    weights: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = onnx_file.whole_model

    def broken(*arguments: Any, **options: Any) -> Any:
        model = honest(*arguments, **options)
        for constant in model.graph.initializer:
            if constant.name == "heads.paint.last.bias":
                constant.CopyFrom(onnx.numpy_helper.from_array(np.full(48, 0.3, np.float32), constant.name))
        return model

    monkeypatch.setattr(onnx_file, "whole_model", broken)
    (tmp_path / "x.onnx").write_bytes(b"old")
    with pytest.raises(PrismganError, match=r"x.onnx: not written, because in float32 'paint' is up to"):
        export(weights, tmp_path / "x.onnx")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def rows(**differences: tuple[float, float, float]) -> Iterator[parity.TaskParity]:
    for name, (maximum, mean, psnr) in differences.items():
        yield parity.TaskParity(name, 1, maximum, mean, psnr)


def test_what_is_let_pass(weights: Weights) -> None:
    generator = weights.generator()

    def verdict(precision: Any, **differences: tuple[float, float, float]) -> str | None:
        return parity.problem(precision, generator, list(rows(**differences)))

    assert verdict("float32", restore=(0.09, 0.001, 100), paint=(0.0, 0.0, np.inf)) is None
    assert "'paint' is up to 0.2" in str(verdict("float32", restore=(0.09, 0.001, 100), paint=(0.2, 0.0, 90)))
    assert verdict("float32", restore=(0.09, 0.02, 100)) is not None
    assert verdict("float32", restore=(np.nan, np.nan, np.nan)) is not None
    assert verdict("float16", restore=(1.9, 0.2, 50)) is None
    assert verdict("float16", restore=(2.1, 0.2, 50)) is not None
    assert verdict("int8", restore=(9, 1, 40.1), paint=(20, 2, 35.1)) is None
    assert "'paint' has 34.0 dB" in str(verdict("int8", restore=(9, 1, 40.1), paint=(20, 2, 34.0)))
    assert "'restore' has 39.0 dB" in str(verdict("int8", restore=(9, 1, 39.0), paint=(20, 2, 36.0)))
    assert verdict("int8", restore=(np.nan, np.nan, np.nan)) is not None


def test_refusals(weights: Weights, photos: Path, tmp_path: Path, draw_picture: DrawPicture) -> None:
    before = sorted(tmp_path.rglob("*"))
    out = tmp_path / "x.onnx"
    with pytest.raises(PrismganError, match=r"x.pt: expected a name that ends in .onnx"):
        export(weights, tmp_path / "x.pt")
    with pytest.raises(PrismganError, match="its folder does not exist"):
        export(weights, tmp_path / "missing" / "x.onnx")
    with pytest.raises(PrismganError, match="no task is named 'paimt'; did you mean 'paint'"):
        export(weights, out, tasks=["paimt"])
    with pytest.raises(PrismganError, match="no task is named"):
        export(weights, out, tasks=[])
    with pytest.raises(PrismganError, match="precision 'float61'; did you mean 'float16'"):
        export(weights, out, precision="float61")  # type: ignore[arg-type]
    with pytest.raises(PrismganError, match="int8 needs pictures"):
        export(weights, out, precision="int8")
    with pytest.raises(PrismganError, match="only for precision int8, found float16"):
        export(weights, out, precision="float16", calibrate=[photos])
    with pytest.raises(PictureError, match="no such file"):
        export(weights, out, precision="int8", calibrate=[tmp_path / "missing.png"])
    assert sorted(tmp_path.rglob("*")) == before
    small = draw_picture(tmp_path / "small.png", 50, 300)
    with pytest.raises(PictureError, match=r"small.png: is 300x50 pixels; .* at least 101"):
        export(weights, out, precision="int8", calibrate=[small])


def test_a_task_named_as_an_input_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(TASKS, "strength", {})
    with pytest.raises(PrismganError, match="rename-task --from strength"):
        export(tiny_weights("strength"), tmp_path / "x.onnx")


def test_a_missing_package_is_named(weights: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "find_spec", lambda name: None)
    with pytest.raises(PrismganError, match=r"needs the package onnx and onnxruntime; .*prismgan\[export\]"):
        export(weights, tmp_path / "x.onnx")


def test_noise_is_added_to_crops_in_turn() -> None:
    crops = list(int8.crops([torch.full((1, 3, 170, 170), 0.5)]))
    for crop, sigma in zip(crops, (0, 25, 0, 50), strict=False):
        assert float(crop.std()) * 255 == pytest.approx(sigma, rel=0.05)
        assert 0 <= float(crop.min()) <= float(crop.max()) <= 1


def test_crops_are_from_inside_and_differ(weights: Weights, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(int8, "NOISE", (0,))
    monkeypatch.setattr(torch.Tensor, "clamp", lambda crop, low, high: crop)  # positions stand for colours here
    pictures = [torch.arange(200.0 * 300).view(1, 1, 200, 300), torch.arange(120.0 * 130).view(1, 1, 120, 130)]
    crops = list(int8.crops(pictures))
    assert 2 <= len(crops) <= int8.CROPS
    assert {tuple(crop.shape[-2:]) for crop in crops} == {(160, 160), (120, 130)}
    assert len({float(crop[0, 0, 0, 0]) for crop in crops[::2]}) == len(crops[::2])


# -- the command ----------------------------------------------------------------------------------


@pytest.fixture
def weights_file(weights: Weights, tmp_path: Path) -> Path:
    save_weights(tmp_path / "tiny.safetensors", weights.header, {"generator": weights.part("generator")})
    return tmp_path / "tiny.safetensors"


def test_the_command_prints_a_table(weights_file: Path, tmp_path: Path, command: Command) -> None:
    done = command("export", weights_file, "--out", tmp_path / "x.onnx", "--tasks", "paint,fine-2x")
    assert done.code == 0, done.err
    heading, first, second, last = done.out.splitlines()
    assert heading.split()[:4] == ["task", "scale", "largest", "mean"]
    assert first.split()[:2] == ["fine-2x", "2x"]
    assert second.split()[:2] == ["paint", "1x"]
    assert last.startswith(f"{tmp_path / 'x.onnx'}: ")


def test_the_command_prints_json(weights_file: Path, tmp_path: Path, command: Command) -> None:
    done = command("export", weights_file, "--out", tmp_path / "x.onnx", "--tasks", "paint", "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert found["precision"] == "float32"
    assert found["bytes"] == (tmp_path / "x.onnx").stat().st_size
    assert [row["task"] for row in found["tasks"]] == ["paint"]
    assert found["tasks"][0]["maximum"] < 0.01


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--out", "x.txt"), ["x.txt", ".onnx"]),
        (("--out", "x.onnx", "--tasks", "nothing"), ["'nothing'", "paint"]),
        (("--out", "x.onnx", "--precision", "int8"), ["int8", "pictures"]),
        (("--out", "x.onnx", "--precision", "int8", "--calibrate", "none.png"), ["none.png", "no such file"]),
    ],
)
def test_the_command_refuses_in_one_line(
    arguments: tuple[str, ...],
    words: list[str],
    weights_file: Path,
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(weights_file.parent)
    done = command("export", weights_file, *arguments)
    assert done.code == 2
    assert done.out == ""
    assert done.err.startswith("prismgan: ")
    assert done.err.count("\n") == 1
    assert all(word in done.err for word in words), done.err
    assert [path.name for path in weights_file.parent.iterdir()] == ["tiny.safetensors"]
