"""``prismgan evaluate --benchmarks``: its output and its errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from prismgan import packages
from prismgan.evaluation.benchmarks.run import chosen

Command = Callable[..., Any]
DrawPicture = Callable[..., Path]


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory, draw_picture: DrawPicture) -> Path:
    """A folder with one picture per test set."""
    folder = tmp_path_factory.mktemp("sets")
    for name in ("set5", "bsd100", "cbsd68"):
        draw_picture(folder / "test" / name / "a.png", 80, 90)
    return folder


@pytest.fixture
def evaluate(tiny_run: Path, command: Command) -> Command:
    def call(*arguments: object) -> Any:
        return command("evaluate", tiny_run / "weights.safetensors", *arguments)

    return call


def test_json_and_the_table_say_the_same(sets: Path, evaluate: Command) -> None:
    arguments = ("--benchmarks", sets, "--suites", "restoration,jpeg,grids")
    printed, shown = evaluate(*arguments, "--json"), evaluate(*arguments)
    assert printed.code == shown.code == 0, printed.err
    found = json.loads(printed.out)
    assert set(found) == {"weights", "step", "suites", "rows", "left_out"}
    assert found["suites"] == ["restoration", "jpeg", "grids"]
    assert {(row["suite"], row["task"]) for row in found["rows"]} == {
        ("restoration", "enlarge"),
        ("restoration", "restore"),
        ("grids", "paint"),
        ("jpeg", "restore"),
        ("jpeg", "enlarge"),
    }
    for row in found["rows"]:
        assert set(row) == {
            *("suite", "task", "condition", "metric", "unit", "better"),
            *("value", "baseline", "count", "target", "literature"),
        }
        assert isinstance(row["value"], float)
        lines = [line.split() for line in shown.out.splitlines()]
        unit, shown_as = (["[dB]"], ".2f") if row["unit"] else ([], ".4g")
        cells = [row["task"], *row["condition"].split(), row["metric"], *unit, f"{row['value']:{shown_as}}"]
        assert len([line for line in lines if line[: len(cells)] == cells]) == 1
    assert "bicubic 33.66" in shown.out
    assert "enlarge: set5, 1 pictures" in shown.err


def test_suites_that_a_folder_has_files_for(sets: Path) -> None:
    """Without clips and feature networks; text and patterns are drawn."""
    names = [suite.name for suite in chosen(sets, None)]
    assert names == ["restoration", "text", "patterns", "blur", "jpeg", "correlated", "grids"]


def test_some_suites(sets: Path, evaluate: Command) -> None:
    found = json.loads(evaluate("--benchmarks", sets, "--suites", " grids,", "--photos", "1", "--json").out)
    assert found["suites"] == ["grids"]
    assert {row["suite"] for row in found["rows"]} == {"grids"}


def test_what_is_refused(sets: Path, tmp_path: Path, evaluate: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "video").mkdir()
    (tmp_path / "video" / "a.mp4").write_text("")
    cases: list[tuple[list[object], list[str]]] = [
        ([], ["either --data", "or --benchmarks"]),
        (["--data", sets, "--benchmarks", sets], ["either --data", "or --benchmarks"]),
        (["--data", sets, "--suites", "text"], ["--suites and --photos are for --benchmarks"]),
        (["--data", sets, "--photos", "3"], ["--suites and --photos are for --benchmarks"]),
        (["--benchmarks", sets, "--squeezenet", "s.pth"], ["--squeezenet and --lpips are for --data"]),
        (["--benchmarks", tmp_path / "nowhere"], ["nowhere: no such folder"]),
        (["--benchmarks", tmp_path / "file"], ["file: is a file"]),
        (["--benchmarks", tmp_path / "empty"], ["empty: contains no benchmark files", "test/set5", "clips in video/"]),
        (["--benchmarks", sets, "--suites", "restauration"], ["'restauration'", "did you mean 'restoration'"]),
        (["--benchmarks", sets, "--suites", ","], ["no suite is named", "steadiness"]),
        (["--benchmarks", sets, "--suites", "styles"], ["'styles'", "perceptual/vgg19_small16x.safetensors"]),
        (["--benchmarks", sets, "--suites", "grids,steadiness"], ["'steadiness'", "clips in video/"]),
        (["--benchmarks", tmp_path], ["'steadiness'", "opencv-python-headless", "pip install 'prismgan[video]'"]),
    ]
    monkeypatch.setattr(packages, "find_spec", lambda name: None if name == "cv2" else find_spec(name))
    for arguments, words in cases:
        finished = evaluate(*arguments)
        assert finished.code == 2, arguments
        assert finished.out == ""
        assert finished.err.startswith("prismgan: ")
        assert finished.err.count("\n") == 1
        for word in words:
            assert word in finished.err
