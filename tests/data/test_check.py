"""The check finds every problem at once, and none in valid data."""

from __future__ import annotations

import shutil
from pathlib import Path

from prismgan.data import DataConfig, SourceEntry, check, rows, split, summary
from prismgan.tasks import Exemplar, Paired, Task, Unpaired

from .conftest import MakePicture, MakeTask


def test_sound_data_has_no_problem(tmp_path: Path, make_picture: MakePicture, tasks: list[Task]) -> None:
    lines = ["picture,source,mask,split"]
    for index in range(4):
        make_picture(f"p{index}.png", 61, 81, index)
        make_picture(f"m{index}.png", 31, 40, 10 + index)  # rounded up and down: both are accepted
        lines.append(f"p{index}.png,,m{index}.png,{'test' if index == 3 else ''}")
    (tmp_path / "list.csv").write_text("\n".join(lines))
    data = DataConfig(train=(SourceEntry(manifest=str(tmp_path / "list.csv")),))
    assert check(data, tasks, 24) == []


def test_every_problem_is_found_at_once(tmp_path: Path, make_picture: MakePicture, make_task: MakeTask) -> None:
    good = make_picture("good.png", 64, 64, 1)
    make_picture("tiny.png", 64, 12, 2)
    make_picture("own.png", 20, 20, 3)
    make_picture("mask.png", 64, 60, 4)
    make_picture("other.png", 64, 64, 5)
    shutil.copy(good, tmp_path / "copy.png")
    shutil.copy(good, tmp_path / "leak.png")
    truncated = make_picture("cut.png", 64, 64, 6)
    truncated.write_bytes(truncated.read_bytes()[:300])
    (tmp_path / "empty").mkdir()
    (tmp_path / "list.csv").write_text(
        "picture,source,mask,depth,split\n"
        "good.png,,mask.png,,\n"  # mask of a wrong size
        "tiny.png,,,,\n"
        "missing.png,,,,\n"
        "cut.png,,,,\n"
        "other.png,own.png,,other.png,\n"  # own source of a wrong size; no task needs depth
        "copy.png,,,,\n"  # twice in training
        "leak.png,,,,test\n"  # also in training
        "ragged.png\n"
    )
    tasks = [
        make_task("large", scale=2),
        make_task("mask", Paired("mask"), scale=2),
        make_task("normals", Paired("normals")),
        make_task("drawn", Unpaired((str(tmp_path / "empty"),))),
        make_task("style", Exemplar((str(tmp_path / "nowhere.png"),), 64)),
    ]
    data = DataConfig(
        train=(SourceEntry(manifest=str(tmp_path / "list.csv")), SourceEntry(folder=str(tmp_path / "absent")))
    )
    problems = check(data, tasks, 16)
    lines = [str(problem) for problem in problems]
    expected = {
        "list.csv, line 9: has 1 cells": "error",
        "absent: no such folder": "error",
        "task 'drawn': ": "error",
        "missing.png: no such file": "error",
        "cut.png: is damaged or truncated": "error",
        "nowhere.png: no such file (a picture of task 'style')": "error",
        "tiny.png: has 12x64 pixels": "error",
        "mask.png: has 60x64 pixels, expected 64x64 (target of task 'mask'": "error",
        "own.png: has 20x20 pixels, expected 32x32 (source, for the 64x64 pixels of": "error",
        "column 'depth': has targets": "error",
        "task 'normals': has no targets": "error",
        "copy.png: is the same picture as": "warning",
        "leak.png: is for testing, but also among the training pictures": "error",
        "data: 1 of 6 training pictures": "warning",
    }
    for part, severity in expected.items():
        matching = [problem for problem, line in zip(problems, lines, strict=True) if part in line]
        assert [problem.severity for problem in matching] == [severity], (part, lines)
    assert len(problems) == len(expected), lines
    assert not any("\n" in line for line in lines)


def test_a_target_in_test_rows_alone_is_a_problem(
    tmp_path: Path, make_picture: MakePicture, make_task: MakeTask
) -> None:
    make_picture("a.png", seed=1)
    make_picture("b.png", seed=2)
    (tmp_path / "list.csv").write_text("picture,mask,split\na.png,,train\nb.png,b.png,test\n")
    data = DataConfig(train=(SourceEntry(manifest=str(tmp_path / "list.csv")),))
    (problem,) = check(data, [make_task("mask", Paired("mask"))], 16)
    assert "test rows alone" in problem.what


def test_summary_counts(tmp_path: Path, make_picture: MakePicture, make_task: MakeTask) -> None:
    (tmp_path / "list.csv").write_text("picture,view,mask,split\na,x,m,\nb,x,,\nc,y,,\nd,y,m,test\n")
    data = DataConfig(train=(SourceEntry(manifest=str(tmp_path / "list.csv")),))
    tasks = [make_task("clean"), make_task("mask", Paired("mask")), make_task("s", Exemplar(("e",), 64))]
    counts = [(c.collection, c.split, c.rows, c.targets) for c in summary(*split(rows(data), data), tasks)]
    assert counts == [
        ("x", "train", 2, {"clean": 2, "mask": 1}),
        ("y", "train", 1, {"clean": 1, "mask": 0}),
        ("y", "test", 1, {"clean": 1, "mask": 1}),
    ]
