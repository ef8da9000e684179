"""Actions of a user in a browser, and observations of the page."""

from __future__ import annotations

import base64
import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

from helpers.tiny_server import drawn, until
from helpers.tiny_weights import tiny_weights
from prismgan import Renderer
from prismgan.render import Request
from prismgan.web.serving import bound

__all__ = [
    "HEIGHT",
    "PHOTO",
    "WIDTH",
    "apart",
    "canvas",
    "expected",
    "give",
    "give_and_wait",
    "open_look",
    "opened",
    "saved",
    "served",
    "set_range",
    "wait_for_controls",
    "working",
]

HEIGHT, WIDTH = 90, 120
PHOTO = drawn(HEIGHT, WIDTH, seed=3)
TIMEOUT_MS = 180_000
"""Timeout in milliseconds."""


@contextmanager
def served(server: Any) -> Iterator[str]:
    """The address of a server that runs in a thread."""
    with bound("127.0.0.1", 0) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            until(lambda: server.started)
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def opened(browser: Any, address: str, **context_options: Any) -> Iterator[Any]:
    """The page, freshly opened. Afterwards it must have no errors, and no request may have left this machine."""
    context = browser.new_context(
        **{"accept_downloads": True, "viewport": {"width": 1200, "height": 800}, **context_options}
    )
    found = context.new_page()
    found.set_default_timeout(TIMEOUT_MS)
    asked: list[str] = []
    wrong: list[str] = []
    # The context's errors include those of workers.
    context.on("request", lambda request: asked.append(request.url))
    found.on("websocket", lambda socket: asked.append(socket.url.replace("ws:", "http:")))
    found.on("pageerror", lambda error: wrong.append(str(error)))
    found.on("console", lambda message: wrong.append(message.text) if "Security Policy" in message.text else None)
    found.goto(address)
    found.wait_for_selector("#samples button")
    try:
        yield found
    finally:
        context.close()
    assert wrong == []
    origin = "{0.scheme}://{0.netloc}/".format(urlsplit(address))
    assert [url for url in asked if not url.startswith((origin, "blob:", "data:"))] == []


@contextmanager
def working(browser: Any, page: Any) -> Iterator[list[float]]:
    """Milliseconds of processor time of the page's thread, by task, since then, without other programs' share."""
    found: list[float] = []
    browser.start_tracing(page=page, categories=["toplevel", "disabled-by-default-devtools.timeline"])
    yield found
    events = json.loads(browser.stop_tracing())["traceEvents"]
    pages = {
        (event["pid"], event["tid"])
        for event in events
        if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
    }
    found += [event["tdur"] / 1000 for event in events if (event["pid"], event["tid"]) in pages and "tdur" in event]


def give(page: Any, content: bytes = PHOTO, name: str = "my photo.png") -> None:
    """Choose a file."""
    page.set_input_files("#file", {"name": name, "mimeType": "image/png", "buffer": content})


def give_and_wait(page: Any, content: bytes = PHOTO) -> None:
    """Choose a photo, and wait for all its outputs."""
    give(page, content)
    page.wait_for_selector("#download-all:not([disabled])")


def open_look(page: Any, name: str) -> None:
    page.click(f"[data-look={name}]")
    wait_for_controls(page, look=name)


def wait_for_controls(page: Any, **controls: Any) -> None:
    """Wait until the canvas shows the controls' state."""

    def shown() -> bool:
        state = page.evaluate("JSON.parse(document.getElementById('viewer').dataset.shown ?? 'null')")
        return state is not None and all(state[key] == value for key, value in controls.items())

    until(shown)


def set_range(page: Any, selector: str, value: float) -> None:
    page.locator(selector).evaluate(
        "(range, value) => { range.value = value; for (const kind of ['input', 'change'])"
        " range.dispatchEvent(new Event(kind, { bubbles: true })); }",
        value,
    )


def canvas(page: Any, selector: str = "#after") -> np.ndarray[Any, Any]:
    """The pixels (H, W, 3) of a canvas."""
    width, height, values = page.locator(selector).evaluate(
        """async (canvas) => {
            const { width, height } = canvas;
            const context = new OffscreenCanvas(width, height).getContext('2d');
            context.drawImage(canvas, 0, 0);
            const reader = new FileReader();
            await new Promise((done) => {
                reader.onload = done;
                reader.readAsDataURL(new Blob([context.getImageData(0, 0, width, height).data]));
            });
            return [width, height, reader.result.split(',')[1]];
        }"""
    )
    return np.frombuffer(base64.b64decode(values), np.uint8).reshape(height, width, 4)[..., :3].astype(int)


def expected(photo: bytes = PHOTO, **request: Any) -> dict[str, np.ndarray[Any, Any]]:
    """The renderer's outputs of the photo."""
    pixels = np.asarray(Image.open(io.BytesIO(photo)).convert("RGB"))
    found = Renderer(tiny_weights()).render(pixels, Request(**request))
    return {name: look.astype(int) for name, look in found.items()}


def apart(first: np.ndarray[Any, Any], second: np.ndarray[Any, Any]) -> int:
    return int(np.abs(first.astype(int) - second).max())


def saved(page: Any, selector: str) -> bytes:
    with page.expect_download() as download:
        page.click(selector)
    with open(download.value.path(), "rb") as file:  # noqa: PTH123 (playwright's own path)
        return file.read()
