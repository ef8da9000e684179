"""Rendering files to files: searching, output paths, and metadata."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from helpers.tiny_renderers import pixels, tiny_renderer
from prismgan.errors import PictureError, PrismganError
from prismgan.images import Picture, open_picture, write_picture
from prismgan.render import Renderer, Request
from prismgan.render.files import FileRenderer, read_mask
from prismgan.render.jobs import PictureJob, find_jobs
from prismgan.render.options import FILE, IN_OUTPUTS, KeptOptions, options_of

DrawPicture = Callable[..., Path]
MAKE = 271


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return tiny_renderer("restore", "fine-2x", "varied")


def unchanged(*tasks: str) -> Request:
    """Returns the source, enlarged for tasks that enlarge."""
    return Request(tasks=tasks, strength=dict.fromkeys(tasks, 0.0))


# -- jobs -----------------------------------------------------------------------------------------


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for name in ("a.png", "x/b.jpg", "x/y/c.WEBP", "x/notes.txt", ".hidden/d.png", "x/.e.png"):
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "photos" / name).write_bytes(b"")
    return tmp_path / "photos"


def places(inputs: list[str | Path], out: Path) -> dict[str, str]:
    """Output folders below ``out`` by file name."""
    return {job.source.name: str(job.folder.relative_to(out)) for job in find_jobs(inputs, out)}


def test_the_layout_of_folders_and_patterns_is_kept(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    everything = {"a.png": "a", "b.jpg": "x/b", "c.WEBP": "x/y/c"}
    assert places([photos], out) == everything
    assert places([f"{photos}/**/*"], out) == everything
    assert places([f"{photos}/**"], out) == everything
    assert places([f"{photos}/x/*"], out) == {"b.jpg": "b"}
    assert places([f"{photos}/[x]/*.jpg"], out) == {"b.jpg": "x/b"}
    assert places([f"{tmp_path}/p*/x/y/*"], out) == {"c.WEBP": "photos/x/y/c"}
    assert places([photos / "x/b.jpg", f"{photos}/x/y/../../a.png"], out) == {"b.jpg": "b", "a.png": "a"}
    assert not out.exists()


def test_a_pattern_in_the_present_folder(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(photos)
    assert places(["**/*.jpg", "*.png"], tmp_path / "out") == {"b.jpg": "x/b", "a.png": "a"}


def test_a_name_that_looks_like_a_pattern(tmp_path: Path) -> None:
    (tmp_path / "a[1].png").write_bytes(b"")
    assert places([tmp_path / "a[1].png"], tmp_path / "out") == {"a[1].png": "a[1]"}


def test_results_are_no_sources(photos: Path) -> None:
    out = photos / "looks"
    (out / "a").mkdir(parents=True)
    (out / "a" / "restore.png").write_bytes(b"")
    for given in (photos, f"{photos}/**/*.png"):
        assert "restore.png" not in places([given], out)
    for given in (out, out / "a", f"{out}/*/*.png"):
        with pytest.raises(PictureError, match=r"beside those in .*, which are results"):
            find_jobs([given], out)


def test_a_file_that_is_named_twice_is_rendered_once(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert find_jobs([photos / "a.png", photos, f"{photos}/x/../a.png"], out)[0] == PictureJob(
        photos / "a.png", out / "a"
    )
    assert len(find_jobs([photos / "a.png", photos], out)) == 3


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("nowhere.png", "nowhere.png: no such file"),
        ("nowhere/*.png", r"nowhere/\*.png: no picture matches"),
        ("photos/**/*.gif", "no picture matches"),
        ("photos/*/../../other/*.png", "'..' after a wildcard leads out of the results' folder"),
        ("empty", "empty: holds no picture"),
        ("...jpg", "the name gives no folder for its results; rename the file"),
        ("..png", "the name gives no folder for its results; rename the file"),
        ("a" * 300 + ".png", r"cannot be accessed \(File name too long\)|no such file"),
    ],
)
def test_what_cannot_be_found(given: str, words: str, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("...jpg", "..png"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(PictureError, match=words) as caught:
        find_jobs([photos, tmp_path / given], tmp_path / "out")
    assert "\n" not in str(caught.value)


def test_two_pictures_of_one_name(photos: Path, tmp_path: Path) -> None:
    (photos / "a.jpg").write_bytes(b"")
    for inputs in ([photos], [photos / "a.png", photos / "a.jpg"]):
        with pytest.raises(PictureError, match=r"a.png: would use the same folder .*out/a as .*a.jpg|a.jpg: would use"):
            find_jobs(inputs, tmp_path / "out")
    assert len(find_jobs([photos / "a.png", f"{tmp_path}/p*/a.jpg"], tmp_path / "out")) == 2


def test_places_for_results_that_are_none(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PrismganError, match="file: is a file, expected a folder"):
        find_jobs([photos], tmp_path / "file")
    with pytest.raises(PrismganError, match=r"file/out: cannot be created, because .*file is a file"):
        find_jobs([photos], tmp_path / "file" / "out")
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(PrismganError, match=r"out: cannot be written to .Permission denied"):
        find_jobs([photos], tmp_path / "new" / "out")


# -- metadata -------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_sixteen_bits_come_out_exactly_where_nothing_is_changed(
    suffix: str, renderer: Renderer, tmp_path: Path
) -> None:
    source = Picture(pixels(24, 37, 16))
    write_picture(tmp_path / f"a.{suffix}", source)
    files = FileRenderer(renderer, unchanged("restore"), suffix=suffix)
    job = PictureJob(tmp_path / f"a.{suffix}", tmp_path / "out")
    (rendered,) = files.render([job])
    assert rendered.problem is None
    assert rendered.written == (tmp_path / "out" / f"restore.{suffix}",)
    found = open_picture(rendered.written[0])
    assert found.depth == 16
    assert np.array_equal(found.pixels, source.pixels)


def test_what_belongs_to_a_picture_comes_out_with_it(renderer: Renderer, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[MAKE] = "Prism"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    alpha = np.repeat(np.array([[0, 255]], dtype=np.uint8), 20, axis=0).repeat(15, axis=1)
    write_picture(tmp_path / "a.png", Picture(pixels(20, 30), alpha, profile, exif.tobytes()))
    for suffix in ("png", "webp", "jpg"):
        files = FileRenderer(renderer, unchanged("restore", "fine-2x"), suffix=suffix)
        (rendered,) = files.render([PictureJob(tmp_path / "a.png", tmp_path / suffix)])
        same, larger = (open_picture(path) for path in rendered.written)
        for found in (same, larger):
            assert found.profile == profile
            assert b"Prism" in (found.exif or b"")
        assert larger.pixels.shape == (40, 60, 3)
        if suffix == "jpg":
            assert same.alpha is None
            assert same.pixels[:, :8].min() >= 250  # on white
        else:
            assert same.alpha is not None
            assert larger.alpha is not None
            assert np.abs(same.alpha.astype(int) - alpha).max() <= 8
            assert larger.alpha[:, :26].max() == 0
            assert larger.alpha[:, -26:].min() == 255


def test_eight_bits_where_the_format_has_no_more(renderer: Renderer, tmp_path: Path) -> None:
    alpha = np.full((20, 30), 65535, dtype=np.uint16)
    write_picture(tmp_path / "a.tiff", Picture(pixels(20, 30, 16), alpha))
    files = FileRenderer(renderer, unchanged("restore"), suffix="avif", with_sheet=True)
    (rendered,) = files.render([PictureJob(tmp_path / "a.tiff", tmp_path / "out")])
    assert [path.name for path in rendered.written] == ["restore.avif", "sheet.png"]
    found = open_picture(rendered.written[0])
    assert found.depth == 8
    assert found.alpha is None or found.alpha.min() == 255


def test_a_mask_is_brought_to_every_size(renderer: Renderer, tmp_path: Path) -> None:
    left = Image.new("L", (16, 8), 0)
    left.paste(255, (0, 0, 8, 8))
    left.save(tmp_path / "mask.png")
    mask = read_mask(tmp_path / "mask.png")
    assert mask.dtype == np.float32
    assert mask[:, :8].min() == pytest.approx(1)
    assert mask[:, 8:].max() == 0
    source = Picture(pixels(32, 64))
    write_picture(tmp_path / "a.png", source)
    files = FileRenderer(renderer, Request(tasks=("restore",)), mask=mask)
    (rendered,) = files.render([PictureJob(tmp_path / "a.png", tmp_path / "out")])
    changed = (open_picture(rendered.written[0]).pixels != source.pixels).any(axis=(0, 2))
    assert changed[:30].all()
    assert not changed[35:].any()


def test_what_is_transparent_in_a_mask_is_black(tmp_path: Path) -> None:
    Image.new("LA", (16, 16), (255, 0)).save(tmp_path / "mask.png")
    assert not read_mask(tmp_path / "mask.png").any()


# -- several pictures -----------------------------------------------------------------------------


def test_a_broken_picture_does_not_stop_the_others(
    renderer: Renderer, tmp_path: Path, draw_picture: DrawPicture
) -> None:
    good = [draw_picture(tmp_path / f"{name}.png", 20, 24) for name in "ab"]
    (tmp_path / "text.png").write_text("no picture")
    small = draw_picture(tmp_path / "small.png", 9, 9)
    sources = [good[0], tmp_path / "text.png", small, good[1]]
    seen: list[float] = []
    files = FileRenderer(renderer, Request(tasks=("restore",)))
    jobs = [PictureJob(path, tmp_path / "out" / path.stem) for path in sources]
    rendered = list(files.render(jobs, seen.append))
    assert [bool(one.problem) for one in rendered] == [False, True, True, False]
    for one in rendered[1:3]:
        assert str(one.problem).startswith(f"{one.source}: ")
        assert one.written == ()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a", "b"]
    assert [files.is_done(job) for job in jobs] == [True, False, False, True]
    assert seen == sorted(seen)
    assert seen[-1] == 4


def test_a_picture_is_done_when_all_its_outputs_are(
    renderer: Renderer, tmp_path: Path, draw_picture: DrawPicture
) -> None:
    job = PictureJob(draw_picture(tmp_path / "a.png", 20, 24), tmp_path / "out")
    list(FileRenderer(renderer, Request(tasks=("restore",))).render([job]))
    assert FileRenderer(renderer, Request(tasks=("restore",))).is_done(job)
    assert not FileRenderer(renderer, Request(tasks=("restore", "varied"))).is_done(job)
    assert not FileRenderer(renderer, Request(tasks=("restore",)), suffix="jpg").is_done(job)
    assert not FileRenderer(renderer, Request(tasks=("restore",)), with_sheet=True).is_done(job)


def test_what_is_there_stays_where_others_are_missing(
    renderer: Renderer, tmp_path: Path, draw_picture: DrawPicture
) -> None:
    job = PictureJob(draw_picture(tmp_path / "a.png", 20, 24), tmp_path / "out")
    (first,) = FileRenderer(renderer, Request(tasks=("restore",))).render([job])
    first.written[0].write_bytes(b"mine")
    request = Request(tasks=("restore", "varied"))
    (second,) = FileRenderer(renderer, request, overwrite=False).render([job])
    assert [path.name for path in second.written] == ["varied.png"]
    assert first.written[0].read_bytes() == b"mine"
    (third,) = FileRenderer(renderer, request).render([job])
    assert len(third.written) == 2


def test_results_of_an_interrupted_call_are_not_trusted(
    renderer: Renderer, tmp_path: Path, draw_picture: DrawPicture, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = PictureJob(draw_picture(tmp_path / "a.png", 20, 24), tmp_path / "out")
    request = Request(tasks=("restore", "varied"))
    strong = Request(tasks=("restore", "varied"), strength={"restore": 0.5, "varied": 0.5})
    list(FileRenderer(renderer, request).render([job]))
    kept = KeptOptions(job.folder)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("prismgan.render.files.KeptOptions.keep", interrupted)
        list(FileRenderer(renderer, strong).render([job]))
    for asked in (request, strong):
        assert not FileRenderer(renderer, asked).is_done(job)
    assert kept.fit("restore.png", FileRenderer(renderer, request).options["restore.png"])


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("content", [None, "", "[1]", "{"])
def test_results_whose_options_nobody_kept_are_kept(
    content: str | None, renderer: Renderer, tmp_path: Path, draw_picture: DrawPicture
) -> None:
    job = PictureJob(draw_picture(tmp_path / "a.png", 20, 24), tmp_path / "out")
    files = FileRenderer(renderer, Request(tasks=("restore",)))
    list(files.render([job]))
    path = job.folder / FILE
    assert json.loads(path.read_text())["restore.png"]["looks"] == {"restore": 1.0}
    path.unlink() if content is None else path.write_text(content)
    assert files.is_done(job)
    assert FileRenderer(renderer, Request(tasks=("restore",), strength={"restore": 0.5})).is_done(job)


def test_every_option_of_a_request_counts(renderer: Renderer) -> None:
    mask = np.full((4, 4), 0.5)
    base = Request(tasks=("varied",))
    others = [
        replace(base, strength={"varied": 0.5}),
        replace(base, seeds=(1,)),
        replace(base, chain=("restore",)),
        replace(base, chain=("restore",), strength={"restore": 0.5}),
        replace(base, mask=mask),
        replace(base, mask=1 - mask / 2),
    ]
    found = [json.dumps(options_of(renderer, request)["varied"]) for request in (base, *others)]
    assert len(set(found)) == len(found)
    # Fields that are added to requests later are included too, unless they are described with each output.
    assert {field.name for field in fields(Request)} >= set(IN_OUTPUTS)


def test_a_picture_that_changed_is_not_done(renderer: Renderer, tmp_path: Path, draw_picture: DrawPicture) -> None:
    job = PictureJob(draw_picture(tmp_path / "a.png", 20, 24), tmp_path / "out")
    files = FileRenderer(renderer, Request(tasks=("restore",)), overwrite=False)
    (rendered,) = files.render([job])
    assert files.is_done(job)
    later = rendered.written[0].stat().st_mtime + 1
    os.utime(job.source, (later, later))
    assert not files.is_done(job)
    (again,) = files.render([job])
    assert again.written == rendered.written


def test_an_output_that_its_format_cannot_hold(renderer: Renderer, tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", Picture(np.zeros((16, 8200, 3), dtype=np.uint8)))
    files = FileRenderer(renderer, unchanged("fine-2x"), suffix="webp")
    (rendered,) = files.render([PictureJob(tmp_path / "a.png", tmp_path / "out")])
    assert rendered.problem == (
        f"{tmp_path / 'a.png'}: would have 16,400 pixels a side, but webp allows 16,383; write PNG or TIFF"
    )
    assert not (tmp_path / "out").exists()


def test_a_disk_that_is_full_ends_it(
    renderer: Renderer, tmp_path: Path, draw_picture: DrawPicture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    jobs = [PictureJob(draw_picture(tmp_path / f"{name}.png", 20, 24), tmp_path / "out" / name) for name in "ab"]
    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(PrismganError, match=r"out/a/.*: cannot be written \(No space left on device\)"):
        list(FileRenderer(renderer, Request(tasks=("restore",))).render(jobs))
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


def test_wrong_settings(renderer: Renderer) -> None:
    with pytest.raises(PrismganError, match="no task is named 'restor'"):
        FileRenderer(renderer, Request(tasks=("restor",)))
    with pytest.raises(PrismganError, match="format 'jpeg'; did you mean 'jpg'"):
        FileRenderer(renderer, suffix="jpeg")
    with pytest.raises(PrismganError, match="quality 0"):
        FileRenderer(renderer, quality=0)
