"""Commands on weights without a source, and recipes that confuse the two sources: one clear line each."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from helpers.tiny_weights import tiny_weights
from prismgan.networks import LatentGenerator, LatentGeneratorConfig
from prismgan.weights import FORMAT, HeadEntry, Header, Weights

Refused = Callable[..., str]
ROOT = Path(__file__).parents[2]
RECIPE = ROOT / "src" / "prismgan" / "recipes" / "digits.yaml"
DOCUMENT = (ROOT / "docs" / "noise.md").read_text(encoding="utf-8")


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    config = LatentGeneratorConfig(widths=(8,), blocks=(1,), latent=4, code=8)
    entry = HeadEntry(name="digit", kind="derived", scale=1, fine=True, latent=False)
    recipe = yaml.safe_load(RECIPE.read_text())
    header = Header(format=FORMAT, title="t", step=1, tasks=(entry,), kind="cogan", generator=config, recipe=recipe)
    torch.manual_seed(0)
    state = LatentGenerator(config, [entry.spec()]).state_dict()
    path = tmp_path / "noise.safetensors"
    Weights(path, header, {f"generator.{name}": value for name, value in state.items()}).save(path)
    return path


@pytest.mark.parametrize(
    "words",
    ["render photo.png --weights W --out looks", "video photo.png --weights W --out looks", "serve --weights W"],
)
def test_noise_weights_read_no_photo(
    words: str, noise: Path, refused: Refused, draw_picture: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    if words.startswith("serve"):
        pytest.importorskip("fastapi", reason="the extra web is not installed")
    monkeypatch.chdir(noise.parent)
    draw_picture(noise.parent / "photo.png", 32, 32)
    line = refused(*words.replace("W", noise.name).split())
    assert (
        "noise.safetensors: generates pictures from noise and reads none; generate some with `prismgan sample`" in line
    )


def test_noise_weights_are_not_evaluated_on_photos(
    noise: Path, tmp_path: Path, refused: Refused, draw_picture: Callable[..., Path]
) -> None:
    draw_picture(tmp_path / "photos" / "a.png", 32, 32)
    assert "its metrics are in its run's report" in refused("evaluate", noise, "--data", tmp_path / "photos")


def test_noise_weights_learn_no_style(
    noise: Path, tmp_path: Path, refused: Refused, draw_picture: Callable[..., Path]
) -> None:
    style = draw_picture(tmp_path / "style.png", 64, 64)
    line = refused("add-task", noise, "--exemplar", style, "--name", "painted", "--out", tmp_path / "more.safetensors")
    assert "kind cogan" in line


def test_noise_weights_are_not_exported(noise: Path, tmp_path: Path, refused: Refused) -> None:
    pytest.importorskip("onnx", reason="the extra export is not installed")
    assert "kind cogan" in refused("export", noise, "--out", tmp_path / "x.onnx")


def test_photo_weights_draw_nothing(tmp_path: Path, refused: Refused) -> None:
    tiny_weights("restore").save(tmp_path / "photo.safetensors")
    line = refused("sample", tmp_path / "photo.safetensors", "--out", tmp_path / "x.png")
    assert "renders photos and does not read noise; use `prismgan render`" in line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "x.pnx"], "unknown picture format"),
        (["--out", "x.png", "--count", "1", "--to", "3"], "expected 2 to 10000 pictures, found 1"),
    ],
)
def test_what_cannot_be_drawn(
    arguments: list[str], message: str, noise: Path, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(noise.parent)
    assert message in refused("sample", noise, *arguments)


@pytest.mark.parametrize("words", re.findall(r"^\$ prismgan sample (.+)$", DOCUMENT, flags=re.MULTILINE))
def test_the_documents_commands_run(
    words: str, noise: Path, command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(noise.parent)
    finished = command("sample", *words.replace("runs/digits/weights.safetensors", noise.name).split())
    assert finished.code == 0, finished.err
    assert (noise.parent / finished.out.strip()).exists()


def test_no_weights(tmp_path: Path, refused: Refused) -> None:
    assert "no such weights file" in refused("sample", tmp_path / "none.safetensors", "--out", tmp_path / "x.png")


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("source=photo", "source: is photo, but a model of kind cogan reads noise"),
        ("model={kind: prism}", "source: is noise, but a model of kind prism reads photo; set model.kind to one for"),
        ("degradation={clean: 0.5}", "degradation: applies to photos, but the source is noise"),
        (
            "tasks.outline.pixel_weight=10",
            "task 'outline': has losses that need a photo, but the source is noise; set pixel_weight to 0",
        ),
        ("training.crop=64", "training.crop: real pictures are cropped to 64 pixels a side"),
        ("tasks.digit.adversarial_weight=0", "task 'digit': the weights of all its losses are 0"),
        ("source=sound", "source: 'sound' is not allowed"),
    ],
)
def test_a_recipe_that_confuses_sources(setting: str, message: str, tmp_path: Path, refused: Refused) -> None:
    assert message in refused("train", RECIPE, "--run", tmp_path / "run", "--set", setting)


def test_the_model_alone_says_nothing_of_the_source(
    tiny_recipe: Callable[..., Path], tmp_path: Path, command: Callable[..., Any]
) -> None:
    changed: dict[str, Any] = {"model": {"kind": "cogan"}, "source": "photo"}
    finished = command("train", tiny_recipe(tmp_path, changed), "--run", tmp_path / "run")
    assert finished.code == 2
    assert "set model.kind to one for photo (" in finished.err
    assert "or source: noise" in finished.err
