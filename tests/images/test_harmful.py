"""Pictures designed to take memory or time, and threads that read at the same time."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import pytest
from PIL import Image

from helpers.broken_files import BROKEN
from helpers.harmful_files import HARMFUL, PARTS
from prismgan import images
from prismgan.images import opening

READ = """
import json, os, resource, sys, time
from pathlib import Path
from prismgan.errors import PictureError
from prismgan.images import open_picture, read

folder = Path(sys.argv[1])
for path in sorted(folder.iterdir()):
    for ask in (open_picture, read):
        if not os.fork():
            began, said = time.process_time(), ""
            try:
                ask(path)
            except PictureError as error:
                said = str(error)
            seconds = time.process_time() - began
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            print(json.dumps([path.name, ask.__name__, said, seconds, memory]), flush=True)
            os._exit(0)
        assert os.wait()[1] == 0, path
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured in other units elsewhere")
def test_what_is_made_to_harm_costs_next_to_nothing(tmp_path: Path, environment: dict[str, str]) -> None:
    # libtiff writes to stderr directly, bypassing Python.
    cases = {**HARMFUL, "broken LZW": BROKEN["broken LZW"][:2]}
    for name, (make, _) in cases.items():
        (tmp_path / name).write_bytes(make())
    done = subprocess.run(
        [sys.executable, "-c", READ, tmp_path], env=environment, capture_output=True, text=True, timeout=250
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == 2 * len(cases)
    for name, ask, said, seconds, memory in lines:
        assert seconds < 2, (name, ask)
        assert memory < 1 << 30, (name, ask)
        words = cases[name][1]
        # One of many parts may be read after all if that is fast.
        assert words in said or (words == PARTS and not said), said


def test_threads_do_not_wait_for_each_other(tmp_path: Path) -> None:
    """Nor do they leave Pillow's settings changed while they are read."""
    Image.new("RGB", (40, 50), "red").save(tmp_path / "a.png")
    limit, filters = Image.MAX_IMAGE_PIXELS, list(warnings.filters)
    done = threading.Event()

    def ask() -> None:
        assert images.open_picture(tmp_path / "a.png").pixels.shape == (50, 40, 3)
        assert images.size(tmp_path / "a.png") == (50, 40)
        done.set()

    with images.open_lazily(tmp_path / "a.png") as slow:
        thread = threading.Thread(target=ask)
        thread.start()
        assert done.wait(20)
        thread.join()
        assert slow.size == (40, 50)
        assert opening.MAXIMUM_PIXELS == Image.MAX_IMAGE_PIXELS
    assert limit == Image.MAX_IMAGE_PIXELS
    assert list(warnings.filters) == filters


@pytest.mark.parametrize("progressive", [False, True])
def test_scans_are_counted_by_their_markers(tmp_path: Path, progressive: bool) -> None:
    path, plain = tmp_path / "a.jpg", Image.effect_noise((200, 200), 90)
    exif = Image.Exif()
    exif[270] = "\xff\xda" * 900  # bytes that look like one, within metadata
    plain.convert("RGB").save(path, progressive=progressive, exif=exif)
    assert opening._scans(path.read_bytes()) == (10 if progressive else 1)
    assert images.open_picture(path).pixels.shape == (200, 200, 3)
