"""Pictures in object stores: rendered, done already, or refused. The store is fsspec's memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

from helpers.tiny_weights import tiny_weights

Command = Callable[..., Any]
DrawPicture = Callable[..., Path]


@pytest.fixture
def store(tmp_path: Path, draw_picture: DrawPicture) -> Iterator[Any]:
    """A store with ``memory://photos/a.png`` and ``x/b.png`` in it."""
    files = fsspec.filesystem("memory")
    for name in ("a.png", "x/b.png"):
        files.pipe_file(f"/photos/{name}", draw_picture(tmp_path / "photos" / name, 20, 24, len(name)).read_bytes())
    yield files
    files.store.clear()
    files.pseudo_dirs[:] = [""]


@pytest.fixture
def render(tmp_path: Path, command: Command) -> Callable[..., Any]:
    """Renders ``restore`` of pictures."""
    weights = tmp_path / "tiny.safetensors"
    tiny_weights("restore", "paint").save(weights)
    return lambda *words: command("render", *words, "--weights", weights, "--tasks", "restore")


def results(files: Any, root: str = "/looks") -> dict[str, bytes]:
    """All files but the manifests, by name."""
    return {path: files.cat_file(path) for path in files.find(root) if not path.endswith(".json")}


def test_results_are_those_of_files(tmp_path: Path, store: Any, render: Callable[..., Any]) -> None:
    assert render(tmp_path / "photos", "--out", tmp_path / "looks").code == 0
    finished = render("memory://photos", "--out", "memory://looks/")
    assert (finished.code, finished.err) == (0, "")
    assert finished.out.splitlines() == ["memory://looks/a/restore.png", "memory://looks/x/b/restore.png"]
    assert results(store) == {
        f"/looks/{name}/restore.png": (tmp_path / "looks" / name / "restore.png").read_bytes() for name in ("a", "x/b")
    }
    for place, source in ((f"file://{tmp_path}/other", "memory://photos"), ("memory://other", tmp_path / "photos")):
        finished = render(source, "--out", place)
        assert (finished.code, finished.err) == (0, "")
    for name in ("a", "x/b"):
        here = (tmp_path / "looks" / name / "restore.png").read_bytes()
        assert (tmp_path / "other" / name / "restore.png").read_bytes() == here
        assert store.cat_file(f"/other/{name}/restore.png") == here


def test_what_is_done_stays_until_picture_or_options_change(
    tmp_path: Path, store: Any, render: Callable[..., Any], draw_picture: DrawPicture
) -> None:
    words = ("memory://photos", "--out", "memory://looks")
    assert render(*words).code == 0
    again = render(*words)
    assert (again.out, again.err) == ("", "2 pictures are already done with these options (--overwrite repeats it)\n")
    assert len(render(*words, "--overwrite").out.splitlines()) == 2
    # Another picture, though an older one; another option; a missing result.
    store.pipe_file("/photos/a.png", draw_picture(tmp_path / "new.png", 28, 20, 9).read_bytes())
    assert render(*words).out == "memory://looks/a/restore.png\n"
    assert len(render(*words, "--strength", "restore=0.5").out.splitlines()) == 2
    assert len(render(*words).out.splitlines()) == 2
    store.rm_file("/looks/x/b/restore.png")
    assert render(*words).out == "memory://looks/x/b/restore.png\n"


def test_an_interrupted_rendering_is_not_taken_for_done(
    store: Any, render: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even with the previous options, which some of the results no longer match."""
    words = ("memory://photos/a.png", "--out", "memory://looks")
    assert render(*words).code == 0
    put, calls = type(store).pipe_file, []

    def fail_after_the_result(self: Any, path: str, content: bytes, **options: Any) -> None:
        if calls and calls[-1].endswith(".png"):
            raise OSError("the line is dead")
        calls.append(path)
        put(self, path, content, **options)

    with monkeypatch.context() as context:
        context.setattr(type(store), "pipe_file", fail_after_the_result)
        finished = render(*words, "--strength", "restore=0.5")
    assert finished.code == 2
    assert finished.err.splitlines()[-1] == (
        "prismgan: memory://looks/a/.prismgan.json: cannot be written (the line is dead)"
    )
    assert render(*words).out == "memory://looks/a/restore.png\n"


def test_patterns_hidden_files_and_results_among_the_pictures(store: Any, render: Callable[..., Any]) -> None:
    store.pipe_file("/photos/.hidden.png", b"")
    store.pipe_file("/photos/read.me", b"")
    finished = render("memory://photos/**/*.png", "--out", "memory://photos/looks")
    assert set(finished.out.splitlines()) == {f"memory://photos/looks/{name}/restore.png" for name in ("a", "x/b")}
    finished = render("memory://photos", "--out", "memory://photos/looks")
    assert finished.err.startswith("2 pictures are already done")


def test_a_broken_picture_is_named_by_its_address(store: Any, render: Callable[..., Any]) -> None:
    store.pipe_file("/photos/broken.png", b"no picture")
    finished = render("memory://photos", "--out", "memory://looks")
    assert finished.code == 1
    assert finished.err.startswith("prismgan: memory://photos/broken.png: is not a picture")
    (row,) = map(json.loads, store.cat_file("/looks/failed.jsonl").decode().splitlines())
    assert row["source"] == "memory://photos/broken.png"
    assert len(results(store)) == 3


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("memory://nowhere",), "memory://nowhere: there is no picture"),
        (("memory://photos/*.gif",), "memory://photos/*.gif: no picture matches"),
        (("memory://photos", "memory://photos/a.jpg"), "would use the same folder memory://looks/a as memory://"),
        (("memory://looks/a/restore.png", "memory://photos/a.png"), "its result would replace the picture memory://"),
        (("nothing://photos",), "nothing://photos: cannot be read (Protocol not known: nothing"),
    ],
)
def test_refused(store: Any, render: Callable[..., Any], words: tuple[str, ...], error: str) -> None:
    for name in ("/photos/a.jpg", "/looks/a/restore.png"):
        store.pipe_file(name, store.cat_file("/photos/a.png"))
    before = store.find("/")
    finished = render(*words, "--out", "memory://looks")
    assert (finished.code, finished.out) == (2, "")
    assert error in finished.err
    assert finished.err.count("\n") == 1
    assert store.find("/") == before
