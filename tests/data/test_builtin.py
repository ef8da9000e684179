"""The pictures that prismgan brings: all load, none from the network, and they are always the same."""

from __future__ import annotations

import hashlib
import socket

import pytest
import torch

from prismgan.data import builtin, comics, mosaic, swirl
from prismgan.data.examples import exemplars
from prismgan.errors import DataError
from prismgan.tasks import Exemplar

from .conftest import MakeTask


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise AssertionError("a connection was attempted")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def test_every_picture_loads_in_the_size_it_says() -> None:
    for name in builtin.names():
        for picture in builtin.expand(name):
            pixels = builtin.load(picture)
            assert pixels.dtype == torch.uint8
            assert pixels.shape == (3, *builtin.size(picture))
            assert min(pixels.shape[1:]) >= (32 if "digit" in picture else 256)


def test_held_out_pictures_are_in_no_training_collection() -> None:
    held_out = set(builtin.expand("builtin:held-out"))
    assert held_out == {"builtin:chelsea", "builtin:coffee"}
    assert not held_out & set(builtin.expand("builtin:photos"))
    assert len(builtin.expand("builtin:comics")) == comics.COUNT


def test_loaded_pictures_may_be_written_into() -> None:
    builtin.load("builtin:mosaic").zero_()
    assert builtin.load("builtin:mosaic").float().mean() > 20


def test_drawings_repeat() -> None:
    for draw in (swirl.paint, mosaic.paint, lambda: comics.draw(5)):
        first, second = (hashlib.sha256(draw().tobytes()).hexdigest() for _ in range(2))
        assert first == second


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
