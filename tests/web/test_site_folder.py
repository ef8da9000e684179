"""The folder of a site: its contents, and when it is not written. Its behaviour is tested in tests/web/test_site.py."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx", reason="the extra 'export' is not installed")
pytest.importorskip("onnxruntime", reason="the extra 'export' is not installed")

from helpers.tiny_weights import TASKS, tiny_weights
from prismgan.errors import PrismganError
from prismgan.export.browser_graphs import VALUES, Pieces
from prismgan.web import onnxruntime_web
from prismgan.web.site_writer import SERVER_ALONE, write_site
from prismgan.weights import save_weights

Command = Callable[..., Any]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of an unpacked onnxruntime-web, without their contents."""
    folder = tmp_path_factory.mktemp("npm") / "package"
    (folder / "dist").mkdir(parents=True)
    about = {"name": onnxruntime_web.NAME, "version": onnxruntime_web.VERSION}
    (folder / "package.json").write_text(json.dumps(about))
    for name in onnxruntime_web.FILES:
        (folder / "dist" / name).write_text(name)
    return folder


@pytest.fixture(scope="module")
def site(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sites") / "site"
    write_site(tiny_weights(), folder, onnxruntime=package)
    return folder


@pytest.mark.parametrize(("levels", "finest"), [(1, 2), (2, 2), (3, 2), (2, 1)])
def test_the_pieces_make_what_the_generator_makes(levels: int, finest: int) -> None:
    found = Pieces(tiny_weights(levels=levels, finest=finest).generator(), list(TASKS))
    for row in found.compare():
        assert row.maximum < 0.01, row.task


def test_pieces_for_looks_alone_leave_the_fine_part_out() -> None:
    generator = tiny_weights().generator()
    found = Pieces(generator, ["paint", "fine-2x"])
    assert list(found.files) == ["trunk", "branch", "enlarge-2x", "head-paint", "head-fine-2x"]
    assert found.compare()


def test_no_convolution_has_a_number_of_maps_that_graphics_processors_get_wrong() -> None:
    """See ``GeneratorGraph``: six were, three and multiples of four are not."""
    import onnx

    for name, file in Pieces(tiny_weights().generator(), list(TASKS)).files.items():
        graph = onnx.load_from_string(file).graph
        shapes = {constant.name.removesuffix(" in float16"): constant.dims for constant in graph.initializer}
        for node in graph.node:
            if node.op_type == "Conv":
                assert shapes[node.input[1]][1] == 3 or shapes[node.input[1]][1] % 4 == 0, f"{name}: {node.name}"


def test_weights_that_float16_holds_are_stored_in_it() -> None:
    def size(half: bool) -> int:
        generator = tiny_weights().generator()
        if half:
            generator.half().float()
        return sum(map(len, Pieces(generator, list(TASKS)).files.values()))

    assert size(half=True) < 0.85 * size(half=False)


def test_a_piece_that_is_wrong_is_not_written(package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Pieces.run

    def off(self: Pieces, piece: str, values: Any) -> Any:
        return {name: value + np.float32(0.01) for name, value in run(self, piece, values).items()}

    monkeypatch.setattr(Pieces, "run", off)
    with pytest.raises(PrismganError, match="is not written, because"):
        write_site(tiny_weights(), tmp_path / "site", onnxruntime=package)
    assert list(tmp_path.iterdir()) == []


def test_every_file_that_a_script_names_is_there(site: Path) -> None:
    for script in (site / "static").glob("*.js"):
        for name in re.findall(r"""(?:from|import\(|URL\() ?"\.?/?([\w-]+\.js)\"""", script.read_text()):
            if name not in SERVER_ALONE:  # behind conditions that never hold on a site
                assert (site / "static" / name).is_file(), f"{script.name} names {name}"
    index = (site / "index.html").read_text()
    for name in re.findall(r'(?:src|href)="(static/[^"]+)"', index):
        assert (site / name).is_file(), name
    assert 'http-equiv="Content-Security-Policy"' in index
    shell = re.search(r"const SHELL = (\[.*?\]);", (site / "service-worker.js").read_text())
    assert shell is not None
    for name in json.loads(shell[1]):
        assert (site / name).exists(), name


def test_the_description_says_what_the_scripts_need(site: Path) -> None:
    about = json.loads((site / "about.json").read_text())
    assert [task["name"] for task in about["tasks"]] == list(TASKS)
    assert about["tasks"][4] == {
        "name": "varied", "title": "Varied", "kind": "any", "scale": 1, "fine": False, "varies": True,
    }  # fmt: skip
    assert about["halo"] % about["cell"] == 0
    assert about["latent"] == 4
    for name in about["pieces"]:
        assert (site / about["network"] / f"{name}.onnx").is_file()
    assert list(about["check"]["expected"]) == list(TASKS)
    assert {len(values) for values in about["check"]["expected"].values()} == {VALUES}


def test_what_changes_changes_the_cache(site: Path, package: Path, tmp_path: Path) -> None:
    def cache(folder: Path) -> str:
        found = re.search(r"prismgan-[0-9a-f]{16}", (folder / "service-worker.js").read_text())
        assert found is not None
        return found[0]

    write_site(tiny_weights(), tmp_path / "same", onnxruntime=package)
    write_site(tiny_weights("paint"), tmp_path / "other", onnxruntime=package)
    assert cache(tmp_path / "same") == cache(site)
    assert cache(tmp_path / "other") != cache(site)


def test_an_earlier_site_is_replaced_when_asked_for(package: Path, tmp_path: Path) -> None:
    folder = tmp_path / "site"
    folder.mkdir()
    write_site(tiny_weights("paint"), folder, onnxruntime=package)  # into an empty folder
    with pytest.raises(PrismganError, match="--overwrite replaces it"):
        write_site(tiny_weights("restore"), folder, onnxruntime=package)
    write_site(tiny_weights("restore"), folder, onnxruntime=package, overwrite=True)
    assert not list(folder.glob("*/head-paint.onnx"))
    assert len(list(folder.glob("*/head-restore.onnx"))) == 1
    assert list(tmp_path.iterdir()) == [folder]


def test_what_fails_leaves_the_earlier_site(site: Path, package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sorted(file.stat().st_mtime_ns for file in site.rglob("*"))
    write_bytes = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        if path.name == "about.json":
            raise OSError(28, "No space left on device")
        return write_bytes(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(PrismganError, match=r"No space left.*unchanged"):
        write_site(tiny_weights(), site, onnxruntime=package, overwrite=True)
    assert sorted(file.stat().st_mtime_ns for file in site.rglob("*")) == before
    assert list(site.parent.iterdir()) == [site]


@pytest.mark.parametrize(
    ("arrange", "says"),
    [
        (lambda out: out.write_text("x"), "is a file, expected a folder"),
        (lambda out: (out / "sub").mkdir(parents=True), "is not empty and is not a site"),
    ],
)
def test_a_folder_of_something_else_is_left_alone(
    package: Path, tmp_path: Path, command: Command, arrange: Callable[[Path], Any], says: str
) -> None:
    out, weights = tmp_path / "out", tmp_path / "w.safetensors"
    arrange(out)
    tiny = tiny_weights("paint")
    save_weights(weights, tiny.header, {"generator": tiny.part("generator")})
    for more in ((), ("--overwrite",)):
        done = command("export", weights, "--format", "site", "--out", out, "--onnxruntime-web", package, *more)
        assert done.code == 2
        assert says in done.err
        assert done.err.count("\n") == 1


def test_without_npm_it_says_both_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PrismganError, match=r"npm is not installed; install it, or .*--onnxruntime-web"):
        onnxruntime_web.runtime_files()


def test_an_npm_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho 'npm error code ENOTFOUND' >&2\nexit 1\n")
    npm.chmod(0o755)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    with pytest.raises(PrismganError, match=r"npm cannot download .*ENOTFOUND"):
        onnxruntime_web.runtime_files()
    npm.write_text('#!/bin/sh\necho another > "$5/onnxruntime-web-1.30.0.tgz"\n')
    with pytest.raises(PrismganError, match="as it was published"):
        onnxruntime_web.runtime_files()
    assert not (tmp_path / "cache").exists()


def test_another_package_is_refused(tmp_path: Path, package: Path) -> None:
    with pytest.raises(PrismganError, match="no such file"):
        onnxruntime_web.runtime_files(tmp_path / "missing.tgz")
    (tmp_path / "own.tgz").write_bytes(b"x")
    with pytest.raises(PrismganError, match="as it was published"):
        onnxruntime_web.runtime_files(tmp_path / "own.tgz")
    with pytest.raises(PrismganError, match="is not the unpacked"):
        onnxruntime_web.runtime_files(tmp_path)
    (tmp_path / "package.json").write_text('{"name": "onnxruntime-web", "version": "1.0.0"}')
    with pytest.raises(PrismganError, match=r"holds onnxruntime-web 1\.0\.0"):
        onnxruntime_web.runtime_files(tmp_path)
    assert set(onnxruntime_web.runtime_files(package)) == set(onnxruntime_web.FILES)


def test_help_and_docs_name_the_version_that_is_wanted(command: Command) -> None:
    docs = (Path(__file__).parents[2] / "docs" / "serving.md").read_text()
    unwrapped = re.sub(r"\n +", "", command("export", "--help").out)  # help breaks lines at hyphens
    for text in (unwrapped, docs):
        assert {onnxruntime_web.VERSION} == set(re.findall(rf"{onnxruntime_web.NAME}@([\d.]+\d)", text))


def test_options_of_the_other_format_are_refused(tmp_path: Path, command: Command) -> None:
    done = command("export", "--format", "site", "--out", tmp_path / "site", "--precision", "float16")
    assert (done.code, "--format onnx" in done.err) == (2, True)
    done = command("export", "--out", tmp_path / "x.onnx", "--overwrite")
    assert (done.code, "--format site" in done.err) == (2, True)
    assert list(tmp_path.iterdir()) == []
