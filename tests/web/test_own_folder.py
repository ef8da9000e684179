"""The server's folder: separate for each server, and deleted with it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from prismgan.web.app_state import LOCK, PREFIX, OwnFolder

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no such locks")
HELD = """
from prismgan.web.app_state import OwnFolder
folder = OwnFolder()
(folder.path / "pictures").mkdir()
(folder.path / "pictures" / "a").write_text("a")
print(folder.path, flush=True)
input()
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder instead of the system's temporary one."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_killed_servers_folder_is_removed_and_a_living_ones_stays(place: Path, environment: dict[str, str]) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HELD],
        env={**environment, "TMPDIR": str(place)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        theirs = Path(other.stdout.readline().strip())
        own = OwnFolder()
        assert theirs.is_dir()
        other.kill()
        other.wait()
    assert (theirs / "pictures" / "a").is_file()
    third = OwnFolder()
    assert not theirs.exists()
    assert own.path.is_dir()
    for folder in (own, third):
        folder.close()
    assert list(place.iterdir()) == []


def test_what_no_server_made_is_left_alone(place: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / LOCK).touch()
    (place / f"{PREFIX}without-lock").mkdir()
    (place / f"{PREFIX}file").touch()
    (place / f"{PREFIX}link").symlink_to(elsewhere)
    (place / f"{PREFIX}nowhere").symlink_to("nowhere")
    (place / "prismgan-other").mkdir()
    before = sorted(place.iterdir())
    OwnFolder().close()
    assert sorted(place.iterdir()) == before
    assert (elsewhere / LOCK).exists()
