"""Broken inputs of ``render``, ``video`` and ``export``: one line each, the right exit code, and nothing is lost.

``test_render_command.py``, ``test_video_command.py`` and ``test_export.py`` have the simple cases: a missing file, a
wrong option. This file has other common cases, and malicious ones.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.broken_files import BROKEN, CLIPS, NOISE, Clips, saved, whole_clips
from helpers.tiny_weights import tiny_weights
from helpers.trees import tree
from prismgan.render.video.segment import ClipJob

Command = Callable[..., Any]
DrawPicture = Callable[..., Path]
Refused = Callable[..., str]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    tiny_weights("restore", "paint").save(path)
    return path


@pytest.fixture(autouse=True)
def nothing_past_python(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """libtiff, FFmpeg and encoders write to the process's own stderr; their messages would be a second line."""
    yield
    assert capfd.readouterr() == ("", "")


def files(folder: Path) -> list[str]:
    """All files but the hidden ones, which record the options of results."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("[!.]*") if not path.is_dir())


# -- pictures -------------------------------------------------------------------------------------

IN_TEST_RENDER_COMMAND = ("empty", "text", "truncated JPEG", "bomb", "NaN", "WebP")


@pytest.fixture
def render(tmp_path: Path, weights: Path, command: Command) -> Callable[..., Any]:
    def run(*arguments: object, out: object = tmp_path / "out") -> Any:
        return command("render", *arguments, "--weights", weights, "--out", out)

    return run


@pytest.fixture
def render_refused(tmp_path: Path, weights: Path, refused: Refused) -> Refused:
    def run(*arguments: object, out: object = tmp_path / "out") -> str:
        return refused("render", *arguments, "--weights", weights, "--out", out)

    return run


@pytest.mark.parametrize("name", [name for name in BROKEN if name not in IN_TEST_RENDER_COMMAND])
def test_a_broken_picture(name: str, tmp_path: Path, render_refused: Refused) -> None:
    make, *words = BROKEN[name]
    (tmp_path / "x.png").write_bytes(make())
    said = render_refused(tmp_path / "x.png")
    assert said.startswith(f"prismgan: {tmp_path / 'x.png'}: ")
    assert all(word in said for word in words), said


def test_all_of_them_in_a_folder(tmp_path: Path, draw_picture: DrawPicture, render: Callable[..., Any]) -> None:
    photos = tmp_path / "photos"
    draw_picture(photos / "a.png", 20, 24)
    draw_picture(photos / "deep" / "z.jpg", 24, 20)
    for name, (make, *_) in BROKEN.items():
        (photos / f"{name}.png").write_bytes(make())
    (photos / "link.png").symlink_to("nowhere.png")
    broken = {**BROKEN, "link": (bytes, "is a broken link", "fix or remove it")}
    before = tree(photos)
    done = render(photos, "--tasks", "restore")
    assert done.code == 1
    lines = done.err.splitlines()
    assert len(lines) == len(broken)
    for name, (_, *words) in broken.items():
        (line,) = (line for line in lines if line.startswith(f"prismgan: {photos / f'{name}.png'}: "))
        assert all(word in line for word in words), line
    assert files(tmp_path / "out") == ["a/restore.png", "deep/z/restore.png", "failed.jsonl"]
    assert len(list((tmp_path / "out").rglob("[!.]*"))) == 6  # no folder for a broken picture
    assert tree(photos) == before


ODD: dict[str, Callable[[], bytes]] = {
    "CMYK": lambda: saved(NOISE.convert("CMYK"), "JPEG"),
    "black and white": lambda: saved(NOISE.convert("1"), "PNG"),
    "palette with a transparent colour": lambda: saved(NOISE.convert("P"), "PNG", transparency=3),
    "GIF of one frame": lambda: saved(NOISE.convert("P"), "GIF"),
    "fax": lambda: saved(NOISE.convert("1"), "TIFF", compression="group4"),
}


@pytest.mark.parametrize("name", ODD)
def test_what_is_odd_and_whole_is_rendered(name: str, tmp_path: Path, render: Callable[..., Any]) -> None:
    (tmp_path / "x.jpg").write_bytes(ODD[name]())
    done = render(tmp_path / "x.jpg", "--tasks", "restore")
    assert (done.code, done.err) == (0, "")
    assert files(tmp_path / "out") == ["x/restore.png"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
def test_a_pipe_is_not_waited_for(tmp_path: Path, draw_picture: DrawPicture, render_refused: Refused) -> None:
    os.mkfifo(tmp_path / "x.png")
    assert "is a pipe or a device, expected a picture; save" in render_refused(tmp_path / "x.png")
    photo = draw_picture(tmp_path / "a.png", 20, 20)
    assert "is a pipe or a device, expected a picture; save" in render_refused(photo, "--mask", tmp_path / "x.png")


MASKS: dict[str, tuple[Callable[[Path], object], str]] = {
    "text": (lambda path: path.write_text("no picture"), "is not a picture that can be read"),
    "truncated": (lambda path: path.write_bytes(BROKEN["truncated PNG"][0]()), "is damaged or truncated"),
    "floating-point": (lambda path: path.write_bytes(BROKEN["NaN"][0]()), "has floating-point pixels"),
    "animated": (lambda path: path.write_bytes(BROKEN["APNG"][0]()), "is animated; save one frame"),
    "folder": (lambda path: path.mkdir(), "is a folder, expected a picture"),
    "link": (lambda path: path.symlink_to("nowhere"), "is a broken link"),
}


@pytest.mark.parametrize("name", MASKS)
def test_a_broken_mask(name: str, tmp_path: Path, draw_picture: DrawPicture, render_refused: Refused) -> None:
    make, words = MASKS[name]
    make(tmp_path / "mask.png")
    said = render_refused(draw_picture(tmp_path / "a.png", 20, 20), "--mask", tmp_path / "mask.png")
    assert f"{tmp_path / 'mask.png'}: {words}" in said


# -- names ----------------------------------------------------------------------------------------

NAMES = {
    "lines": ("a\nb\u2028c", "a\\nb\\u2028c"),
    "escape codes": ("a\x1b(0b\x9b2J", "a\\x1b(0b\\x9b2J"),
    "direction": ("a\u202egpj.b", "a\\u202egpj.b"),
    "not UTF-8": ("a\udcffb", "a\\udcffb"),
}


@pytest.mark.parametrize("name", NAMES)
def test_names_that_would_break_the_line(name: str, tmp_path: Path, render_refused: Refused) -> None:
    written, said = NAMES[name]
    try:
        (tmp_path / f"{written}.png").write_text("no picture")
    except OSError:
        pytest.skip("this system has no such names")
    assert f"prismgan: {tmp_path}/{said}.png: is not" in render_refused(tmp_path / f"{written}.png")
    assert f"prismgan: {tmp_path}/no {said}.png: no such file" in render_refused(tmp_path / f"no {written}.png")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_real_process_prints_all_names(
    tmp_path: Path, weights: Path, draw_picture: DrawPicture, environment: dict[str, str]
) -> None:
    good, bad = draw_picture(tmp_path / "photos" / "a\udcffb.png", 20, 20), tmp_path / "photos" / "line\nbreak.png"
    shutil.copy(good, bad)
    bad.write_bytes(bad.read_bytes()[:-99])
    options = ["--weights", weights, "--tasks", "restore", "--out", tmp_path / "out"]
    done = subprocess.run(
        [sys.executable, "-m", "prismgan", "render", tmp_path / "photos", *options],
        env={**environment, "PYTHONIOENCODING": "utf-8:strict"},
        capture_output=True,
        timeout=120,
    )
    assert done.returncode == 1
    assert done.stdout == os.fsencode(tmp_path / "out" / "a\udcffb" / "restore.png") + b"\n"
    assert done.stderr.decode().startswith(f"prismgan: {tmp_path}/photos/line\\nbreak.png: is damaged or truncated")
    assert done.stderr.count(b"\n") == 1


# -- where results go -----------------------------------------------------------------------------

LONG = "x" * 300


def written(path: Path) -> Path:
    """A file of the user's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine")
    return path


