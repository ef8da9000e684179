"""Pictures for rendering: read with all their metadata, written with it, refused in one line."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageCms

from prismgan.errors import PictureError, PrismganError
from prismgan.images import Picture, open_picture, opening, write_picture
from prismgan.images.pixels import resized_alpha
from prismgan.images.writing import FORMATS

HEIGHT, WIDTH = 20, 34
# An RGB profile other than the usual one: its description says so. Made once, because it contains the time.
WIDE_GAMUT = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes().replace(b"s\0R\0G\0B", b"w\0i\0d\0e")
MAKE, DETAILS, GPS, LENS, PIXELS_WIDE = 271, 0x8769, 0x8825, 0xA434, 0xA002


def noise(channels: int = 3, dtype: type = np.uint8, height: int = HEIGHT, width: int = WIDTH) -> NDArray[Any]:
    return np.random.default_rng(7).integers(0, np.iinfo(dtype).max + 1, (height, width, channels), dtype=dtype)


def smooth() -> NDArray[np.uint8]:
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    return np.dstack([rows * 12, columns * 7, 255 - rows * 6 - columns * 4]).clip(0, 255).astype(np.uint8)


def camera(orientation: int | None = None) -> Image.Exif:
    exif = Image.Exif()
    exif[MAKE] = "Prism"
    if orientation is not None:
        exif[0x0112] = orientation
    exif.get_ifd(DETAILS).update({LENS: "50 mm", PIXELS_WIDE: 4000})
    exif.get_ifd(GPS).update({1: "N", 2: (50.0, 30.0, 0.0)})
    return exif


def grey_profile() -> bytes:
    """A minimal grey profile with gamma 1."""

    def s15(*values: float) -> bytes:
        return b"".join(struct.pack(">i", round(value * 65536)) for value in values)

    text = b"mluc" + struct.pack(">IIIHHII", 0, 1, 12, 0x656E, 0x5553, 2, 28) + b"\0g\0\0"
    tags = {b"desc": text, b"cprt": text, b"wtpt": b"XYZ \0\0\0\0" + s15(0.9642, 1, 0.8249)}
    tags[b"kTRC"] = b"curv\0\0\0\0\0\0\0\0"
    offset, table, body = 128 + 4 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        table += name + struct.pack(">II", offset + len(body), len(content))
        body += content + b"\0" * (-len(content) % 4)
    header = struct.pack(">I4sI4s4s4s", 0, b"lcms", 0x04300000, b"mntr", b"GRAY", b"XYZ ") + b"\0" * 12 + b"acsp"
    header = header.ljust(68, b"\0") + s15(0.9642, 1, 0.8249)
    whole = header.ljust(128, b"\0") + table + body
    return struct.pack(">I", len(whole)) + whole[4:]


# -- kept -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("transparent", [False, True])
def test_a_round_trip_keeps_what_the_format_can_hold(tmp_path: Path, suffix: str, transparent: bool) -> None:
    alpha = noise(1)[..., 0] if transparent else None
    exif = camera(1).tobytes()
    write_picture(tmp_path / f"a.{suffix}", Picture(smooth(), alpha, WIDE_GAMUT, exif))
    found = open_picture(tmp_path / f"a.{suffix}")
    assert found.depth == 8
    assert found.profile == WIDE_GAMUT
    if suffix in ("png", "tiff"):
        assert np.array_equal(found.pixels, smooth())
    elif not transparent:
        assert np.abs(found.pixels.astype(int) - smooth()).mean() < 4
    if suffix == "jpg" or not transparent:
        assert found.alpha is None
    else:
        assert found.alpha is not None
        assert np.abs(found.alpha.astype(int) - alpha).mean() < 3
    said = Image.Exif()
    said.load(found.exif)
    assert said[MAKE] == "Prism"
    assert said.get(0x0112, 1) == 1
    assert said.get_ifd(DETAILS)[LENS] == "50 mm"
    assert said.get_ifd(DETAILS)[PIXELS_WIDE] == WIDTH  # by the file, not the camera
    assert said.get_ifd(GPS)[2] == (50, 30, 0)
    assert [path.name for path in tmp_path.iterdir()] == [f"a.{suffix}"]


@pytest.mark.parametrize("suffix", ["png", "tiff"])
@pytest.mark.parametrize("channels", [3, 4])
def test_sixteen_bits_are_exact_also_for_other_programs(tmp_path: Path, suffix: str, channels: int) -> None:
    samples = noise(channels, np.uint16, 300, 1201)  # several bands
    path = tmp_path / f"a.{suffix}"
    alpha = samples[..., 3] if channels == 4 else None
    write_picture(path, Picture(samples[..., :3], alpha, WIDE_GAMUT, camera().tobytes()))
    found = open_picture(path)
    assert found.pixels.dtype == np.uint16
    assert np.array_equal(found.pixels, samples[..., :3])
    assert alpha is None if found.alpha is None else np.array_equal(found.alpha, alpha)
    assert found.profile == WIDE_GAMUT
    assert b"50 mm" in (found.exif or b"")
    other = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(other[..., [2, 1, 0, 3][:channels]], samples)


@pytest.mark.parametrize("compression", [1, 5, 8])
@pytest.mark.parametrize("predictor", [1, 2])
@pytest.mark.parametrize("channels", [3, 4])
def test_sixteen_bit_tiffs_of_others(tmp_path: Path, compression: int, predictor: int, channels: int) -> None:
    samples = noise(channels, np.uint16)
    settings = [cv2.IMWRITE_TIFF_COMPRESSION, compression, cv2.IMWRITE_TIFF_PREDICTOR, predictor]
    cv2.imwrite(str(tmp_path / "a.tif"), samples[..., [2, 1, 0, 3][:channels]], settings)
    found = open_picture(tmp_path / "a.tif")
    assert np.array_equal(found.pixels, samples[..., :3])
    assert channels == 3 or np.array_equal(found.alpha, samples[..., 3])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "settings", [{"byteorder": ">"}, {"byteorder": ">", "compression": "zlib"}, {"tile": (16, 16)}]
)
def test_sixteen_bit_tiffs_in_any_order(tmp_path: Path, settings: dict[str, Any]) -> None:
    samples = noise(3, np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", samples, photometric="rgb", metadata=None, **settings)
    assert np.array_equal(open_picture(tmp_path / "a.tif").pixels, samples)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_tiff_whose_white_is_zero(tmp_path: Path, dtype: type[np.unsignedinteger[Any]]) -> None:
    samples = noise(1, dtype)
    samples = samples.reshape(samples.shape[:2])
    tifffile.imwrite(tmp_path / "a.tif", samples, photometric="miniswhite", metadata=None)
    found = open_picture(tmp_path / "a.tif").pixels
    assert np.array_equal(found[..., 1], np.iinfo(dtype).max - samples)


@pytest.mark.parametrize("channels", [3, 4])
def test_sixteen_bit_pngs_of_others(tmp_path: Path, channels: int) -> None:
    samples = noise(channels, np.uint16)
    cv2.imwrite(str(tmp_path / "a.png"), samples[..., [2, 1, 0, 3][:channels]])
    found = open_picture(tmp_path / "a.png")
    assert np.array_equal(found.pixels, samples[..., :3])
    assert channels == 3 or np.array_equal(found.alpha, samples[..., 3])  # type: ignore[arg-type]


def png(kind: int, samples: NDArray[Any], *chunks: tuple[bytes, bytes], width: int = 0, height: int = 0) -> bytes:
    """A 16-bit PNG of a colour type, without filters."""
    rows = samples.astype(">u2").reshape(len(samples), -1)
    header = struct.pack(">IIBBBBB", width or samples.shape[1], height or len(samples), 16, kind, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    content = b"\x89PNG\r\n\x1a\n"
    for name, part in ((b"IHDR", header), *chunks, (b"IDAT", body), (b"IEND", b"")):
        content += struct.pack(">I", len(part)) + name + part + struct.pack(">I", zlib.crc32(name + part))
    return content


def test_sixteen_bit_grey_with_all_kinds_of_transparency(tmp_path: Path) -> None:
    both = noise(2, np.uint16)
    grey, alpha = both[..., 0], both[..., 1]
    (tmp_path / "alpha.png").write_bytes(png(4, both))
    (tmp_path / "plain.png").write_bytes(png(0, grey))
    (tmp_path / "one.png").write_bytes(png(0, grey, (b"tRNS", struct.pack(">H", grey[3, 4]))))
    Image.fromarray(grey).save(tmp_path / "plain.tif")
    for name in ("alpha.png", "plain.png", "one.png", "plain.tif"):
        assert np.array_equal(open_picture(tmp_path / name).pixels, np.dstack([grey] * 3))
    assert np.array_equal(open_picture(tmp_path / "alpha.png").alpha, alpha)  # type: ignore[arg-type]
    assert open_picture(tmp_path / "plain.png").alpha is None
    one = open_picture(tmp_path / "one.png").alpha
    assert one is not None
    assert one[3, 4] == 0
    assert one.max() == 65535


def test_one_transparent_colour_of_sixteen_bits(tmp_path: Path) -> None:
    samples = noise(3, np.uint16)
    (tmp_path / "a.png").write_bytes(png(2, samples, (b"tRNS", struct.pack(">HHH", *samples[5, 6]))))
    found = open_picture(tmp_path / "a.png")
    assert np.array_equal(found.pixels, samples)
    assert found.alpha is not None
    assert found.alpha[5, 6] == 0
    assert (found.alpha == 65535).sum() == HEIGHT * WIDTH - 1


def test_sixteen_bits_become_eight_where_the_format_has_no_more(tmp_path: Path) -> None:
    values = np.array([0, 128, 129, 32768, 65406, 65407, 65535], dtype=np.uint16)
    samples = np.broadcast_to(values[None, :, None], (16, 7, 3)).copy()
    write_picture(tmp_path / "a.webp", Picture(samples), 100)
    found = open_picture(tmp_path / "a.webp")
    assert found.depth == 8
    assert found.pixels[0, :, 1] == pytest.approx(values / 257, abs=4)


STORED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a, -1),
}


@pytest.mark.parametrize("orientation", STORED)
def test_the_orientation_is_applied_exactly_once(tmp_path: Path, orientation: int) -> None:
    upright = smooth()
    stored = np.ascontiguousarray(STORED[orientation](upright))
    for suffix in ("png", "tiff", "webp", "jpg", "avif"):
        settings = {"lossless": True} if suffix == "webp" else {} if suffix in ("png", "tiff") else {"quality": 100}
        Image.fromarray(stored).save(tmp_path / f"a.{suffix}", exif=camera(orientation), **settings)
        found = open_picture(tmp_path / f"a.{suffix}")
        assert found.pixels.shape == upright.shape
        most = {"jpg": 30, "avif": 30}.get(suffix, 0)
        assert np.abs(found.pixels.astype(int) - upright).max() <= most, suffix
        write_picture(tmp_path / f"b.{suffix}", found, 100)
        again = open_picture(tmp_path / f"b.{suffix}")
        assert np.abs(again.pixels.astype(int) - upright).max() <= 40, suffix


def test_sixteen_bits_and_transparency_are_turned_too(tmp_path: Path) -> None:
    samples = noise(4, np.uint16)
    turned = np.rot90(samples, 1)
    block = camera(6).tobytes().removeprefix(b"Exif\0\0")
    (tmp_path / "a.png").write_bytes(png(6, turned, (b"eXIf", block)))
    tifffile.imwrite(
        tmp_path / "a.tif",
        turned,
        photometric="rgb",
        extrasamples=["unassalpha"],
        metadata=None,
        extratags=[(274, "H", 1, 6, True)],
    )
    for name in ("a.png", "a.tif"):
        found = open_picture(tmp_path / name)
        assert np.array_equal(found.pixels, samples[..., :3])
        assert np.array_equal(found.alpha, samples[..., 3])  # type: ignore[arg-type]


def test_the_colours_under_transparent_places_are_kept(tmp_path: Path) -> None:
    Image.new("RGBA", (20, 20), (200, 100, 50, 0)).save(tmp_path / "a.png")
    found = open_picture(tmp_path / "a.png")
    assert found.pixels[3, 3].tolist() == [200, 100, 50]
    assert found.alpha is not None
    assert not found.alpha.any()
    write_picture(tmp_path / "b.jpg", found)
    assert open_picture(tmp_path / "b.jpg").pixels.min() >= 254  # on white


def test_palettes_and_grey(tmp_path: Path) -> None:
    picture = Image.new("P", (3, 1))
    picture.putpalette([10, 20, 30, 200, 100, 50, 0, 0, 255])
    picture.putdata([0, 1, 2])
    picture.save(tmp_path / "plain.png")
    picture.save(tmp_path / "one.png", transparency=1)
    for name, alpha in (("plain.png", None), ("one.png", [255, 0, 255])):
        found = open_picture(tmp_path / name)
        assert found.pixels[0].tolist() == [[10, 20, 30], [200, 100, 50], [0, 0, 255]]
        assert (None if found.alpha is None else found.alpha[0].tolist()) == alpha
    grey = Image.fromarray(smooth()).convert("L")
    grey.save(tmp_path / "grey.png")
    Image.merge("LA", [grey, grey]).save(tmp_path / "alpha.png")
    for name in ("grey.png", "alpha.png"):
        found = open_picture(tmp_path / name)
        assert np.array_equal(found.pixels, np.dstack([np.asarray(grey)] * 3))
        assert (found.alpha is not None) == (name == "alpha.png")


def test_cmyk(tmp_path: Path) -> None:
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=100)
    found = open_picture(tmp_path / "a.jpg")
    assert np.abs(found.pixels.astype(int) - [255, 0, 0]).max() <= 4
    for profile in (b"nonsense", b"\0" * 16 + b"CMYK" + b"\0" * 200, WIDE_GAMUT):  # equivalent to none
        Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / "b.tif", icc_profile=profile)
        found = open_picture(tmp_path / "b.tif")
        assert found.pixels[0, 0].tolist() == [255, 0, 0]
        assert found.profile is None


def test_a_grey_profile_is_applied_since_colours_cannot_keep_it(tmp_path: Path) -> None:
    Image.new("L", (16, 16), 55).save(tmp_path / "a.png", icc_profile=grey_profile())
    found = open_picture(tmp_path / "a.png")
    assert found.profile is None
    assert abs(int(found.pixels[0, 0, 0]) - 128) <= 2  # 55/255 of the light is half of sRGB's scale


def test_what_is_no_profile_for_colours_is_left_out(tmp_path: Path) -> None:
    for profile in (grey_profile(), b"x"):
        Image.fromarray(smooth()).save(tmp_path / "a.png", icc_profile=profile)
        assert open_picture(tmp_path / "a.png").profile is None


def test_a_preview_beside_a_photo_is_no_second_frame(tmp_path: Path) -> None:
    photo = Image.fromarray(smooth())
    photo.save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[photo.resize((17, 10))])
    assert open_picture(tmp_path / "a.jpg").pixels.shape == (HEIGHT, WIDTH, 3)


def test_the_suffix_does_not_matter(tmp_path: Path) -> None:
    Image.fromarray(smooth()).save(tmp_path / "a.jpg", format="PNG")
    assert np.array_equal(open_picture(tmp_path / "a.jpg").pixels, smooth())


def test_damaged_exif_is_left_out(tmp_path: Path) -> None:
    good = io.BytesIO()
    Image.fromarray(smooth()).save(good, "JPEG", exif=camera(6))
    block = camera(6).tobytes()
    (tmp_path / "a.jpg").write_bytes(good.getvalue().replace(block, block[:8] + b"\xff" * (len(block) - 8)))
    found = open_picture(tmp_path / "a.jpg")
    assert found.pixels.shape == (HEIGHT, WIDTH, 3)
    write_picture(tmp_path / "b.tiff", found)


# -- not kept -------------------------------------------------------------------------------------


def frames(suffix: str) -> bytes:
    content = io.BytesIO()
    pictures = [Image.new("RGB", (20, 20), colour) for colour in ("red", "green", "blue")]
    pictures[0].save(content, suffix, save_all=True, append_images=pictures[1:])
    return content.getvalue()


def tiff(samples: NDArray[Any], **settings: Any) -> bytes:
    content = io.BytesIO()
    tifffile.imwrite(content, samples, metadata=None, **settings)
    return content.getvalue()


def saved(suffix: str) -> bytes:
    content = io.BytesIO()
    Image.fromarray(noise(height=60, width=60)).save(content, suffix)
    return content.getvalue()


def in_pq() -> bytes:
    standard = saved("AVIF")
    found = standard.index(b"colrnclx") + 10
    return standard[:found] + struct.pack(">H", 16) + standard[found + 2 :]


NAN = np.full((20, 20), np.nan, dtype=np.float32)
REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "nothing": (lambda: b"", "is not a picture that can be read"),
    "text": (lambda: b"no picture\n" * 9, "is not a picture that can be read"),
    "truncated JPEG": (lambda: saved("JPEG")[:-300], "is damaged or truncated"),
    "truncated PNG": (lambda: saved("PNG")[:-400], "is damaged or truncated"),
    "truncated TIFF": (lambda: saved("TIFF")[:-400], "is damaged or truncated|cannot be read|floating"),
    "truncated WebP": (lambda: saved("WEBP")[:-400], "is damaged or truncated|cannot be read"),
    "truncated AVIF": (lambda: saved("AVIF")[:-400], "is damaged or truncated|is not a picture"),
    "truncated 16-bit PNG": (lambda: png(2, noise(3, np.uint16))[:-300], "is damaged or truncated"),
    "animated PNG": (lambda: frames("PNG"), "is animated; save one frame"),
    "animated WebP": (lambda: frames("WEBP"), "is animated; save one frame"),
    "animated AVIF": (lambda: frames("AVIF"), "is animated; save one frame"),
    "animated GIF": (lambda: frames("GIF"), "is animated; save one frame"),
    "TIFF of pages": (lambda: frames("TIFF"), "has several pages; save one page"),
    "float TIFF": (lambda: tiff(np.ones((20, 20, 3), np.float32), photometric="rgb"), "floating-point"),
    "half TIFF": (lambda: tiff(np.ones((20, 20), np.float16)), "floating-point"),
    "NaN TIFF": (lambda: tiff(NAN), "floating-point"),
    "signed TIFF": (lambda: tiff(np.ones((20, 20), np.int16)), "32-bit or signed"),
    "planar TIFF": (
        lambda: tiff(np.moveaxis(noise(3, np.uint16), 2, 0).copy(), photometric="rgb", planarconfig="separate"),
        "separate planes",
    ),
    "AVIF in PQ": (in_pq, r"has high dynamic range \(PQ\)"),
    "PNG in HLG": (lambda: png(2, noise(3, np.uint16), (b"cICP", b"\x09\x12\0\1")), r"has high dynamic range \(HLG\)"),
    "Radiance": (lambda: b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 1 +X 1\n", "Radiance HDR"),
    "OpenEXR": (lambda: b"v/1\x01\2\0\0\0" + b"\0" * 40, "OpenEXR"),
    "HEIC": (lambda: b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 40, "HEIC"),
    "bomb": (lambda: png(2, noise(3, np.uint16), width=65535, height=65535), "has more than 400,000,000 pixels"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_rendered_is_one_clear_line(tmp_path: Path, name: str) -> None:
    make, words = REFUSED[name]
    path = tmp_path / "a.png"
    path.write_bytes(make())
    with pytest.raises(PictureError, match=words) as caught:
        open_picture(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_places_that_are_no_files(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="no such file"):
        open_picture(tmp_path / "a.png")
    (tmp_path / "a.png").mkdir()
    with pytest.raises(PictureError, match="is a folder"):
        open_picture(tmp_path / "a.png")


def test_pillows_own_limit_neither_counts_nor_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for suffix in FORMATS:
        write_picture(tmp_path / f"a.{suffix}", Picture(noise(3, np.uint16)))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    for suffix in FORMATS:
        assert open_picture(tmp_path / f"a.{suffix}").pixels.shape == (HEIGHT, WIDTH, 3)
        assert Image.MAX_IMAGE_PIXELS == 100
    monkeypatch.setattr(opening, "MAXIMUM_PIXELS", 600)
    with pytest.raises(PictureError, match="has more than 600 pixels"):
        open_picture(tmp_path / "a.png")


def test_a_side_that_a_format_does_not_hold(tmp_path: Path) -> None:
    wide = Picture(np.zeros((1, 65_536, 3), dtype=np.uint8))
    for suffix, most in (("jpg", "65,500"), ("webp", "16,383"), ("avif", "65,535")):
        with pytest.raises(PictureError, match=f"65,536 pixels a side, but {suffix} allows {most}"):
            write_picture(tmp_path / f"a.{suffix}", wide)
    assert not list(tmp_path.iterdir())
    write_picture(tmp_path / "a.png", wide)


def test_wrong_settings_and_places(tmp_path: Path) -> None:
    picture = Picture(smooth())
    with pytest.raises(PrismganError, match="format 'jpgg'; did you mean 'jpg'"):
        write_picture(tmp_path / "a.jpgg", picture)
    for quality in (0, 101):
        with pytest.raises(PrismganError, match=f"quality {quality}: expected"):
            write_picture(tmp_path / "a.jpg", picture, quality)
    (tmp_path / "file").write_text("")
    with pytest.raises(PrismganError, match="cannot be written"):
        write_picture(tmp_path / "file" / "a.png", picture)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_transparency_of_another_size(dtype: type) -> None:
    most = np.iinfo(dtype).max
    alpha = np.array([[0, most], [0, most]], dtype=dtype)
    resized = resized_alpha(alpha, 8, 8)
    assert resized.shape == (8, 8)
    assert resized.dtype == dtype
    assert resized[:, 0].max() == 0
    assert resized[:, -1].min() == most
    assert resized_alpha(alpha, 2, 2) is alpha


def test_an_enlarged_picture_says_its_own_size(tmp_path: Path) -> None:
    source = Picture(smooth(), exif=camera().tobytes())
    write_picture(tmp_path / "a.jpg", replace(source, pixels=np.repeat(source.pixels, 2, axis=1)))
    with Image.open(tmp_path / "a.jpg") as file:
        assert file.getexif().get_ifd(DETAILS)[PIXELS_WIDE] == 2 * WIDTH
