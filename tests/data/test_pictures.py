"""The cache stays within its memory, and raises only when a picture is requested."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from prismgan.config import located
from prismgan.data import pictures
from prismgan.data.pictures import Cache
from prismgan.errors import PictureError

from .conftest import MakePicture


@pytest.mark.parametrize("megabytes", [0, 1, 16])
def test_cache_returns_what_is_on_disk(make_picture: MakePicture, megabytes: int) -> None:
    paths = [str(make_picture(f"{index}.png", 400, 500, index)) for index in range(3)]
    cache = Cache(paths, megabytes)
    for _ in range(2):
        for path in paths:
            assert torch.equal(cache.load(path), pictures.load(path))
    # A picture takes 0.57 megabytes.
    kept = sum(pixels.numel() for pixels in cache._kept.values())
    assert kept == {0: 0, 1: 600_000, 16: 1_800_000}[megabytes]


@pytest.mark.parametrize("megabytes", [0, 16])
def test_unreadable_pictures_are_remembered(tmp_path: Path, make_picture: MakePicture, megabytes: int) -> None:
    cut = make_picture("cut.png")
    cut.write_bytes(cut.read_bytes()[:200])
    names = [str(cut), str(tmp_path / "none.png")]
    cache = Cache(names, megabytes)
    for name in names * 2:
        with pytest.raises(PictureError, match=Path(name).name):
            cache.load(name)
    assert set(cache.unreadable) == set(names)


def test_expand_and_resolve(tmp_path: Path, make_picture: MakePicture) -> None:
    path = make_picture("folder/a.png")
    assert pictures.expand([str(path.parent), "x.png"]) == (str(path), "x.png")
    assert located("a.png", tmp_path) == str(tmp_path / "a.png")
    assert located("builtin:swirl", tmp_path) == "builtin:swirl"
