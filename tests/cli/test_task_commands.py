"""``add-task``, ``remove-task`` and ``rename-task``: their results, and their errors, after which nothing is
written."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path
from typing import Any

import pytest

from prismgan import images
from prismgan.weights import file as weights_module

Command = Callable[..., Any]
DrawPicture = Callable[..., Path]
Refused = Callable[..., str]


@pytest.fixture
def weights(tiny_run: Path) -> Path:
    return tiny_run / "weights.safetensors"


def looks(command: Command, weights: Path, photo: Path, out: Path, tasks: str) -> dict[str, bytes]:
    assert command("render", photo, "--weights", weights, "--out", out, "--tasks", tasks).code == 0
    return {path.name: path.read_bytes() for path in (out / photo.stem).glob("*.png")}


def test_a_task_is_added_renamed_and_removed(
    tmp_path: Path, tiny_run: Path, weights: Path, draw_picture: DrawPicture, command: Command
) -> None:
    style, photo = draw_picture(tmp_path / "style.png", 96, 80, 3), draw_picture(tmp_path / "photo.png", 50, 41, 4)
    new, old = tmp_path / "new.safetensors", "restore,enlarge,paint"
    before = looks(command, weights, photo, tmp_path / "before", old)

    arguments = ("--photos", tiny_run.parent / "photos", "--size", 96, "--strength-of-style", 2, "--preview", photo)
    done = command("add-task", weights, "--name", "mine", "--exemplar", style, "--steps", 3, *arguments, "--out", new)
    assert done.code == 0, done.err
    assert done.out.splitlines() == [f"weights  {new}", f"preview  {tmp_path / 'new.preview.png'}"]
    assert images.size(tmp_path / "new.preview.png")[0] > 300
    assert looks(command, new, photo, tmp_path / "added", old) == before
    told = command("info", new).out
    assert told.startswith("tiny: 4 tasks, trained for 8 steps\n")
    assert "  mine                 style " in told
    task = json.loads(command("info", new, "--json").out)["recipe"]["tasks"][-1]
    assert (task["exemplars"], task["exemplar_size"], task["style_weight"]) == ([str(style)], 96, 2.0)
    rows = json.loads(command("evaluate", new, "--data", tiny_run.parent / "held-out", "--json").out)["rows"]
    assert {row["task"] for row in rows} == {"restore", "enlarge", "paint", "mine"}
    assert "style_distance" in {row["metric"] for row in rows if row["task"] == "mine"}

    assert command("rename-task", new, "--from", "mine", "--to", "ours", "--out", new).out == f"{new}\n"
    assert looks(command, new, photo, tmp_path / "renamed", old) == before
    assert "  ours " in command("info", new).out
    assert command("remove-task", new, "--name", "ours", "--name", "restore", "--out", new).out == f"{new}\n"
    left = looks(command, new, photo, tmp_path / "removed", "enlarge,paint")
    assert left == {name: content for name, content in before.items() if name != "restore.png"}


# -- errors ---------------------------------------------------------------------------------------


def test_what_add_task_refuses(
    tmp_path: Path, weights: Path, draw_picture: DrawPicture, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = draw_picture(tmp_path / "good.png")
    (tmp_path / "broken.png").write_bytes(good.read_bytes()[:200])
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "empty").mkdir()
    dot = draw_picture(tmp_path / "dot.png", 4, 4)
    named = {"--name": "mine", "--exemplar": good, "--out": tmp_path / "new.safetensors", "--steps": 1}
    cases: list[tuple[dict[str, Any], list[str]]] = [
        ({"--exemplar": tmp_path / "no.png"}, ["no.png", "no such file"]),
        ({"--exemplar": tmp_path / "broken.png"}, ["broken.png", "damaged or truncated"]),
        ({"--exemplar": tmp_path / "text.png"}, ["text.png", "not a picture"]),
        ({"--exemplar": "builtin:mosiac"}, ["did you mean 'builtin:mosaic'"]),
        ({"--photos": tmp_path / "nowhere"}, ["nowhere", "no such folder"]),
        ({"--photos": tmp_path / "empty"}, ["empty", "holds no picture"]),
        ({"--photos": good}, ["good.png", "expected a folder"]),
        ({"--preview": tmp_path / "no.png"}, ["no.png", "no such file"]),
        ({"--preview": dot}, ["dot.png", "4x4"]),
        ({"--name": "My Style"}, ["'My Style'", "lower-case"]),
        ({"--name": "paint"}, ["'paint'", "already"]),
        ({"--name": "sheet"}, ["'sheet'", "another file"]),
        ({"--out": tmp_path}, [str(tmp_path), "is a folder"]),
        ({"--out": tmp_path / "no" / "new.safetensors"}, ["no folder"]),
        ({"--strength-of-style": "inf"}, ["style_weight", "inf"]),
    ]
    for changes, words in cases:
        options = [word for option in {**named, **changes}.items() for word in option]
        said = refused("add-task", weights, *options)
        for word in words:
            assert word in said


def test_what_remove_task_and_rename_task_refuse(tmp_path: Path, weights: Path, refused: Refused) -> None:
    out = ("--out", tmp_path / "new.safetensors")
    assert "did you mean 'paint'" in refused("remove-task", weights, "--name", "pant", *out)
    everything = ("--name", "restore", "--name", "enlarge", "--name", "paint")
    assert "keep at least one" in refused("remove-task", weights, *everything, *out)
    assert "did you mean 'paint'" in refused("rename-task", weights, "--from", "pant", "--to", "new", *out)
    assert "already" in refused("rename-task", weights, "--from", "paint", "--to", "restore", *out)
    assert "lower-case" in refused("rename-task", weights, "--from", "paint", "--to", "New", *out)
    assert "Is a directory" in refused("remove-task", weights, "--name", "paint", "--out", tmp_path)
    gone = tmp_path / "gone" / "new.safetensors"
    assert "cannot be written" in refused("remove-task", weights, "--name", "paint", "--out", gone)
    (tmp_path / "text.safetensors").write_text("nonsense")
    assert "not a weights file" in refused("remove-task", tmp_path / "text.safetensors", "--name", "paint", *out)


# -- the ready-made weights -----------------------------------------------------------------------


def test_commands_take_the_ready_made_weights_by_default(
    tmp_path: Path,
    tiny_run: Path,
    weights: Path,
    draw_picture: DrawPicture,
    command: Command,
    refused: Refused,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    features = Path(str(weights_module.resources.files("prismgan"))) / "weights" / "features.safetensors"
    monkeypatch.setattr(weights_module.resources, "files", lambda package: tmp_path)
    photo, out = draw_picture(tmp_path / "a.png"), tmp_path / "out"
    commands: list[tuple[object, ...]] = [
        ("info",),
        ("render", photo, "--out", out),
        ("evaluate", "--data", tiny_run.parent / "held-out"),
        ("remove-task", "--name", "paint", "--out", tmp_path / "removed.safetensors"),
        ("rename-task", "--from", "paint", "--to", "new", "--out", tmp_path / "renamed.safetensors"),
    ]
    for words in (*commands, ("info", "prism-8"), ("render", photo, "--weights", "prism-8", "--out", out)):
        assert "no ready-made weights" in refused(*words)
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "prism-8.safetensors").write_bytes(weights.read_bytes())
    (tmp_path / "weights" / features.name).write_bytes(features.read_bytes())
    for words in (*commands, ("info", "prism-8")):
        finished = command(*words)
        assert finished.code == 0, finished.err


# -- publishing -----------------------------------------------------------------------------------


def test_published_weights(tmp_path: Path, tiny_run: Path, weights: Path, command: Command, tool: Command) -> None:
    def publish(recipe: Path, out: Path) -> tuple[int, str, str]:
        return astuple(tool("publish_weights", weights, "--recipe", recipe, "--out", out))

    out = tmp_path / "published.safetensors"
    assert publish(tiny_run.parent / "recipe.yaml", out) == (0, f"{out}: {out.stat().st_size:,} bytes\n", "")
    assert out.stat().st_size < 0.6 * weights.stat().st_size
    found = json.loads(command("info", out, "--json").out)
    assert str(tiny_run.parent) not in json.dumps(found["recipe"])
    assert found["recipe"]["data"]["train"][0]["folder"] == "photos"
    assert found["recipe"]["tasks"][2]["exemplars"] == ["painting.png"]
    assert found["recipe"]["tasks"][2]["exemplar_size"] == 64
    assert command("evaluate", out, "--data", tiny_run.parent / "held-out").code == 0
    refused = publish(tmp_path / "no.yaml", tmp_path / "other.safetensors")
    assert refused == (2, "", f"publish_weights: {tmp_path / 'no.yaml'}: no such recipe\n")
    assert not (tmp_path / "other.safetensors").exists()
    assert any(name.startswith("discriminator.") for name in weights_module.load_weights(out).tensors)


# -- a separate process ---------------------------------------------------------------------------


@pytest.mark.slow
def test_ctrl_c_ends_training_and_writes(
    tmp_path: Path, tiny_run: Path, weights: Path, command: Command, environment: dict[str, str]
) -> None:
    out = tmp_path / "new.safetensors"
    words = ["add-task", str(weights), "--name", "mine", "--exemplar", "builtin:mosaic", "--minutes", "60"]
    process = subprocess.Popen(
        [sys.executable, "-m", "prismgan", *words, "--photos", str(tiny_run.parent / "photos"), "--out", str(out)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        started = time.monotonic()
        while not (tmp_path / "new.preview.png").exists():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() - started < 200
            time.sleep(0.05)
        time.sleep(2)  # the preview is written just before the first step
        assert not out.exists()
        os.killpg(process.pid, signal.SIGINT)
        printed, said = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, said
    assert "the style so far is in" in said
    assert printed.splitlines()[0] == f"weights  {out}"
    assert "  mine " in command("info", out).out
