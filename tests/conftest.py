"""Shared fixtures: tiny pictures and a recipe on them, one tiny run, and the command line in this process."""

from __future__ import annotations

import copy
import io
import os
import runpy
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
import yaml
from jaxtyping import install_import_hook
from PIL import Image

from helpers.checked import checked

# Before the package is first imported: in tests every call of functions on tensors is checked against its
# annotations, shapes included. Other parts validate values themselves, with messages that are tested.
CHECKED = ("balancing", "losses", "metrics", "networks")
install_import_hook([f"prismgan.{name}" for name in CHECKED], f"{checked.__module__}.{checked.__name__}")

import prismgan  # noqa: E402

# The networks of the tests are tiny: additional threads would only wait for each other.
torch.set_num_threads(1)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests of a file run in one process, one after the other: they share the results of their fixtures.

    OpenVINO comes last: it leaves the processor's state changed in the thread that it computes in (small numbers are
    flushed to zero; on machines with AMX a child process that ends can then end this one).

    Tests that use the fixture ``browser`` are marked ``browser``, so that ``make test`` leaves them out.
    """
    for item in items:
        group = "openvino" if "openvino" in item.nodeid else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")
    items.sort(key=lambda item: "openvino" in item.nodeid)


@pytest.fixture(autouse=True)
def _no_openvino_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Automatic choices of a runtime select torch, whatever is installed: OpenVINO comes last, see above."""
    monkeypatch.setattr("prismgan.render.runtimes.missing", lambda modules: list(modules))


TINY: dict[str, Any] = {
    "name": "tiny",
    "data": {"train": [{"folder": "photos"}], "test": [{"folder": "held-out"}], "workers": 1},
    "degradation": {"clean": 0.2, "noise": {"sigma": [5, 50]}},
    "tasks": [
        {"name": "restore", "kind": "restore"},
        {"name": "enlarge", "kind": "super_resolution", "scale": 2},
        {"name": "paint", "kind": "style", "exemplars": ["painting.png"], "exemplar_size": 64, "latent": True},
    ],
    "model": {
        "generator": {
            "widths": [8, 16],
            "blocks": [1, 1],
            "latent": 4,
            "code": 8,
            "style": {"fine": 8, "coarse": 8, "blocks": 1, "head": 8},
        },
        "adversary": {"discriminator": {"width": 8, "levels": 2}, "penalty_every": 2},
        "schedule": {"warmup": 5},
    },
    "training": {
        "steps": 8,
        "batch_size": 2,
        "crop": 32,
        "precision": "float32",
        "ema": 0.9,
        "log_every": 1,
        "save_every": 4,
        "sample_every": 0,
    },
    "evaluation": {"conditions": [{"name": "clean"}, {"name": "noise-25", "noise": 25}], "maximum_side": 64},
}


@dataclass(frozen=True)
class Finished:
    """Exit code and output of a command."""

    code: int
    out: str
    err: str


DrawPicture = Callable[..., Path]
TinyRecipe = Callable[..., Path]
Command = Callable[..., Finished]


def _draw(path: Path, height: int = 64, width: int = 72, seed: int = 0, **save: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).save(path, **save)
    return path


@pytest.fixture(scope="session")
def draw_picture() -> DrawPicture:
    """``draw_picture(path, height, width, seed)`` writes smooth random colours and returns the path."""
    return _draw


def write_tiny_recipe(folder: Path, changes: Mapping[str, Any] | None = None) -> Path:
    """Pictures and ``recipe.yaml`` in the folder, with a few values changed."""
    recipe = copy.deepcopy(TINY)
    for path, value in (changes or {}).items():
        *keys, last = path.split(".")
        place = recipe
        for key in keys:
            place = place[key]
        place[last] = value
    for number in range(5):
        _draw(folder / "photos" / f"photo-{number}.jpg", 64 + 2 * number, 72, number)
    _draw(folder / "held-out" / "test.png", 70, 66, 20)
    _draw(folder / "painting.png", 80, 100, 90)
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe, sort_keys=False))
    return folder / "recipe.yaml"


@pytest.fixture(scope="session")
def tiny_recipe() -> Iterator[TinyRecipe]:
    """``tiny_recipe(folder, {"training.steps": 6})`` writes pictures and ``recipe.yaml``, with a few values changed.

    It also lets a discriminator be measured on 4 crops instead of 32, which took a fifth of a tiny training.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("prismgan.evaluation.photos.JUDGED", 4)
        yield write_tiny_recipe


def _finished(words: Sequence[object], main: Callable[[], object]) -> Finished:
    """Exit code and output of a program's ``main``, run within this process with a command line."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with (
        mock.patch.object(sys, "argv", [str(word) for word in words]),
        mock.patch.dict(os.environ),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
    return Finished(code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="session")
def command() -> Command:
    """``command("info", weights)`` runs the command line within this process."""

    def run(*arguments: object) -> Finished:
        from prismgan.cli import main

        return _finished(["prismgan", *arguments], main)

    return run


@pytest.fixture(scope="session")
def tool() -> Command:
    """``tool("publish_weights", weights)`` runs a script of ``tools`` within this process."""

    def run(name: str, *arguments: object) -> Finished:
        script = Path(__file__).parents[1] / "tools" / f"{name}.py"
        return _finished([script, *arguments], lambda: runpy.run_path(str(script), run_name="__main__"))

    return run


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, with a camera that shows a pattern."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("Chromium is not installed")
    camera = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    with playwright.sync_playwright() as starter:
        chromium = starter.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu", *camera])
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    """Environment of subprocesses: this package, one thread."""
    package = str(Path(prismgan.__file__).parents[1])
    threads = {"OMP_NUM_THREADS": "1", "GOMP_SPINCOUNT": "1000"}
    return {**os.environ, "PYTHONPATH": package, **threads}


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory, tiny_recipe: TinyRecipe, command: Command) -> Path:
    """The folder of a finished training of the tiny recipe, made by the command line. Do not modify it."""
    folder = tmp_path_factory.mktemp("tiny")
    recipe = tiny_recipe(folder)
    finished = command("train", recipe, "--run", folder / "run")
    assert finished.code == 0, finished.err
    assert finished.out.splitlines()[0] == f"weights  {folder / 'run' / 'weights.safetensors'}"
    return folder / "run"
