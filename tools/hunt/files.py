"""Damaged files: pictures, clips, weights, checkpoints, recipes and manifests, each with small or large changes.

Every one must be refused in one line, or read. Checkpoints and weights that are read must equal the undamaged ones.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from corpus import Corpus
from isolated import Ended, command, isolated
from ledger import Ledger, Trial

__all__ = ["KINDS", "changed", "hunt_files", "kind_of"]

BATCH = 40
"""Files that one process tests, one after another."""
BY_COMMAND = 160
"""One file in this many is tested through the command line."""
ODD_BYTES = (
    b"\0",
    b"\xff",
    b"\x80",
    b"\x7f",
    b"\0\0\0\0",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
    b"\xff\xff\xff\x7f",
)
ODD_WORDS = (
    *(
        "true",
        "null",
        "-1",
        "0",
        "1e999",
        ".nan",
        "9" * 40,
        "[]",
        "{}",
        "''",
        "../..",
        "~",
        "!!timestamp x",
        "2020-99-99",
    ),
    *(
        "&a [*a]",
        "[" * 300,
        "{a: " * 300,
        "\u202e",
        "\0",
        "x" * 3000,
        "- - - -",
        "? a",
        "*nothing",
        "!!python/object:a",
    ),
)


@dataclass(frozen=True)
class Kind:
    """One kind of file."""

    name: str
    suffix: str
    corpus: list[Path]
    read: Callable[[Path, Path], None]
    """Reads a file; the second argument is the file that it was made from."""
    words: Callable[[Path, Path], tuple[object, ...]]
    """Arguments of a command that reads the file; the second argument is a folder for its outputs."""
    is_text: bool = False


def changed(content: bytes, is_text: bool, draw: random.Random) -> bytes:
    """The same file with one to eight changes of various kinds."""
    made = bytearray(content)
    for _ in range(draw.choice((1, 1, 1, 2, 3, 8))):
        if not made:
            break
        place = draw.randrange(len(made))
        length = min(len(made) - place, draw.choice((1, 2, 4, 16, 256, 4096)))
        way = draw.randrange(9 if is_text else 7)
        if way == 0:
            made[place] ^= 1 << draw.randrange(8)
        elif way == 1:
            odd = draw.choice(ODD_BYTES)
            made[place : place + len(odd)] = odd
        elif way == 2:
            del made[place:]
        elif way == 3:
            del made[place : place + length]
        elif way == 4:
            made[place:place] = made[place : place + length] * draw.choice((1, 2, 40))
        elif way == 5:
            made[place : place + length] = draw.randbytes(length)
        elif way == 6:
            other = draw.randrange(len(made))
            made[place : place + length] = made[other : other + length]
        else:
            made = _changed_word(bytes(made), draw)
    return bytes(made)


def _changed_word(content: bytes, draw: random.Random) -> bytearray:
    """Replace a word, number or line of a text by another one."""
    spans = [
        match.span() for match in re.finditer(rb"[\w./-]+|\n[^\n]*" if draw.random() < 0.8 else rb"\n[^\n]*", content)
    ]
    if not spans:
        return bytearray(content)
    start, end = draw.choice(spans)
    other = content[slice(*draw.choice(spans))] if draw.random() < 0.4 else draw.choice(ODD_WORDS).encode()
    return bytearray(content[:start] + other + content[end:])


def hunt_files(kind: Kind, ledger: Ledger, seed: int, first: int, count: int, by_command: bool = False) -> None:
    """Test this many files, beginning with this number; one in 160, or all, through the command line."""
    with tempfile.TemporaryDirectory(prefix="prismgan-hunt-") as place:
        folder, number = Path(place), first
        while number < first + count:
            if by_command or number % BY_COMMAND == 0:
                _by_command(kind, ledger, Trial(kind.name, seed, number), folder)
            number += _batch(kind, ledger, seed, range(number, min(number + BATCH, first + count)), folder)


def _made(kind: Kind, trial: Trial) -> tuple[bytes, Path]:
    draw = random.Random(trial.key)
    whole = draw.choice(kind.corpus)
    return changed(whole.read_bytes(), kind.is_text, draw), whole


def _batch(kind: Kind, ledger: Ledger, seed: int, numbers: range, folder: Path) -> int:
    """Test these files, up to the first that its process does not survive; returns their number."""
    notes = folder / "notes.jsonl"
    notes.write_bytes(b"")

    def work() -> None:
        from prismgan.errors import PrismganError

        with notes.open("a", buffering=1) as file:
            for number in numbers:
                content, whole = _made(kind, Trial(kind.name, seed, number))
                path = folder / f"changed{kind.suffix}"
                path.write_bytes(content)
                before = os.lseek(2, 0, os.SEEK_END)
                try:
                    kind.read(path, whole)
                    outcome, what = "accepted", ""
                except PrismganError as error:
                    outcome, what = "refused", str(error)
                    if len(what) > 20_000:
                        outcome, what = "failed", f"a message of {len(what):,} characters"
                except Exception:
                    outcome, what = "failed", traceback.format_exc()[-1500:]
                if os.lseek(2, 0, os.SEEK_END) != before:
                    outcome, what = "failed", f"a library writes to stderr, beside: {what[:300]}"
                file.write(json.dumps([outcome, what]) + "\n")

    ended = isolated(work)
    done = [json.loads(line) for line in notes.read_text().splitlines()]
    for number, (outcome, what) in zip(numbers, done, strict=False):
        trial = Trial(kind.name, seed, number)
        ledger.note(trial, outcome, what, seconds=ended.seconds / len(numbers), megabytes=ended.megabytes)
        if outcome == "failed":
            ledger.keep(trial, _made(kind, trial)[0], kind.suffix)
    if len(done) < len(numbers):  # the process died with the next file
        trial = Trial(kind.name, seed, numbers[len(done)])
        ledger.note(trial, "failed", _last_words(ended), seconds=ended.seconds, megabytes=ended.megabytes)
        ledger.keep(trial, _made(kind, trial)[0], kind.suffix)
    return min(len(done) + 1, len(numbers))


def _by_command(kind: Kind, ledger: Ledger, trial: Trial, folder: Path) -> None:
    path = folder / f"asked{kind.suffix}"
    path.write_bytes(_made(kind, trial)[0])
    ended = isolated(command(*kind.words(path, folder / f"out-{trial.number}")))
    trial = Trial(f"{kind.name}, by the command", trial.seed, trial.number)
    if ended.fault is not None:
        ledger.keep(trial, path.read_bytes(), kind.suffix)
        ledger.note(trial, "failed", ended.fault, seconds=ended.seconds, megabytes=ended.megabytes)
    else:
        ledger.note(trial, "refused" if ended.code else "accepted", seconds=ended.seconds, megabytes=ended.megabytes)


def _last_words(ended: Ended) -> str:
    if ended.code < 0:
        return f"{signal.Signals(-ended.code).name} after {ended.seconds:.0f} s: {ended.said[-500:]}"
    return f"exit code {ended.code}: {ended.said[-1500:]}"


# -- readers of each kind ------------------------------------------------------------------------


def _picture(path: Path, whole: Path) -> None:
    from prismgan.images import encoded_picture, open_picture

    encoded_picture("a", "png", open_picture(path))


def _clip(path: Path, whole: Path) -> None:
    from prismgan.render.video.clip import Reader, open_clip

    clip = open_clip(path)
    for number, _ in enumerate(Reader(clip.name).frames(clip)):
        if number > 60:
            break


def _weights(path: Path, whole: Path) -> None:
    from prismgan.weights import load_weights

    network = load_weights(path).network()
    _must_be_same(network.state_dict(), load_weights(whole).network().state_dict(), "weights")


def _checkpoint(path: Path, whole: Path) -> None:
    from prismgan.training.run import load_checkpoint

    _must_be_same(load_checkpoint(path), load_checkpoint(whole), "checkpoint")


def _recipe(path: Path, whole: Path) -> None:
    from prismgan.recipes import text

    text.load(path)


def _manifest(path: Path, whole: Path) -> None:
    from prismgan.data import manifest
    from prismgan.errors import DataError

    _, problems = manifest.read(path)
    if problems:
        raise DataError(str(problems[0]))


def _must_be_same(first: Any, second: Any, what: str) -> None:
    import torch

    if isinstance(first, torch.Tensor):
        same = isinstance(second, torch.Tensor) and torch.equal(first, second)
    elif isinstance(first, dict):
        same = isinstance(second, dict) and first.keys() == second.keys()
        for key in first if same else ():
            _must_be_same(first[key], second[key], f"{what}.{key}")
    elif isinstance(first, list | tuple):
        same = len(first) == len(second)
        for place, (one, other) in enumerate(zip(first, second, strict=False)):
            _must_be_same(one, other, f"{what}[{place}]")
    else:
        same = first == second or first != first
    if not same:
        raise AssertionError(f"{what}: other numbers are read, without a word")


READ: dict[str, tuple[str, Callable[[Path, Path], None]]] = {
    "pictures": (".png", _picture),
    "clips": (".mp4", _clip),
    "weights": (".safetensors", _weights),
    "checkpoints": (".pt", _checkpoint),
    "recipes": (".yaml", _recipe),
    "manifests": (".csv", _manifest),
    "JSON-lines": (".jsonl", _manifest),
}
KINDS = tuple(READ)


def kind_of(name: str, corpus: Corpus) -> Kind:
    """One kind of file, with undamaged files to start from."""

    def words(path: Path, out: Path) -> tuple[object, ...]:
        if name in ("pictures", "clips"):
            return ("render" if name == "pictures" else "video", path, "--out", out, "--weights", corpus.weights)
        if name == "weights":
            return ("info", path)
        if name == "checkpoints":
            return ("train", corpus.recipe, "--run", _run_with(path, corpus.run, out), "--resume", "--steps", 5)
        if name == "recipes":
            return ("data", "check", path)
        return ("data", "check", corpus.recipe, "--set", _data(path))

    suffix, read = READ[name]
    return Kind(name, suffix, corpus.files(name), read, words, name in ("recipes", "manifests", "JSON-lines"))


def _data(path: Path) -> str:
    return f'data.train=[{{"manifest": "{path}"}}]'


def _run_with(checkpoint: Path, run: Path, folder: Path) -> Path:
    """A run with this checkpoint."""
    shutil.copytree(run, folder)
    shutil.copyfile(checkpoint, folder / "checkpoint.pt")
    return folder