def linked(path: Path) -> Path:
    path.symlink_to("nowhere")
    return path


def made(path: Path) -> Path:
    path.mkdir(parents=True)
    return path


PLACES: dict[str, tuple[Callable[[Path], object], tuple[str, ...], str, str]] = {
    # Files made beside a.png and b.png, the pictures to render, the output folder, and the message.
    "a file above": (
        lambda here: written(here / "file"),
        ("a.png",),
        "file/out",
        "prismgan: file/out: cannot be created, because ",
    ),
    "a link to nowhere": (lambda here: linked(here / "out"), ("a.png",), "out", "out: is a broken link"),
    "below a link to nowhere": (
        lambda here: linked(here / "link"),
        ("a.png",),
        "link/out",
        "link is a broken link",
    ),
    "a name that is too long": (bytes, ("a.png",), f"{LONG}/out", "(File name too long); choose another folder"),
    "a file as a picture's folder": (
        lambda here: written(here / "out" / "b"),
        ("a.png", "b.png"),
        "out",
        "b.png: its results' folder would be out/b, which is a file; choose another folder",
    ),
    "a folder as a result": (
        lambda here: made(here / "out" / "b" / "paint.png"),
        ("a.png", "b.png"),
        "out",
        "b.png: its result would be out/b/paint.png, which is a folder; remove it",
    ),
    "a picture without a suffix, in place": (
        lambda here: shutil.copy(here / "a.png", here / "plain"),
        ("plain",),
        ".",
        "plain: its results' folder would be plain, which is a file; choose another folder",
    ),
    "no name": (bytes, ("",), "out", "a picture's name is empty; name a picture"),
    "two of one name in a folder": (
        lambda here: shutil.copy(here / "a.png", here / "a.jpg"),
        (".",),
        "out",
        "a.png: would use the same folder out/a as a.jpg; render one of them elsewhere",
    ),
    "a folder of results alone": (
        lambda here: shutil.copy(here / "a.png", made(here / "out") / "c.png"),
        ("out",),
        "out",
        "out: holds no picture beside those in out",
    ),
    "a pattern of results alone": (
        lambda here: shutil.copy(here / "a.png", made(here / "out") / "c.png"),
        ("out/**/*.png",),
        "out",
        "out/**/*.png: no picture matches",
    ),
}


