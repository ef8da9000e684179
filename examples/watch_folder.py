"""Write the looks of every picture that is dropped into a folder.

For example: python examples/watch_folder.py inbox looks --tasks comic,pencil. Ctrl-C ends it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from prismgan import PrismganError, Renderer

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".avif"}


def arrivals(inbox: Path, every: float = 1.0) -> Iterator[Path]:
    """Pictures as they arrive or change, each once it is whole: its size and time stay for one round."""
    before: dict[Path, tuple[int, int]] = {}
    done: dict[Path, tuple[int, int]] = {}
    while True:
        now: dict[Path, tuple[int, int]] = {}
        for path in sorted(inbox.iterdir()):
            if path.suffix.lower() in SUFFIXES and path.is_file():
                status = path.stat()
                now[path] = status.st_size, status.st_mtime_ns
                if now[path] == before.get(path) != done.get(path):
                    done[path] = now[path]
                    yield path
        before = now
        time.sleep(every)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("inbox", type=Path, help="the folder to watch")
    parser.add_argument("out", type=Path, help="the folder for the looks, a folder in it for each picture")
    parser.add_argument("--tasks", help="names of tasks, separated by commas; all by default")
    parser.add_argument("--weights", help="a .safetensors file; the ready-made weights by default")
    options = parser.parse_args()
    renderer = Renderer.load(options.weights)
    tasks = options.tasks.split(",") if options.tasks else None
    print(f"watching {options.inbox}", file=sys.stderr, flush=True)
    for picture in arrivals(options.inbox):
        try:
            for name, look in renderer.stream(picture, tasks):
                path = options.out / picture.stem / f"{name}.png"
                look.save(path)
                print(path, flush=True)
        except PrismganError as error:
            print(error, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        main()
    except (KeyboardInterrupt, FileNotFoundError, PrismganError) as end:
        sys.exit(str(end) or 0)
