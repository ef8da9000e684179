"""The digits that come with scikit-learn."""

from __future__ import annotations

import pytest
import torch

from prismgan import packages
from prismgan.data import DataConfig, SourceEntry, builtin, rows
from prismgan.errors import DataError, PrismganError


@pytest.fixture
def installed() -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")


def test_every_digit_is_in_one_collection(installed: None) -> None:
    members = [builtin.expand(f"builtin:digits-{digit}") for digit in range(10)]
    assert [len(some) for some in members] == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert len({name for some in members for name in some}) == 1797
    assert members[3][17] == "builtin:digit-3-017"


def test_a_digit_is_white_on_black(installed: None) -> None:
    pixels = builtin.load("builtin:digit-0-000")
    assert pixels.shape == (3, builtin.SIDE, builtin.SIDE)
    assert torch.equal(pixels[0], pixels[1])
    ring, middle, corner = pixels[0, 16, 8], pixels[0, 16, 16], pixels[0, :4, :4]
    assert ring > 120
    assert middle < 30
    assert corner.max() == 0


def test_rows_know_which_digit_they_show(installed: None) -> None:
    config = DataConfig(train=(SourceEntry(builtin="digits-7"), SourceEntry(builtin="digits-8")))
    found = rows(config)
    assert len(found) == 179 + 174
    assert {row.collection for row in found} == {"digits-7", "digits-8"}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("builtin:digit-3-900", "no such digit"),
        ("builtin:digits-3", "is a collection, expected one picture, for example 'builtin:digit-3-000'"),
        ("builtin:digits", "no such built-in picture or collection; did you mean 'builtin:digits-"),
        ("digit-3-000", "no such built-in picture"),
    ],
)
def test_what_is_no_digit_is_refused(installed: None, name: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        builtin.load(name)


def test_without_scikit_learn_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "find_spec", lambda name: None)
    monkeypatch.setattr(builtin, "_scans", builtin._scans.__wrapped__)
    said = r"built-in digits: needs the package scikit-learn; install it: pip install 'prismgan\[digits\]'"
    with pytest.raises(PrismganError, match=said):
        builtin.expand("builtin:digits-1")
    with pytest.raises(DataError, match=said):
        rows(DataConfig(train=(SourceEntry(builtin="digits-7"),)))