@pytest.mark.parametrize("name", PLACES)
def test_places_for_results_that_are_taken(
    name: str, tmp_path: Path, draw_picture: DrawPicture, render_refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare, given, out, words = PLACES[name]
    for stem in ("a", "b"):
        draw_picture(tmp_path / f"{stem}.png", 20, 20)
    prepare(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert words in render_refused(*given, out=out)


def test_no_result_replaces_a_picture(
    tmp_path: Path, draw_picture: DrawPicture, render_refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    draw_picture(tmp_path / "paint" / "paint.png", 20, 20)
    draw_picture(tmp_path / "a.png", 20, 20)
    draw_picture(tmp_path / "a" / "restore.png", 20, 20)
    for given, culprit in ((("paint/paint.png",), "paint/paint.png"), (("a/restore.png", "a.png"), "a/restore.png")):
        for more in ((), ("--overwrite",)):
            said = render_refused(*given, *more, out=".")
            assert f"{given[-1]}: its result would replace the picture {culprit}; choose another folder" in said


def test_a_path_that_climbs_stays_in_the_folder(
    tmp_path: Path, draw_picture: DrawPicture, render: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    draw_picture(tmp_path / "photos" / "deep" / "a.png", 20, 20)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for number, given in enumerate(("../photos/deep/../deep/a.png", "../photos", "../photos/**/*.png")):
        assert render(given, "--tasks", "restore", out=f"out-{number}").code == 0
    # Pictures in out-2 are not its sources, although the searched folder contains it.
    assert render("..", "--tasks", "restore", out="out-2").code == 0
    assert files(tmp_path / "here")[:3] == [
        "out-0/a/restore.png",
        "out-1/deep/a/restore.png",
        "out-2/deep/a/restore.png",
    ]
    assert [path.name for path in tmp_path.iterdir() if path.name not in ("here", "photos")] == []


def test_a_memory_beyond_all_numbers(tmp_path: Path, draw_picture: DrawPicture, render_refused: Refused) -> None:
    said = render_refused(draw_picture(tmp_path / "a.png", 20, 20), "--memory", "9" * 400)
    assert "expected a size, for example 2GB or 800MB" in said


# -- clips ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Clips:
    pytest.importorskip("av")
    return whole_clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture
def video(tmp_path: Path, weights: Path, command: Command) -> Callable[..., Any]:
    def run(*arguments: object, out: object = tmp_path / "out") -> Any:
        return command("video", *arguments, "--weights", weights, "--out", out, "--tasks", "paint")

    return run


@pytest.fixture
def video_refused(tmp_path: Path, weights: Path, refused: Refused) -> Refused:
    def run(*arguments: object, out: object = tmp_path / "out") -> str:
        return refused("video", *arguments, "--weights", weights, "--out", out, "--tasks", "paint")

    return run


@pytest.mark.parametrize("name", CLIPS)
def test_a_broken_clip(name: str, tmp_path: Path, clips: Clips, video_refused: Refused) -> None:
    make, *words = CLIPS[name]
    (tmp_path / "x.mp4").write_bytes(make(clips))
    said = video_refused(tmp_path / "x.mp4")
    assert said.startswith(f"prismgan: {tmp_path / 'x.mp4'}: ")
    assert all(word in said for word in words), said


@pytest.mark.parametrize(("name", "start"), [("index first", b"mdat"), ("mkv", b"\x1f\x43\xb6\x75")])
def test_a_clip_that_breaks_off(
    name: str, start: bytes, tmp_path: Path, clips: Clips, video: Callable[..., Any]
) -> None:
    begin, end = clips[name].index(start), len(clips[name])
    (tmp_path / "x.mp4").write_bytes(clips[name][: (begin + end) // 2])
    done = video(tmp_path / "x.mp4")
    assert done.code == 0, done.err
    assert done.err.startswith(f"{tmp_path / 'x.mp4'}: ends after 0.")
    assert done.err.endswith(" of 0.8 seconds; is the file complete?\n")
    assert files(tmp_path / "out") == ["x/paint.mp4", "x/preview.png"]


def test_a_clip_of_one_frame(tmp_path: Path, clips: Clips, video: Callable[..., Any]) -> None:
    clip = tmp_path / "clip:1\n.mp4"  # "clip:" is not a protocol
    clip.write_bytes(clips["one frame"])
    done = video(clip)
    assert (done.code, done.err) == (0, "")
    assert files(tmp_path / "out") == ["clip:1\n/paint.mp4", "clip:1\n/preview.png"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
def test_a_pipe_with_a_name_is_not_waited_for(tmp_path: Path, clips: Clips, video_refused: Refused) -> None:
    del clips  # PyAV is installed
    os.mkfifo(tmp_path / "x.mp4")
    assert "x.mp4: is a pipe or a device; use - for the standard input" in video_refused(tmp_path / "x.mp4")


CLIP_PLACES: dict[str, tuple[str, Callable[[Path], object], str, str]] = {
    # The clip, files made beside it, the output folder, and the message.
    "its results would leave the folder": (
        "...mp4",
        bytes,
        "out",
        "...mp4: the name gives no folder for its results",
    ),
    "its results would have no folder": ("..mp4", bytes, "out", "..mp4: the name gives no folder for its results"),
    "it would be its own folder": ("clip", bytes, ".", "clip: its results' folder would be clip, which is a file"),
    "it would be replaced": ("paint/paint.mp4", bytes, ".", "paint.mp4: would be replaced by its own result"),
    "a file instead of out": ("a.mp4", lambda here: written(here / "out"), "out", "out: is a file, expected a folder"),
    "a link instead of out": (
        "a.mp4",
        lambda here: linked(here / "out"),
        "out",
        "is a broken link, expected",
    ),
    "out is too long": ("a.mp4", bytes, LONG, "(File name too long); choose another folder"),
    "a file as its folder": ("a.mp4", lambda here: written(here / "out/a"), "out", "would be out/a, which is a file"),
    "a folder as a result": (
        "a.mp4",
        lambda here: made(here / "out/a/paint.mp4"),
        "out",
        "out/a/paint.mp4: is a folder",
    ),
    "somebody's segments": (
        "a.mp4",
        lambda here: written(here / "out/a/segments/of-an-orange.txt"),
        "out",
        "out/a/segments: is in the way and does not belong to a job; move it",
    ),
    "a file for segments": (
        "a.mp4",
        lambda here: written(here / "out/a/segments"),
        "out",
        "out/a/segments: already exists and is not a folder; choose another",
    ),
}


@pytest.mark.parametrize("name", CLIP_PLACES)
def test_places_of_clips_that_are_taken(
    name: str, tmp_path: Path, clips: Clips, video_refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, prepare, out, words = CLIP_PLACES[name]
    clip = tmp_path / given
    clip.parent.mkdir(exist_ok=True)
    clip.write_bytes(clips["one frame"])
    prepare(tmp_path)
    monkeypatch.chdir(tmp_path)
    for more in ((), ("--overwrite",)):
        assert words in video_refused(given, *more, out=out)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--memory", "1"), "x.mp4: frame 1: rendering 64x48 pixels takes at least"),
        (("--memory", "lots"), "--memory 'lots': expected a size, for example 2GB or 800MB"),
        (("--strength", "pant=1"), "no task is named 'pant'; did you mean 'paint'?"),
        (("--strength", "paint=2.5"), "found 2.5, expected a number from 0 to 2"),
        (("--blend", "paint"), "expected a name and a number, for example"),
        (("--segment", "nan"), "--segment nan: expected 0.1 to 3600 seconds"),
    ],
)
def test_options_of_a_clip(
    options: tuple[str, ...], words: str, tmp_path: Path, clips: Clips, video_refused: Refused
) -> None:
    (tmp_path / "x.mp4").write_bytes(clips["one frame"])
    assert words in video_refused(tmp_path / "x.mp4", *options)


def test_a_job_that_is_killed_as_it_deletes_its_segments_goes_on(
    tmp_path: Path, clips: Clips, video: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x.mp4").write_bytes(clips["one frame"])
    monkeypatch.setattr(ClipJob, "remove", lambda _: None)
    assert video(tmp_path / "x.mp4").code == 0
    monkeypatch.undo()
    assert "x/segments/job.json" in files(tmp_path / "out")
    done = video(tmp_path / "x.mp4")
    assert done.code == 0
    assert files(tmp_path / "out") == ["x/paint.mp4", "x/preview.png"]


# -- exports --------------------------------------------------------------------------------------

CALIBRATE = ("--precision", "int8", "--calibrate")
EXPORTS: dict[str, tuple[tuple[str, ...], str]] = {
    # A file "file", a folder "folder" and a picture "NAN.png" exist.
    "no folder": (("--out", "nowhere/x.onnx"), "nowhere/x.onnx: its folder does not exist; create it first"),
    "a file as folder": (("--out", "file/x.onnx"), "file/x.onnx: its folder does not exist; create it first"),
    "a folder": (("--out", "folder.onnx"), "folder.onnx: is a folder, expected a file"),
    "too long": (("--out", f"{LONG}.onnx"), "File name too long"),
    "near miss": (("--out", "x.onnx", "--tasks", "pant"), "no task is named 'pant'; did you mean 'paint'?"),
    "no task": (("--out", "x.onnx", "--tasks", ","), "no task is named (these weights have"),
    "pictures for float16": (
        ("--out", "x.onnx", "--precision", "float16", "--calibrate", "NAN.png"),
        "only for precision int8, found float16",
    ),
    "NaN": (("--out", "x.onnx", *CALIBRATE, "NAN.png"), "NAN.png: has floating-point pixels; save it as"),
    "text": (("--out", "x.onnx", *CALIBRATE, "file"), "file: is not a picture that can be read"),
    "broken LZW": (("--out", "x.onnx", *CALIBRATE, "lzw.tif"), "lzw.tif: is damaged or truncated"),
    "folder without": (("--out", "x.onnx", *CALIBRATE, "folder.onnx"), "folder.onnx: holds no picture"),
    "long name": (("--out", "x.onnx", *CALIBRATE, f"{LONG}.png"), "File name too long"),
}


@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_that_cannot_be(
    name: str, tmp_path: Path, weights: Path, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnx", reason="the extra 'export' is not installed")
    pytest.importorskip("onnxruntime", reason="the extra 'export' is not installed")
    arguments, words = EXPORTS[name]
    written(tmp_path / "file")
    made(tmp_path / "folder.onnx")
    (tmp_path / "NAN.png").write_bytes(BROKEN["NaN"][0]())
    (tmp_path / "lzw.tif").write_bytes(BROKEN["broken LZW"][0]())
    monkeypatch.chdir(tmp_path)
    assert words in refused("export", weights, *arguments)


@pytest.mark.parametrize("command_line", [("video", "x.mp4", "--out", "out"), ("export", "--out", "x.onnx")])
def test_broken_weights(
    command_line: tuple[str, ...], tmp_path: Path, clips: Clips, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnx", reason="the extra 'export' is not installed")
    monkeypatch.chdir(tmp_path)
    Path("x.mp4").write_bytes(clips["one frame"])
    written(tmp_path / "w.safetensors")
    for path, words in (("w.safetensors", "is not a weights file"), (LONG, "File name too long")):
        name, *rest = command_line
        given = (path,) if name == "export" else ("--weights", path)
        said = refused(name, *rest, *given)
        assert said.startswith(f"prismgan: {path}: ")
        assert words in said
