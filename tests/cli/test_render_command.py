"""The command ``render``: its outputs, messages and errors."""

from __future__ import annotations

import io
import json
import os
import platform
import shutil
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image
from rich.console import Console

from prismgan import Renderer, images
from prismgan.cli.progress import RenderProgress
from prismgan.networks import Generator, GeneratorConfig
from prismgan.weights import FORMAT, HeadEntry, Header, save_weights

Command = Callable[..., Any]
DrawPicture = Callable[..., Path]
Render = Callable[..., Any]
TASKS = ("restore", "enlarge", "paint")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained network."""
    torch.manual_seed(0)
    config = GeneratorConfig(widths=(8, 8), blocks=(1, 1), head_blocks=1, latent=4, code=8)
    entries = (
        HeadEntry(name="restore", kind="any", scale=1, fine=True, latent=False),
        HeadEntry(name="enlarge", kind="any", scale=2, fine=True, latent=False),
        HeadEntry(name="paint", kind="any", scale=1, fine=False, latent=True),
    )
    generator = Generator(config, [entry.spec() for entry in entries])
    with torch.no_grad():
        for head in generator.heads.values():
            head.last.weight.normal_(std=0.05)
    path = tmp_path_factory.mktemp("weights") / "weights.safetensors"
    header = Header(format=FORMAT, title="tiny", step=0, tasks=entries, generator=config, recipe={})
    save_weights(path, header, {"generator": generator.state_dict()})
    return path


@pytest.fixture
def render(tmp_path: Path, weights: Path, command: Command) -> Render:
    """Runs the command with these weights into ``out``."""

    def run(*arguments: object, out: Path = tmp_path / "out") -> Any:
        return command("render", *arguments, "--weights", weights, "--out", out)

    return run


def files(folder: Path) -> set[str]:
    """All files but the hidden ones, which record the options of results."""
    return {str(path.relative_to(folder)) for path in folder.rglob("[!.]*") if path.is_file()}


# -- outputs --------------------------------------------------------------------------------------


def test_files_and_folders(tmp_path: Path, draw_picture: DrawPicture, render: Render) -> None:
    single = draw_picture(tmp_path / "single.jpg", 33, 47)
    draw_picture(tmp_path / "many" / "one.png", 40, 41)
    draw_picture(tmp_path / "many" / "deep" / "two.webp", 64, 17)
    finished = render(single, tmp_path / "many", "--sheet")
    assert finished.code == 0, finished.err
    out = tmp_path / "out"
    assert files(out) == {f"{stem}/{name}.png" for stem in ("single", "one", "deep/two") for name in (*TASKS, "sheet")}
    assert set(finished.out.split()) == {str(out / path) for path in files(out)}
    assert finished.err == ""
    assert images.size(out / "single" / "restore.png") == (33, 47)
    assert images.size(out / "single" / "enlarge.png") == (66, 94)
    assert images.size(out / "deep" / "two" / "paint.png") == (64, 17)


def test_a_pattern(tmp_path: Path, draw_picture: DrawPicture, render: Render) -> None:
    draw_picture(tmp_path / "photos" / "x" / "a.jpg", 20, 20)
    draw_picture(tmp_path / "photos" / "b.png", 20, 20)
    assert render(f"{tmp_path}/photos/**/*.jpg", "--tasks", "restore").code == 0
    assert files(tmp_path / "out") == {"x/a/restore.png"}


def test_some_tasks(tmp_path: Path, draw_picture: DrawPicture, render: Render) -> None:
    photo = draw_picture(tmp_path / "a.png", 32, 32)
    assert render(photo, out=tmp_path / "all").code == 0
    assert render(photo, "--tasks", "paint, restore").code == 0
    assert files(tmp_path / "out") == {"a/paint.png", "a/restore.png"}
    for name in files(tmp_path / "out"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "all" / name).read_bytes()


def test_control(tmp_path: Path, draw_picture: DrawPicture, render: Render) -> None:
    photo = draw_picture(tmp_path / "a.png", 32, 32)
    Image.new("L", (8, 8), 255).save(tmp_path / "mask.png")
    blends = ("--blend", "restore=0.5,paint=0.5", "--blend", "dusk: restore = 1, paint = 3")
    more = ("--variations", 2, "--seed", 5, "--mask", tmp_path / "mask.png", "--memory", "1.5 GB", "--strength")
    finished = render(photo, "--tasks", "restore,paint", *blends, *more, "restore=0,paint=0.5")
    assert finished.code == 0, finished.err
    names = {f"{name}-seed-{seed}" for name in ("paint", "dusk", "restore-paint") for seed in (5, 6)}
    assert files(tmp_path / "out") == {f"a/{name}.png" for name in names | {"restore"}}
    assert torch.equal(images.read(tmp_path / "out/a/restore.png"), images.read(photo))
    first, second = (tmp_path / f"out/a/paint-seed-{seed}.png" for seed in (5, 6))
    assert first.read_bytes() != second.read_bytes()


def test_a_mask_of_another_shape_is_not_stretched(
    tmp_path: Path, draw_picture: DrawPicture, render: Render, command: Command
) -> None:
    """The other pictures are rendered; a size that was rounded when it was reduced counts as the same shape."""
    wide, square = draw_picture(tmp_path / "wide.png", 31, 61), draw_picture(tmp_path / "square.png", 40, 40)
    Image.new("L", (20, 10), 255).save(tmp_path / "mask.png")
    finished = render(wide, square, "--tasks", "restore", "--mask", tmp_path / "mask.png")
    assert finished.code == 1
    assert files(tmp_path / "out") == {"wide/restore.png", "failed.jsonl"}
    assert "square.png: has 40x40 pixels, but the mask has 20x10" in finished.err


def test_a_chain(tmp_path: Path, draw_picture: DrawPicture, render: Render) -> None:
    finished = render(draw_picture(tmp_path / "a.png", 32, 40), "--chain", "restore,enlarge", "--tasks", "")
    assert finished.code == 0, finished.err
    assert images.size(tmp_path / "out/a/restore+enlarge.png") == (64, 80)


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tiff", "avif"])
def test_formats(suffix: str, tmp_path: Path, draw_picture: DrawPicture, render: Render) -> None:
    photo = draw_picture(tmp_path / "a.png", 32, 40)
    assert render(photo, "--tasks", "restore", "--format", suffix, "--quality", 40).code == 0
    assert files(tmp_path / "out") == {f"a/restore.{suffix}"}
    assert images.size(tmp_path / f"out/a/restore.{suffix}") == (32, 40)


def test_results_go_to_looks_where_nothing_is_said(
    tmp_path: Path, weights: Path, draw_picture: DrawPicture, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    draw_picture(tmp_path / "photo.jpg", 20, 20)
    finished = command("render", "photo.jpg", "--weights", weights, "--tasks", "restore")
    assert finished.out == "looks/photo/restore.png\n"
    assert files(tmp_path / "looks") == {"photo/restore.png"}


def test_other_options_render_anew(tmp_path: Path, draw_picture: DrawPicture, render: Render) -> None:
    photo = draw_picture(tmp_path / "a.png", 20, 20)
    Image.new("L", (8, 8), 200).save(tmp_path / "mask.png")
    paint, restore = (f"{tmp_path / 'out/a' / name}.png\n" for name in ("paint", "restore"))
    tasks = ("--tasks", "restore,paint")
    done = "1 picture is already done with these options (--overwrite repeats it)\n"
    for options, written in (
        ((), restore + paint),
        (("--strength", "paint=0.5"), paint),
        (("--strength", "paint=0.5", "--memory", "1GB"), ""),  # the pixels are the same
        (("--seed", 3, "--strength", "paint=0.5"), paint),  # restoration does not vary
        (("--mask", tmp_path / "mask.png"), restore + paint),
        ((), restore + paint),
    ):
        finished = render(photo, *tasks, *options)
        assert finished.code == 0, finished.err
        assert finished.out == written, options
        assert finished.err == ("" if written else done)
    assert render(photo, *tasks, "--chain", "restore").out == restore + paint
    quality = ("--tasks", "restore", "--format", "jpg", "--quality")
    assert [len(render(photo, *quality, number).out.splitlines()) for number in (50, 50, 60)] == [1, 0, 1]


def test_other_weights_render_anew(
    tmp_path: Path, tiny_run: Path, draw_picture: DrawPicture, command: Command, render: Render
) -> None:
    photo = draw_picture(tmp_path / "a.png", 20, 20)
    assert render(photo, "--tasks", "restore").out
    other = ("--weights", tiny_run / "weights.safetensors", "--out", tmp_path / "out")
    assert command("render", photo, "--tasks", "restore", *other).out == f"{tmp_path / 'out/a/restore.png'}\n"


def test_a_sheet_shows_what_lies_beside_it(tmp_path: Path, draw_picture: DrawPicture, render: Render) -> None:
    photo = draw_picture(tmp_path / "a.png", 20, 20)
    sheet = tmp_path / "out/a/sheet.png"
    assert render(photo, "--tasks", "restore,paint", "--sheet").code == 0
    first = sheet.read_bytes()
    assert render(photo, "--tasks", "restore,paint", "--sheet").out == ""
    finished = render(photo, "--tasks", "restore,paint", "--sheet", "--strength", "paint=0")
    assert [Path(line).name for line in finished.out.splitlines()] == ["paint.png", "sheet.png"]
    assert sheet.read_bytes() != first


def test_what_is_done_is_skipped(tmp_path: Path, draw_picture: DrawPicture, render: Render) -> None:
    for name in ("a", "b"):
        draw_picture(tmp_path / "photos" / f"{name}.png", 20, 20)
    arguments = (tmp_path / "photos", "--tasks", "restore")
    assert render(*arguments).code == 0
    draw_picture(tmp_path / "photos" / "c.png", 20, 20)
    (tmp_path / "out/b/restore.png").write_bytes(b"mine")
    finished = render(*arguments)
    assert finished.code == 0
    assert finished.err == "2 pictures are already done with these options (--overwrite repeats it)\n"
    assert finished.out == f"{tmp_path / 'out/c/restore.png'}\n"
    assert (tmp_path / "out/b/restore.png").read_bytes() == b"mine"
    assert len(render(*arguments, "--overwrite").out.splitlines()) == 3
    assert images.size(tmp_path / "out/b/restore.png") == (20, 20)


def test_a_broken_picture_among_several(tmp_path: Path, draw_picture: DrawPicture, render: Render) -> None:
    for name in ("a", "z"):
        draw_picture(tmp_path / "photos" / f"{name}.png", 20, 20)
    (tmp_path / "photos" / "text.png").write_text("no picture")
    draw_picture(tmp_path / "photos" / "dot.png", 1, 1)
    finished = render(tmp_path / "photos", "--tasks", "restore")
    assert finished.code == 1
    assert [line.split(": ")[:2] for line in finished.err.splitlines()] == [
        ["prismgan", str(tmp_path / "photos" / name)] for name in ("dot.png", "text.png")
    ]
    assert files(tmp_path / "out") == {"a/restore.png", "z/restore.png", "failed.jsonl"}
    rows = [json.loads(line) for line in (tmp_path / "out" / "failed.jsonl").read_text().splitlines()]
    assert [f"prismgan: {row['problem']}" for row in rows] == finished.err.splitlines()
    assert [row["source"] for row in rows] == [str(tmp_path / "photos" / name) for name in ("dot.png", "text.png")]
    assert {row["node"] for row in rows} == {platform.node()}

    for name in ("dot.png", "text.png"):
        (tmp_path / "photos" / name).unlink()
    assert render(tmp_path / "photos", "--tasks", "restore").code == 0
    assert files(tmp_path / "out") == {"a/restore.png", "z/restore.png"}


def test_the_bar_is_for_terminals() -> None:
    terminal, pipe = (Console(file=io.StringIO(), force_terminal=kind, width=80) for kind in (True, False))
    for console in (terminal, pipe):
        with RenderProgress(3, console=console) as progress:
            progress(1.5)
            progress(3)
    shown = terminal.file.getvalue()  # type: ignore[attr-defined]
    assert "3/3" in shown
    assert "ETA" in shown
    assert pipe.file.getvalue() == ""  # type: ignore[attr-defined]


def test_a_line_now_and_then_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    with RenderProgress(4, console=Console(file=io.StringIO(), force_terminal=False)) as progress:
        progress.every = 0
        progress(1.5)
        progress.written("a/b.png")
    captured = capsys.readouterr()
    assert captured.err.startswith("1/4 pictures  ETA ")
    assert captured.out == "a/b.png\n"


# -- errors ---------------------------------------------------------------------------------------


@pytest.fixture
def refused(tmp_path: Path, weights: Path, refused: Callable[..., str]) -> Callable[..., str]:
    """Runs a command with these weights that must be refused; returns the line."""

    def run(*arguments: object, out: Path = tmp_path / "out") -> str:
        return refused("render", *arguments, "--weights", weights, "--out", out)

    return run


Refused = Callable[..., str]


def saved(picture: Image.Image, **settings: Any) -> bytes:
    content = io.BytesIO()
    picture.save(content, **settings)
    return content.getvalue()


def bomb() -> bytes:
    """A PNG that claims to have 65,535 pixels a side."""
    good = saved(Image.new("RGB", (20, 20)), format="PNG")
    header = b"IHDR" + b"\0\0\xff\xff" * 2 + good[24:29]
    return good[:12] + header + zlib.crc32(header).to_bytes(4, "big") + good[33:]


def float_tiff(value: float) -> bytes:
    content = io.BytesIO()
    tifffile.imwrite(content, np.full((20, 20, 3), value, dtype=np.float32), photometric="rgb")
    return content.getvalue()


FRAMES = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 60, 3), dtype=np.uint8))
BROKEN: dict[str, tuple[Callable[[], bytes], str]] = {
    "truncated": (lambda: saved(NOISE, format="JPEG")[:-500], "is damaged or truncated"),
    "zero bytes": (lambda: b"", "is not a picture"),
    "text": (lambda: b"no picture", "is not a picture"),
    "bomb": (bomb, "has more than 400,000,000 pixels"),
    "NaN": (lambda: float_tiff(float("nan")), "floating-point"),
    "float": (lambda: float_tiff(0.5), "floating-point"),
    "animated": (lambda: saved(FRAMES[0], format="WEBP", save_all=True, append_images=FRAMES[1:]), "is animated"),
    "dot": (lambda: saved(Image.new("RGB", (1, 1)), format="PNG"), "1x1"),
    "flat": (lambda: saved(Image.new("RGB", (64, 15)), format="PNG"), "64x15"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_picture_that_cannot_be_rendered(name: str, tmp_path: Path, refused: Refused) -> None:
    make, words = BROKEN[name]
    (tmp_path / "x.png").write_bytes(make())
    said = refused(tmp_path / "x.png")
    assert f"{tmp_path / 'x.png'}: " in said
    assert words in said


def test_the_wrong_suffix_is_no_matter(tmp_path: Path, render: Render) -> None:
    (tmp_path / "a.jpg").write_bytes(saved(NOISE, format="PNG"))
    assert render(tmp_path / "a.jpg", "--tasks", "restore").code == 0


def test_a_very_long_picture(tmp_path: Path, render: Render, refused: Refused) -> None:
    (tmp_path / "a.png").write_bytes(saved(Image.new("RGB", (65_535, 16)), format="PNG"))
    said = refused(tmp_path / "a.png", "--tasks", "restore", "--format", "jpg")
    assert "would have 65,535 pixels a side, but jpg allows 65,500" in said
    assert render(tmp_path / "a.png", "--tasks", "restore").code == 0
    assert images.size(tmp_path / "out/a/restore.png") == (16, 65_535)


def test_places_without_pictures(tmp_path: Path, draw_picture: DrawPicture, refused: Refused) -> None:
    good = draw_picture(tmp_path / "good.png")  # is not written either, although it comes first
    (tmp_path / "x.png").mkdir()
    shutil.copy(good, tmp_path / "...jpg")
    cases = {
        tmp_path / "nowhere.png": "no such file",
        tmp_path / "x.png": "holds no picture",
        f"{tmp_path}/*/*.png": "no picture matches",
        f"{tmp_path}/*/../../**/*.png": "leads out of the results' folder",
        tmp_path / "...jpg": "no folder for its results",
    }
    for given, words in cases.items():
        said = refused(good, given)
        assert str(given) in said
        assert words in said


def test_out_is_a_file(tmp_path: Path, draw_picture: DrawPicture, refused: Refused) -> None:
    (tmp_path / "out").write_text("mine")
    assert f"{tmp_path / 'out'}: is a file" in refused(draw_picture(tmp_path / "a.png"))


@pytest.mark.skipif(sys.platform == "win32" or not hasattr(os, "geteuid") or os.geteuid() == 0, reason="needs a user")
def test_out_cannot_be_written_to(tmp_path: Path, draw_picture: DrawPicture, refused: Refused) -> None:
    photo = draw_picture(tmp_path / "a.png")
    (tmp_path / "locked").mkdir(mode=0o500)
    assert "Permission denied" in refused(photo, out=tmp_path / "locked" / "out")


def test_a_read_only_disk(
    tmp_path: Path, draw_picture: DrawPicture, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path and access(path, mode))
    assert f"{tmp_path / 'out'}: cannot be written to" in refused(draw_picture(tmp_path / "a.png"))


def test_two_pictures_with_the_same_stem(tmp_path: Path, draw_picture: DrawPicture, refused: Refused) -> None:
    first, second = draw_picture(tmp_path / "a.png"), draw_picture(tmp_path / "more" / "a.jpg")
    said = refused(first, second)
    assert str(first) in said
    assert str(second) in said


def test_a_task_that_does_not_exist(tmp_path: Path, draw_picture: DrawPicture, refused: Refused) -> None:
    said = refused(draw_picture(tmp_path / "a.png"), "--tasks", "restore,piant")
    assert "'piant'" in said
    assert "did you mean 'paint'" in said
    assert "restore, enlarge, paint" in said


WRONG: dict[str, tuple[tuple[object, ...], str]] = {
    "no task": (("--tasks", " , "), "no task is named"),
    "strength of an unknown task": (("--strength", "piant=0.5"), "'piant'; did you mean 'paint'"),
    "strength out of range": (("--strength", "paint=3"), "from 0 to 2"),
    "strength is NaN": (("--strength", "paint=nan"), "from 0 to 2"),
    "strength without number": (("--strength", "paint"), "--strength 'paint': expected a name and a number"),
    "strength without name": (("--strength", "=1"), "names no task"),
    "strength of nothing": (("--strength", ""), "names no task"),
    "strength twice": (("--strength", "paint=1", "--strength", "paint=2"), "give it once"),
    "blend of unknown looks": (("--blend", "paint=1,comic=1"), "'comic'"),
    "blend without numbers": (("--blend", "paint,restore"), "expected a name and a number"),
    "blend of one look twice": (("--blend", "paint=1,paint=2"), "give it once"),
    "blend of nothing": (("--blend", "dusk:"), "names no look"),
    "blend of two scales": (("--blend", "paint=1,enlarge=1"), "blend tasks of the same scale"),
    "blend that leaves the folder": (("--blend", "../../x:paint=1,restore=1"), "'../../x'"),
    "two blends of one name": (("--blend", "a:paint=1", "--blend", "a:restore=1"), "another name"),
    "negative seed": (("--seed", "-1"), "seed -1"),
    "no variations": (("--variations", "0"), "--variations 0: expected 1 to 1000"),
    "too many variations": (["--variations", "1001"], "--variations 1001: expected 1 to 1000"),
    "unknown link": (("--chain", "restore,enlarge-2x"), "'enlarge-2x'; did you mean 'enlarge'"),
    "unknown format": (("--format", "jpeg"), "format 'jpeg'; did you mean 'jpg'"),
    "format that leaves the folder": (("--format", "/../../x.png"), "expected one of: png"),
    "quality 0": (("--quality", "0"), "quality 0: expected a whole number from 1 to 100"),
    "bad memory": (("--memory", "2 potatoes"), "--memory '2 potatoes': expected a size, for example 2GB or 800MB"),
    "no memory": (("--memory", "0GB"), "--memory '0GB'"),
    "variations of what does not vary": (
        ("--variations", "3", "--tasks", "restore"),
        "(tasks of these weights that do: ",
    ),
    "mask is missing": (("--mask", "nowhere.png"), "nowhere.png: no such file"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_options(name: str, tmp_path: Path, draw_picture: DrawPicture, refused: Refused) -> None:
    arguments, words = WRONG[name]
    assert words in refused(draw_picture(tmp_path / "a.png", 20, 20), *arguments)


@pytest.mark.parametrize(
    ("text", "size"), [("2GB", 2 * 10**9), ("800MB", 8 * 10**8), ("1.5 gib", 3 * 2**29), ("4k", 4000), ("7", 7)]
)
def test_sizes(text: str, size: int) -> None:
    from prismgan.cli.options import parsed_size

    assert parsed_size(text) == size


# -- one reader -----------------------------------------------------------------------------------


def _kinds(folder: Path) -> dict[str, Path]:
    """Pictures that two readers would decode differently."""
    deep = np.random.default_rng(3).integers(0, 65536, (20, 24, 3), dtype=np.uint16)
    shallow = Image.fromarray((deep >> 8).astype(np.uint8))
    alpha = np.linspace(0, 65535, 20 * 24).reshape(20, 24).astype(np.uint16)
    exif = Image.Exif()
    exif[0x0112] = 6
    files = {
        name: folder / name
        for name in ("deep-a.png", "deep.tiff", "clear.png", "clear-w.webp", "cmyk.jpg", "turned.jpg")
    }
    images.write_picture(files["deep-a.png"], images.Picture(deep, alpha))
    images.write_picture(files["deep.tiff"], images.Picture(deep))
    for name in ("clear.png", "clear-w.webp"):
        images.write_picture(files[name], images.Picture((deep >> 8).astype(np.uint8), (alpha >> 8).astype(np.uint8)))
    shallow.convert("CMYK").save(files["cmyk.jpg"])
    shallow.save(files["turned.jpg"], exif=exif)
    return files


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tiff"])
def test_the_renderer_saves_what_the_command_writes(suffix: str, tmp_path: Path, weights: Path, render: Render) -> None:
    renderer = Renderer.load(weights)
    for name, photo in _kinds(tmp_path).items():
        finished = render(photo, "--format", suffix)
        assert finished.code == 0, finished.err
        looks = renderer(photo)
        assert looks["restore"].depth == (16 if "deep" in name else 8)
        for task, look in looks.items():
            look.save(tmp_path / f"own.{suffix}")
            written = tmp_path / "out" / photo.stem / f"{task}.{suffix}"
            assert (tmp_path / f"own.{suffix}").read_bytes() == written.read_bytes(), (name, task)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("--engine", "rey"), "--engine 'rey': expected local or ray; did you mean 'ray'?"),
        (("--workers", 2), "--workers 2: is only for a cluster; add --engine ray, or leave it out"),
        (("--address", "auto"), "--address auto: is only for a cluster; add --engine ray, or leave it out"),
    ],
)
def test_options_of_a_cluster(
    words: tuple[object, ...], error: str, tmp_path: Path, draw_picture: DrawPicture, command: Command
) -> None:
    finished = command("render", draw_picture(tmp_path / "a.png", 20, 20), "--out", tmp_path / "out", *words)
    assert (finished.code, finished.err) == (2, f"prismgan: {error}\n")


def test_ray_is_an_extra(
    tmp_path: Path, draw_picture: DrawPicture, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prismgan.packages.find_spec", lambda module: None)
    photo = draw_picture(tmp_path / "a.png", 20, 20)
    finished = command("render", photo, "--out", tmp_path / "out", "--engine", "ray")
    assert finished.code == 2
    assert finished.err == "prismgan: --engine ray: needs the package ray; install it: pip install 'prismgan[ray]'\n"
