"""The built-in pictures: all load, without the network, and they are always the same."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import torch

from prismgan.data import builtin
from prismgan.data.pictures import exemplars
from prismgan.errors import DataError
from prismgan.tasks import Exemplar

from .conftest import MakeTask


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise AssertionError("a connection was attempted")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def test_every_picture_loads() -> None:
    for name in builtin.names():
        for picture in builtin.expand(name):
            pixels = builtin.load(picture)
            assert pixels.dtype == torch.uint8
            assert pixels.shape[0] == 3
            assert min(pixels.shape[1:]) >= (32 if "digit" in picture else 256)


def test_held_out_pictures_are_in_no_training_collection() -> None:
    held_out = set(builtin.expand("builtin:held-out"))
    assert held_out == {"builtin:chelsea", "builtin:coffee"}
    assert not held_out & set(builtin.expand("builtin:photos"))
    assert len(builtin.expand("builtin:comics")) == 24


def test_loaded_pictures_may_be_written_into() -> None:
    builtin.load("builtin:mosaic").zero_()
    assert builtin.load("builtin:mosaic").float().mean() > 20


def test_the_shipped_drawings_are_what_the_painter_paints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "tools"))
    from paint_drawings import DRAWINGS  # type: ignore[import-not-found]

    assert tuple(DRAWINGS) == builtin.DRAWINGS
    for name in ("swirl", "mosaic", "comic-05", "comic-16"):
        painted = torch.from_numpy(DRAWINGS[name]()).permute(2, 0, 1)
        assert torch.equal(builtin.load(f"builtin:{name}"), painted), name


@pytest.mark.parametrize(
    ("name", "message"),
    [("builtin:swril", "did you mean 'builtin:swirl'"), ("builtin:photos", "is a collection")],
)
def test_unknown_names(name: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        builtin.load(name)


def test_exemplars_are_shown_at_the_task_s_size(make_task: MakeTask) -> None:
    task = make_task("style", Exemplar(("builtin:mosaic", "builtin:coffee"), 96))
    sizes = [tuple(image.shape) for image in exemplars(task)]
    assert sizes == [(3, 96, 96), (3, 64, 96)]
    assert all(image.abs().max() <= 1 for image in exemplars(task))
    assert exemplars(make_task()) == []
