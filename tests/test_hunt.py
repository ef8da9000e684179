"""The hunt detects its targets: crashes, hangs, too much memory, tracebacks, and files that are read wrongly."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

import pytest

if sys.platform != "linux":
    pytest.skip("processes are forked", allow_module_level=True)
sys.path.insert(0, str(Path(__file__).parents[1] / "tools" / "hunt"))

import isolated as processes
from files import Kind, changed, hunt_files
from isolated import Ended, command, isolated
from ledger import Ledger, Trial

from prismgan.errors import PictureError


def test_how_work_ends_is_told() -> None:
    assert isolated(lambda: print("done")).fault is None
    assert isolated(lambda: sys.exit(2)).fault == "refused without a word: "
    assert "exit code 70: Traceback" in (isolated(lambda: 1 / 0).fault or "")
    assert isolated(lambda: os.kill(os.getpid(), signal.SIGKILL)).code == -signal.SIGKILL
    assert "MemoryError" in (isolated(lambda: bytearray(2 * processes.MEMORY)).fault or "")
    killed = isolated(lambda: time.sleep(60), kill_after=0.1)
    assert (killed.code, killed.seconds < 5) == (-signal.SIGKILL, True)


def test_a_hang_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "SECONDS", 0.1)
    ended = isolated(lambda: time.sleep(60))
    assert ended.seconds == pytest.approx(0.3)
    assert (ended.fault or "").startswith("hangs")


def test_a_refusal_is_no_fault_and_a_traceback_is_one() -> None:
    refused = isolated(command("info", "nowhere.safetensors"))
    assert (refused.code, refused.fault) == (2, None)
    assert "no such weights file" in refused.said
    assert Ended(0, "Traceback (most recent call last):", 1, 1).fault
    assert Ended(2, "prismgan: " + "x" * 3000, 1, 1).fault == "a line of 3,010 characters"


def test_changes_follow_from_the_number() -> None:
    whole = bytes(range(256)) * 4
    made = [changed(whole, False, random.Random(number)) for number in range(200)]
    assert made == [changed(whole, False, random.Random(number)) for number in range(200)]
    assert sum(one != whole for one in made) > 180
    assert len({len(one) for one in made}) > 20
    assert changed(b"", True, random.Random(0)) == b""


def test_every_file_is_counted_once_whatever_it_does(tmp_path: Path) -> None:
    def read(path: Path, whole: Path) -> None:
        match sum(path.read_bytes()) % 5:
            case 0:
                raise PictureError("refused")
            case 1:
                raise KeyError("a mistake")
            case 2:
                os.kill(os.getpid(), signal.SIGKILL)
            case 3:
                os.write(2, b"a library's own words\n")

    (tmp_path / "whole.png").write_bytes(bytes(range(200)))
    kind = Kind("pictures", ".png", [tmp_path / "whole.png"], read, lambda path, out: ("info", path))
    ledger = Ledger(tmp_path)
    hunt_files(kind, ledger, 1, 1, 60)
    row = ledger.row("pictures")
    assert row.tried == row.refused + row.accepted + row.failed == 60
    assert min(row.refused, row.accepted, row.failed) > 0
    assert len(ledger.failures.read_text().splitlines()) == row.failed
    assert len(list(tmp_path.glob("1-pictures-*.png"))) == row.failed
    assert "pictures" in ledger.table()


def test_a_failure_is_written_down_with_all_that_replays_it(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.note(Trial("kills: video", 3, 7), "failed", "is not what an undisturbed one makes")
    assert ledger.failures.read_text() == (
        '{"part": "kills: video", "seed": 3, "number": 7, "what": "is not what an undisturbed one makes"}\n'
    )
    assert ledger.failed == 1
