"""Pictures on disk: every readable one is read correctly, every other one gives one clear line."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from prismgan import images
from prismgan.errors import PictureError


def colours(height: int = 20, width: int = 30) -> Image.Image:
    """A smooth picture without symmetry."""
    rows, columns = np.mgrid[0:height, 0:width]
    array = np.stack([rows * 12, columns * 8, 255 - rows * 6 - columns * 4], axis=2)
    return Image.fromarray(array.clip(0, 255).astype(np.uint8))


def tensor(picture: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(picture.convert("RGB"))).permute(2, 0, 1)


def pixel(image: Tensor, row: int, column: int) -> list[int]:
    return image[:, row, column].tolist()


# -- reading -------------------------------------------------------------------------------------


def test_a_plain_picture_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    colours().save(path)
    image = images.read(path)
    assert image.dtype == torch.uint8
    assert image.is_contiguous()
    assert torch.equal(image, tensor(colours()))
    assert images.size(path) == (20, 30)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int, suffix: str) -> None:
    upright = colours(24, 32)
    # Pixels as a camera stores them, so that applying the orientation gives the upright picture.
    stored = {
        1: lambda p: p,
        2: lambda p: p.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        3: lambda p: p.transpose(Image.Transpose.ROTATE_180),
        4: lambda p: p.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        5: lambda p: p.transpose(Image.Transpose.TRANSPOSE),
        6: lambda p: p.transpose(Image.Transpose.ROTATE_90),
        7: lambda p: p.transpose(Image.Transpose.TRANSVERSE),
        8: lambda p: p.transpose(Image.Transpose.ROTATE_270),
    }[orientation](upright)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a{suffix}"
    stored.save(path, exif=exif, **({"quality": 100, "subsampling": 0} if suffix == ".jpg" else {}))
    image = images.read(path)
    assert image.shape == (3, 24, 32)
    assert images.size(path) == (24, 32)
    assert (image.int() - tensor(upright).int()).abs().max() <= (6 if suffix == ".jpg" else 0)


def test_transparency_is_laid_on_white(tmp_path: Path) -> None:
    picture = Image.new("RGBA", (3, 1))
    picture.putdata([(200, 0, 100, 255), (200, 0, 100, 0), (200, 0, 100, 51)])
    picture.save(tmp_path / "a.png")
    image = images.read(tmp_path / "a.png")
    assert pixel(image, 0, 0) == [200, 0, 100]
    assert pixel(image, 0, 1) == [255, 255, 255]
    assert pixel(image, 0, 2) == [244, 204, 224]  # a fifth of the colour, four fifths of white


def test_grey_with_alpha_is_laid_on_white(tmp_path: Path) -> None:
    picture = Image.new("LA", (2, 1))
    picture.putdata([(40, 255), (40, 0)])
    picture.save(tmp_path / "a.png")
    image = images.read(tmp_path / "a.png")
    assert pixel(image, 0, 0) == [40, 40, 40]
    assert pixel(image, 0, 1) == [255, 255, 255]


def test_a_palette_with_transparency_is_laid_on_white(tmp_path: Path) -> None:
    picture = Image.new("P", (3, 1))
    picture.putpalette([10, 20, 30, 200, 100, 50, 0, 0, 255])
    picture.putdata([0, 1, 2])
    picture.save(tmp_path / "one.png", transparency=1)
    picture.save(tmp_path / "bytes.png", transparency=bytes([255, 0, 255]))
    picture.save(tmp_path / "a.gif", transparency=1)
    for name in ("one.png", "bytes.png", "a.gif"):
        image = images.read(tmp_path / name)
        assert [pixel(image, 0, column) for column in range(3)] == [[10, 20, 30], [255, 255, 255], [0, 0, 255]]


def test_a_palette_without_transparency_keeps_its_colours(tmp_path: Path) -> None:
    picture = Image.new("P", (2, 1))
    picture.putpalette([10, 20, 30, 200, 100, 50])
    picture.putdata([1, 0])
    picture.save(tmp_path / "a.png")
    assert pixel(images.read(tmp_path / "a.png"), 0, 0) == [200, 100, 50]


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bits_are_brought_to_eight_not_cut(tmp_path: Path, suffix: str) -> None:
    values = np.array([[0, 257, 32768, 65278, 65535]], dtype=np.uint16)
    Image.fromarray(values).save(tmp_path / f"a{suffix}")
    image = images.read(tmp_path / f"a{suffix}")
    assert image.shape == (3, 1, 5)
    assert image[0, 0].tolist() == [0, 1, 128, 254, 255]
    assert torch.equal(image[0], image[2])


def test_cmyk_is_read_as_colours(tmp_path: Path) -> None:
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=100)
    image = images.read(tmp_path / "a.jpg").int()
    assert (image - torch.tensor([255, 0, 0]).view(3, 1, 1)).abs().max() <= 4


@pytest.mark.parametrize("mode", ["L", "1"])
def test_grey_and_black_and_white_become_three_equal_channels(tmp_path: Path, mode: str) -> None:
    picture = colours().convert(mode)
    picture.save(tmp_path / "a.png")
    image = images.read(tmp_path / "a.png")
    assert image.shape == (3, 20, 30)
    assert torch.equal(image[0], image[1])
    assert torch.equal(image[0], torch.from_numpy(np.array(picture.convert("L"))))


# -- unreadable files ------------------------------------------------------------------------------


def broken(folder: Path) -> dict[str, Path]:
    """Files and paths that are not readable pictures."""
    large = colours(200, 300)
    large.save(folder / "whole.jpg")
    large.save(folder / "whole.png")
    found = {name: folder / f"{name}.png" for name in ("missing", "folder")}
    found["below a file"] = folder / "text.png" / "a.png"
    found["folder"].mkdir()
    contents = {
        "text": b"This is no picture.\n" * 20,
        "empty": b"",
        "header alone": (folder / "whole.png").read_bytes()[:8],
        "truncated jpeg": (folder / "whole.jpg").read_bytes()[:2000],
        "truncated png": (folder / "whole.png").read_bytes()[:-500],
        "damaged png": (folder / "whole.png").read_bytes()[:60] + b"\0" * 400,
    }
    for name, content in contents.items():
        found[name] = folder / f"{name.replace(' ', '-')}{'.jpg' if 'jpeg' in name else '.png'}"
        found[name].write_bytes(content)
    return found


BROKEN = [
    "missing",
    "folder",
    "below a file",
    "text",
    "empty",
    "header alone",
    "truncated jpeg",
    "truncated png",
    "damaged png",
]


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_picture_is_one_line_that_names_the_file(tmp_path: Path, name: str) -> None:
    path = broken(tmp_path)[name]
    with pytest.raises(PictureError) as caught:
        images.read(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("name", BROKEN)
def test_a_size_is_told_or_refused_in_the_same_way(tmp_path: Path, name: str) -> None:
    path = broken(tmp_path)[name]
    if name == "truncated jpeg":  # whose header says it
        assert images.size(path) == (200, 300)
        return
    with pytest.raises(PictureError) as caught:
        images.size(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_far_too_many_pixels_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    colours(40, 50).save(tmp_path / "a.png")
    for limit in (1500, 500):  # Pillow warns from this size on, and refuses twice as much
        monkeypatch.setattr("prismgan.images.opening.MAXIMUM_PIXELS", limit)
        for ask in (images.read, images.size):
            with pytest.raises(PictureError, match=f"a.png: has more than {limit:,} pixels"):
                ask(tmp_path / "a.png")


# -- writing -------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", sorted(images.SUFFIXES))
def test_every_suffix_that_is_offered_can_be_written_and_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "new" / "folder" / f"a{suffix}"
    image = tensor(colours(40, 60))
    images.write(path, image)
    difference = (images.read(path).int() - image.int()).abs()
    lossless = suffix in {".png", ".bmp", ".tif", ".tiff"}
    assert difference.max() == 0 if lossless else difference.float().mean() < 4
    assert [found.name for found in path.parent.iterdir()] == [path.name]


def test_float_uint8_and_pillow_pictures_are_written_alike(tmp_path: Path) -> None:
    picture = colours()
    images.write(tmp_path / "a.PNG", picture)
    images.write(tmp_path / "b.png", tensor(picture))
    images.write(tmp_path / "c.png", images.to_float(tensor(picture)))
    assert len({(tmp_path / name).read_bytes() for name in ("a.PNG", "b.png", "c.png")}) == 1


def refuse(*args: object, **settings: object) -> None:
    raise OSError(28, "No space left on device")


def half_a_file(self: Image.Image, file: object, *args: object, **settings: object) -> None:
    file.write(b"half")  # type: ignore[attr-defined]
    refuse()


@pytest.mark.parametrize("failing", ["save", "replace", "interrupt"])
def test_a_failing_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    path = tmp_path / "a.png"
    images.write(path, colours())
    before = path.read_bytes()

    def interrupt(*args: object, **settings: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if failing == "replace":
            patch.setattr(Path, "replace", refuse)
        else:
            patch.setattr(Image.Image, "save", half_a_file if failing == "save" else interrupt)
        if failing == "interrupt":
            with pytest.raises(KeyboardInterrupt):
                images.write(path, colours(30, 30))
        else:
            with pytest.raises(PictureError, match=r"a.png: cannot be (written|encoded) \(.*No space left on device"):
                images.write(path, colours(30, 30))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["a.txt", "a", "a.gif", "a.png.part"])
def test_unknown_formats_are_refused_before_anything_is_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(PictureError, match=f"{name}: unknown picture format .use one of .avif"):
        images.write(tmp_path / "new" / name, colours())
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_to_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.png").mkdir()
    for path in (tmp_path / "file" / "a.png", tmp_path / "folder.png"):
        with pytest.raises(PictureError, match="cannot be written"):
            images.write(path, colours())
    assert {found.name for found in tmp_path.iterdir()} == {"file", "folder.png"}


def test_transparency_is_laid_on_white_where_8_bits_are_written(tmp_path: Path) -> None:
    images.write(tmp_path / "a.bmp", Image.new("RGBA", (20, 20), (255, 0, 0, 0)))
    assert Image.open(tmp_path / "a.bmp").getpixel((0, 0)) == (255, 255, 255)


def test_written_pictures_can_be_read_by_everybody(tmp_path: Path) -> None:
    images.write(tmp_path / "a.png", colours())
    assert (tmp_path / "a.png").stat().st_mode & 0o777 == 0o644


# -- finding -------------------------------------------------------------------------------------


def test_pictures_are_found_below_a_folder_in_order(tmp_path: Path) -> None:
    for name in ("b.png", "sub/a.JPG", "a.png", ".hidden.png", ".cache/c.png", "notes.txt", "sub/.x/d.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "z.png").mkdir()  # a folder with a picture's name
    found = images.find_pictures(tmp_path)
    assert [str(path.relative_to(tmp_path)) for path in found] == ["a.png", "b.png", "sub/a.JPG"]


def test_a_folder_below_a_hidden_one_is_searched(tmp_path: Path) -> None:
    """Only hidden files below the folder are left out."""
    folder = tmp_path / ".data"
    folder.mkdir()
    (folder / "a.png").write_bytes(b"")
    assert images.find_pictures(folder) == [folder / "a.png"]


def test_a_folder_that_cannot_be_listed_is_not_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed, listed = tmp_path / "closed", os.scandir
    closed.mkdir()
    (tmp_path / "a.png").write_bytes(b"")

    def scandir(path: str) -> Any:  # root may list every folder, so permissions would not work
        if Path(path) == closed:
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(PictureError, match=r"closed: cannot be listed \(Permission denied\)"):
        images.find_pictures(tmp_path)


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (lambda path: None, "no such folder"),
        (lambda path: path.write_text(""), "is a file, expected a folder"),
        (lambda path: path.mkdir(), "holds no picture .looked for .avif"),
    ],
)
def test_a_folder_without_pictures_is_one_line(tmp_path: Path, prepare: Callable[[Path], object], message: str) -> None:
    path = tmp_path / "photos"
    prepare(path)
    with pytest.raises(PictureError, match=f"photos: {message}"):
        images.find_pictures(path)
    shutil.rmtree(tmp_path)
