"""Files that are replaced atomically, remains of killed programs, and locks of folders."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prismgan.errors import PrismganError
from prismgan.files import entries, locked, new_file, new_folder, replace_file

KILLED = """
import os, signal, sys
from pathlib import Path
from prismgan.files import {maker}
with {maker}(Path(sys.argv[1])) as new:
    {write}
    print("there", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""
needs_kill = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system kills in another way")


def killed(maker: str, write: str, path: Path, environment: Mapping[str, str]) -> None:
    """A program that is killed while it writes."""
    program = [sys.executable, "-c", KILLED.format(maker=maker, write=write), str(path)]
    done = subprocess.run(program, env=dict(environment), capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("there\n", -signal.SIGKILL), done.stderr


@needs_kill
def test_what_a_killed_program_left_of_a_file_is_removed_with_the_next(
    tmp_path: Path, environment: Mapping[str, str]
) -> None:
    path = tmp_path / "a-1.png"
    for _ in range(2):
        killed("new_file", "new.write(b'half')", path, environment)
        assert len(list(tmp_path.iterdir())) == 1, "of two kills as well"
        assert entries(tmp_path) == []
    others = [tmp_path / f".b.png-{os.getpid()}-abcdefgh", tmp_path / f".a-1.png-{os.getpid()}-abcdefgh"]
    for other in others:  # of another file, and of a program that is still running
        other.write_bytes(b"kept")
    replace_file(path, b"whole")
    assert sorted(tmp_path.iterdir()) == sorted([path, *others])
    assert path.read_bytes() == b"whole"


@needs_kill
def test_what_a_killed_program_left_of_a_folder_is_removed_with_the_next(
    tmp_path: Path, environment: Mapping[str, str]
) -> None:
    path = tmp_path / "site"
    killed("new_folder", "(new / 'half').touch()", path, environment)
    path.mkdir()
    (path / "old").touch()
    path.rename(tmp_path / f"{next(tmp_path.glob('.site-*')).name}-old")  # killed a moment later
    with pytest.raises(ZeroDivisionError), new_folder(path):
        assert [each.name for each in path.iterdir()] == ["old"], "it is back in its place"
        _ = 1 / 0
    with new_folder(path) as new:
        (new / "whole").touch()
    assert [each.relative_to(tmp_path).as_posix() for each in sorted(tmp_path.rglob("*"))] == ["site", "site/whole"]


def test_a_full_disk_is_named_whatever_a_library_says_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no full device")

    def full(**options: Any) -> tuple[int, str]:
        descriptor, name = make(**options)
        os.close(descriptor)
        return os.open("/dev/full", os.O_WRONLY), name

    make = tempfile.mkstemp
    monkeypatch.setattr("prismgan.files.tempfile.mkstemp", full)
    replaced = tmp_path / "a.npy"
    replaced.write_bytes(b"old")
    for write in (b"x", np.zeros(9999)):
        with (
            pytest.raises(PrismganError, match=r"a\.npy: cannot be written \(No space left on device\)"),
            new_file(replaced) as file,
        ):
            try:
                np.save(file, write) if isinstance(write, np.ndarray) else file.write(write)
            except OSError:
                raise ValueError("the library cannot encode this") from None
    assert replaced.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["a.npy"]


def test_one_program_at_a_time(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "a"
    with locked(folder, "training"):
        assert entries(folder) == []
        with (
            pytest.raises(PrismganError, match=r"a: another training is running in this folder; wait"),
            locked(folder, "training"),
        ):
            pass
        with locked(tmp_path, "training"):
            pass
    with locked(folder, "training"):
        pass
    assert list(folder.iterdir()) == []


@needs_kill
def test_a_lock_ends_with_a_killed_program(tmp_path: Path, environment: Mapping[str, str]) -> None:
    holder = """
import sys, time
from pathlib import Path
from prismgan.files import locked
with locked(Path(sys.argv[1]), "training"):
    print("there", flush=True)
    time.sleep(100)
"""
    program = [sys.executable, "-c", holder, str(tmp_path)]
    with subprocess.Popen(program, env=dict(environment), stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "there\n"
        with pytest.raises(PrismganError, match="another training"), locked(tmp_path, "training"):
            pass
        other.kill()
        other.wait()
    with locked(tmp_path, "training"):
        assert time.time() > 0
    assert list(tmp_path.iterdir()) == []
