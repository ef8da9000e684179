"""Photograph the page for README and docs/serving.md: a server with the ready-made weights, Chromium, a sample.

    python tools/screenshots.py --out docs/images [--chromium /usr/bin/chromium]

The photos are scikit-image's.
"""

from __future__ import annotations

import argparse
import io
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
from PIL import Image
from playwright.sync_api import sync_playwright

from prismgan.data import builtin
from prismgan.web.app_state import Session
from prismgan.web.serving import bound, make_application, server_of
from prismgan.weights import load_weights

WINDOW = {"width": 1280, "height": 800}
PHONE = {"viewport": {"width": 390, "height": 780}, "device_scale_factor": 1.5, "is_mobile": True, "has_touch": True}
GAP = 24
"""Pixels between screens of the phone."""
QUALITY = 85
TIMEOUT_MS = 900_000
"""Timeout of a render in milliseconds."""
FRAMES = 25
CLIP_SIZE = (480, 320)


@contextmanager
def served() -> Iterator[str]:
    """The address of a server in a thread."""
    with bound("127.0.0.1", 0) as listening:
        server = server_of(make_application(Session(load_weights()), "127.0.0.1"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        while not server.started:
            time.sleep(0.1)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def draw_clip(path: Path) -> None:
    """A view that pans over a photo for one second."""
    width, height = CLIP_SIZE
    photo = builtin.load("builtin:coffee").permute(1, 2, 0).numpy()
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, width=width, height=height, pix_fmt="yuv420p")
        for place in range(FRAMES):
            view = photo[40 : 40 + height, 2 * place : 2 * place + width]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(view.copy(), "rgb24")))
        container.mux(stream.encode())


def photograph(browser: Any, address: str, out: Path) -> None:
    """Number of steps between two updates of the paintings' statistics in the student."""

    def page(scheme: str, *, phone: bool = False, **window: int) -> Any:
        device = PHONE if phone else {"viewport": {**WINDOW, **window}}
        found = browser.new_context(color_scheme=scheme, **device).new_page()
        found.set_default_timeout(TIMEOUT_MS)
        found.goto(address)
        found.wait_for_selector("#samples button")
        return found

    def shoot(found: Any, name: str) -> None:
        screen(found).save(out / f"{name}.jpg", quality=QUALITY)
        print(out / f"{name}.jpg")

    def screen(found: Any) -> Image.Image:
        found.mouse.move(0, 0)
        found.wait_for_timeout(1000)
        return Image.open(io.BytesIO(found.screenshot())).convert("RGB")

    grid = page("light", height=1100)
    grid.click("[aria-label='Sample: Cup of coffee']")
    grid.wait_for_selector("#download-all:not([disabled])")
    shoot(grid, "page-grid")

    viewer = page("dark")
    viewer.click("[aria-label='Sample: Cat']")
    viewer.wait_for_selector("#download-all:not([disabled])")
    viewer.click("[data-look=great-wave]")
    viewer.wait_for_selector("#viewer[data-shown]")
    viewer.select_option("#other", "comic")
    shoot(viewer, "page-viewer")

    phone = page("light", phone=True)
    screens = [screen(phone)]
    phone.click("[aria-label='Sample: Cup of coffee']")
    phone.wait_for_selector("#download-all:not([disabled])")
    screens.append(screen(phone))
    phone.click("[data-look=starry-night]")
    phone.wait_for_selector("#viewer[data-shown]")
    screens.append(screen(phone))
    width, height = screens[0].size
    row = Image.new("RGB", (3 * width + 2 * GAP, height), "white")
    for place, shot in enumerate(screens):
        row.paste(shot, (place * (width + GAP), 0))
    row.save(out / "page-phone.jpg", quality=QUALITY)
    print(out / "page-phone.jpg")

    clips = page("light", height=830)
    with tempfile.TemporaryDirectory() as folder:
        draw_clip(Path(folder) / "coffee.mp4")
        clips.set_input_files("#clip-file", Path(folder) / "coffee.mp4")
        for look in ("comic", "pencil", "starry-night", "great-wave"):
            clips.check(f"#clip-looks [value={look}]")
        clips.click("#clip-render")
        clips.wait_for_selector("#clip-cards video")
    clips.wait_for_timeout(1000)
    clips.locator("#clip-place").fill("0.6")
    shoot(clips, "page-clips")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for the pictures")
    parser.add_argument("--chromium", default=shutil.which("chromium"), help="the browser; Chromium by default")
    options = parser.parse_args()
    with served() as address, sync_playwright() as starter:
        browser = starter.chromium.launch(executable_path=options.chromium, args=["--no-sandbox", "--disable-gpu"])
        photograph(browser, address, options.out)
        browser.close()


if __name__ == "__main__":
    main()
