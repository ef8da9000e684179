"""Rows from folders, manifests and built-in collections; problems of a manifest are reported by line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from prismgan.data import DataConfig, Row, SourceEntry, rows, split
from prismgan.errors import DataError

from .conftest import MakePicture


def config(entry: SourceEntry, **more: object) -> DataConfig:
    return DataConfig.model_validate({"train": (entry,), **more})


def manifest(tmp_path: Path, content: str | bytes, name: str = "list.csv") -> DataConfig:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return config(SourceEntry(manifest=str(path)))


def test_csv_rows(tmp_path: Path) -> None:
    text = "\ufeffpicture,source,split,view,mask\na.png,,train,left,m/a.png\n\n/x/b.png,s.png,,,\n"
    first, second = rows(manifest(tmp_path, text))
    assert first == Row(str(tmp_path / "a.png"), None, {"mask": str(tmp_path / "m/a.png")}, "train", "left", "a.png")
    assert second == Row("/x/b.png", str(tmp_path / "s.png"), {}, None, "list", "/x/b.png")


def test_json_rows_equal_csv_rows(tmp_path: Path) -> None:
    lines = [
        {"picture": "a.png", "mask": None, "split": "test"},
        {"picture": "builtin:coffee", "mask": "m.png"},
    ]
    text = "\n".join(json.dumps(line) for line in lines)
    from_json = rows(manifest(tmp_path, text, "list.jsonl"))
    from_csv = rows(manifest(tmp_path, "picture,mask,split\na.png,,test\nbuiltin:coffee,m.png,\n"))
    assert from_json == from_csv
    assert from_json[1].picture == "builtin:coffee"


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        ("photo,mask\na.png,b.png\n", "l.csv", r"line 1: has no column 'picture' \(found 'photo', 'mask'\)"),
        ("picture,a,a\nx,y,z\n", "l.csv", r"line 1: has the column 'a' twice"),
        ("picture,mask\na.png,b.png\nc.png\n", "l.csv", r"line 3: has 1 cells where the header has 2"),
        ("picture,split\na.png,trian\n", "l.csv", r"line 2: unknown split 'trian'; did you mean 'train'\?"),
        ("picture,mask\n,b.png\n", "l.csv", r"line 2: names no picture"),
        ('picture\n"a.png\n', "l.csv", r"is not CSV"),
        ("", "l.csv", r"l\.csv: lists no picture"),
        ("picture\n", "l.csv", r"l\.csv: lists no picture"),
        (b"picture\na.png\n\xff\xfe.png\n", "l.csv", r"line 3: is not UTF-8"),
        ('{"picture": "a.png"}\n{"picture": \n', "l.jsonl", r"line 2: is not JSON"),
        ('["a.png"]\n', "l.jsonl", r"line 1: is a JSON list, expected an object"),
        ('{"picture": "a.png", "mask": 3}\n', "l.ndjson", r"line 1: 'mask' is a JSON int"),
        ('{"mask": "a.png"}\n', "l.jsonl", r"line 1: names no picture"),
        ("[" * 9000, "l.jsonl", r"line 1: cannot be read \(is nested too deeply\)"),
        ('{"picture": ' + "9" * 5000 + "}", "l.jsonl", r"line 1: cannot be read \(Exceeds the limit"),
    ],
)
def test_malformed_manifests(tmp_path: Path, content: str | bytes, name: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        rows(manifest(tmp_path, content, name))
    assert "\n" not in str(caught.value)


def test_missing_places() -> None:
    for entry in (
        SourceEntry(folder="/none"),
        SourceEntry(manifest="/none.csv"),
        SourceEntry(builtin="photo"),
    ):
        with pytest.raises(DataError, match=r"no such folder|No such file|did you mean 'builtin:photos'"):
            rows(config(entry))


def test_folders_and_builtin(tmp_path: Path, make_picture: MakePicture) -> None:
    for name in ("one/a.png", "one/deep/b.png", "two/c.png"):
        make_picture(name)
    entry = SourceEntry(folders=(str(tmp_path / "one"), str(tmp_path / "two")))
    assert [(row.collection, row.key) for row in rows(config(entry))] == [
        ("one", "a.png"),
        ("one", "deep/b.png"),
        ("two", "c.png"),
    ]
    assert {row.collection for row in rows(config(SourceEntry(builtin="photos")))} == {"photos"}


def test_resolve_leaves_builtin_and_absolute_paths() -> None:
    data = DataConfig(
        train=(SourceEntry(folder="a"), SourceEntry(builtin="photos"), SourceEntry(folders=("b", "/c"))),
        test=(SourceEntry(manifest="m.csv", root="r"),),
    )
    resolved = DataConfig.model_validate(data.model_dump(), context={"base": Path("/base")})
    assert resolved.train[0].folder == "/base/a"
    assert resolved.train[1].builtin == "photos"
    assert resolved.train[2].folders == ("/base/b", "/c")
    assert (resolved.test[0].manifest, resolved.test[0].root) == ("/base/m.csv", "/base/r")


@pytest.mark.parametrize("entry", [{}, {"folder": "a", "builtin": "b"}, {"folder": "a", "root": "r"}])
def test_exactly_one_origin(entry: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match=r"exactly one|belongs to a manifest"):
        SourceEntry.model_validate(entry)


def numbered(count: int, base: str = "/data") -> list[Row]:
    return [Row(f"{base}/{index}.png", collection="c", key=f"{index}.png") for index in range(count)]


def test_split_by_hash_is_stable() -> None:
    data = config(SourceEntry(folder="unused"))
    train, test = split(numbered(400), data)
    assert len(train) + len(test) == 400
    assert 20 <= len(test) <= 60
    moved = split(list(reversed(numbered(400, "/elsewhere"))), data)[1]
    assert {row.key for row in moved} == {row.key for row in test}
    assert {row.key for row in split(numbered(300), data)[1]} <= {row.key for row in test}


@pytest.mark.parametrize(("count", "tested"), [(1, 0), (2, 1), (3, 1)])
@pytest.mark.parametrize("fraction", [1e-9, 0.0])
def test_split_of_few(count: int, tested: int, fraction: float) -> None:
    train, test = split(numbered(count), config(SourceEntry(folder="unused"), test_fraction=fraction))
    assert len(test) == (tested if fraction else 0)
    assert len(train) == count - len(test)


def test_marked_rows_decide() -> None:
    found = [Row("a", split="test"), Row("b", split="train"), Row("c")]
    train, test = split(found, config(SourceEntry(folder="unused")))
    assert [row.picture for row in train] == ["b", "c"]
    assert [row.picture for row in test] == ["a"]
    with pytest.raises(DataError, match="no picture is left to train on"):
        split(found[:1], config(SourceEntry(folder="unused")))


def test_test_entries(tmp_path: Path, make_picture: MakePicture) -> None:
    make_picture("in/a.png")
    make_picture("out/b.png")
    data = config(SourceEntry(folder=str(tmp_path / "in")), test=(SourceEntry(folder=str(tmp_path / "out")),))
    train, test = split(rows(data), data)
    assert ([row.key for row in train], [row.key for row in test]) == (["a.png"], ["b.png"])
    marked = manifest(tmp_path, "picture,split\na.png,train\n").train[0]
    with pytest.raises(DataError, match="marked as split=train"):
        rows(config(SourceEntry(folder=str(tmp_path / "in")), test=(marked,)))


def weights_of(data: DataConfig) -> dict[str, float]:
    found = rows(data)
    total = sum(row.weight for row in found)
    return {row.key: row.weight / total for row in found}


def test_shares_and_weights(tmp_path: Path, make_picture: MakePicture) -> None:
    for name in ("photos/a.png", "photos/face_1.png", "photos/face_2.png", "more/b.png"):
        make_picture(name)
    photos = SourceEntry(folder=str(tmp_path / "photos"), weights={"face_*": 0.25})
    graphics = SourceEntry(builtin="graphics", share=0.25, clean=0.5)
    assert weights_of(config(photos)) == pytest.approx({"a.png": 2 / 3, "face_1.png": 1 / 6, "face_2.png": 1 / 6})
    both = DataConfig(train=(photos, graphics))
    assert weights_of(both) == pytest.approx(
        {"a.png": 0.5, "face_1.png": 0.125, "face_2.png": 0.125, "builtin:graphics": 0.25}
    )
    assert [row.clean for row in rows(both)] == [None, None, None, 0.5]
    halves = [SourceEntry(folder=str(tmp_path / name), share=0.5) for name in ("photos", "more")]
    assert weights_of(DataConfig(train=tuple(halves)))["b.png"] == pytest.approx(0.5)


def test_wrong_shares_and_weights_are_refused(tmp_path: Path, make_picture: MakePicture) -> None:
    make_picture("photos/a.png")
    photos = SourceEntry(folder=str(tmp_path / "photos"), weights={"face_*": 0.25})
    with pytest.raises(DataError, match=r"'face_\*' of 'weights' matches none of 1 pictures \(for example a\.png\)"):
        rows(config(photos))
    for shares in ((0.7, 0.4), (1.0, None)):
        entries = tuple(SourceEntry(folder="x", share=share) for share in shares)
        with pytest.raises(ValidationError, match="leave nothing"):
            DataConfig(train=entries)
    with pytest.raises(ValidationError, match="only for 'train'"):
        DataConfig(train=(SourceEntry(folder="x"),), test=(SourceEntry(folder="y", share=0.5),))


def test_graphics_are_never_kept_for_testing() -> None:
    graphics = Row("builtin:graphics", collection="graphics", key="builtin:graphics")
    train, test = split([*numbered(2), graphics], config(SourceEntry(folder="unused"), test_fraction=0.9))
    assert (len(train), len(test)) == (2, 1)
    assert graphics in train
