"""The page in a real browser, on a server with tiny weights: actions of a user, and forbidden results."""

from __future__ import annotations

import io
import threading
import zipfile
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

from helpers.browsing import (
    HEIGHT,
    PHOTO,
    WIDTH,
    apart,
    canvas,
    expected,
    give,
    give_and_wait,
    open_look,
    opened,
    saved,
    served,
    set_range,
    wait_for_controls,
)
from helpers.tiny_server import drawn, until
from helpers.tiny_weights import TASKS, tiny_weights
from prismgan import Renderer
from prismgan.training import head_training
from prismgan.web.app_state import Session
from prismgan.web.serving import make_application, server_of

# Chromium starts slowly on a busy machine.
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served(server_of(make_application(Session(tiny_weights()), "127.0.0.1"))) as found:
        yield found


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    with opened(browser, address) as found:
        yield found


def test_a_picture_becomes_a_grid_of_all_looks(page: Any) -> None:
    give_and_wait(page)
    labels = page.locator("#grid .label span:first-child").all_inner_texts()
    assert labels[0] == "Photo"
    assert len(labels) == 1 + len(TASKS)
    assert page.locator("#grid .card:enabled").count() == len(TASKS)
    assert page.inner_text("#picture-name") == "my photo.png"
    assert f"{len(TASKS)} looks" in page.inner_text("#status")
    assert not page.is_visible("#message")
    assert apart(canvas(page, "[data-look=paint] canvas"), expected(tasks=("paint",))["paint"]) == 0


def test_the_sample_and_a_pasted_and_a_dropped_picture_are_taken(page: Any) -> None:
    page.click("#samples button >> nth=0")
    page.wait_for_selector("#download-all:not([disabled])")
    assert page.inner_text("#picture-name") == "coffee.jpg"
    for kind in ("paste", "drop"):
        page.evaluate(
            """([kind, bytes]) => {
                const transfer = new DataTransfer();
                transfer.items.add(new File([new Uint8Array(bytes)], `${kind}.png`, { type: 'image/png' }));
                const event = kind === 'paste'
                    ? new ClipboardEvent('paste', { clipboardData: transfer, bubbles: true })
                    : new DragEvent('drop', { dataTransfer: transfer, bubbles: true });
                document.body.dispatchEvent(event);
            }""",
            [kind, list(PHOTO)],
        )
        until(lambda kind=kind: page.inner_text("#picture-name") == f"{kind}.png")
        page.wait_for_selector("#download-all:not([disabled])")


def test_strength_changes_the_canvas_as_the_renderer_would(page: Any) -> None:
    give_and_wait(page)
    open_look(page, "paint")
    assert apart(canvas(page), expected(tasks=("paint",))["paint"]) == 0
    for strength in (0, 0.5, 1.6):
        set_range(page, "#strength", 100 * strength)
        wait_for_controls(page, strength=strength)
        assert apart(canvas(page), expected(tasks=("paint",), strength={"paint": strength})["paint"]) <= 1
    assert apart(canvas(page, "#before"), np.asarray(Image.open(io.BytesIO(PHOTO)))) == 0
    page.click("#close")
    note = page.locator("[data-look=paint] .note")
    until(lambda: note.inner_text() == "160 %")


def test_two_looks_are_blended_as_the_renderer_would(page: Any) -> None:
    give_and_wait(page)
    open_look(page, "paint")
    options = page.locator("#other option").all_inner_texts()
    assert options == ["nothing", "Restore", "Varied", "Drawn"]  # of the same scale
    page.select_option("#other", "drawn")
    set_range(page, "#share", 25)
    wait_for_controls(page, other="drawn", share=0.25)
    look = expected(tasks=(), blends={"both": {"paint": 0.75, "drawn": 0.25}})["both"]
    assert apart(canvas(page), look) <= 1


def test_an_enlarged_look_is_mixed_with_the_enlarged_photo(page: Any) -> None:
    give_and_wait(page)
    open_look(page, "fine-2x")
    set_range(page, "#strength", 50)
    wait_for_controls(page, strength=0.5)
    look = expected(tasks=("fine-2x",), strength={"fine-2x": 0.5})["fine-2x"]
    # The renderer and Pillow treat borders differently.
    assert apart(canvas(page)[4:-4, 4:-4], look[4:-4, 4:-4]) <= 2


def test_before_and_after_is_operated_by_keys(page: Any) -> None:
    give_and_wait(page)
    page.focus("[data-look=paint]")
    page.keyboard.press("Enter")
    wait_for_controls(page, look="paint")
    assert page.evaluate("document.activeElement.id") == "split"
    before = page.locator(".stage").evaluate("(stage) => stage.style.getPropertyValue('--split')")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    after = page.locator(".stage").evaluate("(stage) => stage.style.getPropertyValue('--split')")
    assert (before, after) == ("50%", "51%")
    assert "51 % photo" in page.get_attribute("#split", "aria-valuetext")
    page.keyboard.press("Escape")
    assert not page.is_visible("#viewer")
    assert page.evaluate("document.activeElement.dataset.look") == "paint"


def test_changes_are_undone(page: Any) -> None:
    give_and_wait(page)
    open_look(page, "paint")
    set_range(page, "#strength", 30)
    page.select_option("#other", "restore")
    wait_for_controls(page, strength=0.3, other="restore")
    page.keyboard.press("Control+z")
    wait_for_controls(page, strength=0.3, other="")
    page.click("#viewer-undo")
    wait_for_controls(page, strength=1, other="")
    assert page.is_disabled("#viewer-undo")
    set_range(page, "#strength", 30)
    page.click("#reset")
    wait_for_controls(page, strength=1)
    page.click("#close")
    page.click("#undo")
    until(lambda: page.locator("[data-look=paint] .note").inner_text() == "30 %")


def test_a_variation_is_rendered_and_kept(page: Any) -> None:
    give_and_wait(page)
    open_look(page, "paint")
    assert not page.is_visible("#vary")
    page.click("#close")
    open_look(page, "varied")
    first = canvas(page)
    page.click("#vary")
    wait_for_controls(page, seed=1)
    assert apart(canvas(page), expected(tasks=("varied",), seeds=(1,))["varied"]) == 0
    assert apart(canvas(page), first) > 0
    page.keyboard.press("Control+z")
    wait_for_controls(page, seed=0)
    assert apart(canvas(page), first) == 0
    page.fill("#seed", "-3")
    page.keyboard.press("Tab")
    until(lambda: "whole number" in page.inner_text("#viewer-status"))


@pytest.mark.parametrize(("name", "scale"), [("paint", 1), ("fine-2x", 2)])
def test_a_download_has_the_right_size_and_strength(page: Any, name: str, scale: int) -> None:
    give_and_wait(page)
    open_look(page, name)
    for strength in (1, 0.5):
        set_range(page, "#strength", 100 * strength)
        wait_for_controls(page, strength=strength)
        picture = Image.open(io.BytesIO(saved(page, "#download")))
        assert (picture.format, picture.size) == ("PNG", (scale * WIDTH, scale * HEIGHT))
        look = expected(tasks=(name,), strength={name: strength})[name]
        assert apart(np.asarray(picture.convert("RGB"))[4:-4, 4:-4], look[4:-4, 4:-4]) <= (0 if strength == 1 else 2)


def test_all_looks_are_downloaded_in_one_archive(page: Any) -> None:
    give_and_wait(page)
    archive = zipfile.ZipFile(io.BytesIO(saved(page, "#download-all")))
    assert archive.testzip() is None
    assert sorted(archive.namelist()) == sorted(f"my photo-{name}.png" for name in TASKS)
    for name, task in TASKS.items():
        picture = Image.open(archive.open(f"my photo-{name}.png"))
        assert picture.size == (task.get("scale", 1) * WIDTH, task.get("scale", 1) * HEIGHT)
    assert "my photo.zip" in page.inner_text("#status")


def test_a_broken_picture_is_told_and_the_page_goes_on(page: Any) -> None:
    give(page, b"no picture at all", "broken.png")
    page.wait_for_selector("#message:not([hidden])")
    assert page.inner_text("#message p").startswith("broken.png: ")
    assert "not a picture" in page.inner_text("#message p")
    assert page.is_visible("#start")
    give_and_wait(page)
    assert not page.is_visible("#message")
    give(page, PHOTO[:-200], "broken.png")
    page.wait_for_selector("#message:not([hidden])")
    assert "damaged" in page.inner_text("#message p")
    assert page.inner_text("#picture-name") == "my photo.png"  # the earlier picture stays
    open_look(page, "paint")


def test_a_server_that_does_not_answer_is_told_and_asked_again(page: Any) -> None:
    page.route("**/renders", lambda route: route.abort())
    give(page)
    page.wait_for_selector("#retry:not([hidden])")
    assert "prismgan serve" in page.inner_text("#message p")
    page.unroute("**/renders")
    page.click("#retry")
    page.wait_for_selector("#download-all:not([disabled])")
    assert page.locator("#grid .card:enabled").count() == len(TASKS)


def test_a_render_is_cancelled_and_asked_for_again(page: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = threading.Event()
    render = Renderer.render

    def held(*arguments: Any, progress: Any, **named: Any) -> Any:
        while not opened.wait(0.05):
            progress(0, 1)
        return render(*arguments, progress=progress, **named)

    monkeypatch.setattr(Renderer, "render", held)
    give(page)
    page.wait_for_selector("#cancel:not([hidden])")
    page.click("#cancel")
    until(lambda: "Cancelled" in page.inner_text("#status"))
    assert not page.is_visible("#message")  # it is not an error
    opened.set()
    page.click("[data-look=paint].missing")
    page.wait_for_selector("#download-all:not([disabled])")
    assert page.locator("#grid .card:enabled:not(.missing)").count() == 1


def test_without_a_websocket_the_page_asks(page: Any) -> None:
    page.evaluate("() => { window.WebSocket = class { constructor() { throw new Error('forbidden'); } }; }")
    give_and_wait(page)


def test_light_and_dark(page: Any) -> None:
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)
    page.click("#theme")
    dark = page.evaluate(paper)
    assert light != dark
    assert page.get_attribute("#theme", "aria-pressed") == "true"
    page.reload()
    assert page.evaluate(paper) == dark
    page.click("#theme")
    assert page.evaluate(paper) == light
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(paper) == light  # as the message says


def test_on_a_phone_nothing_is_wider_than_the_window(page: Any) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    wider = "document.documentElement.scrollWidth - innerWidth"
    assert page.evaluate(wider) <= 0
    give_and_wait(page)
    assert page.evaluate(wider) <= 0
    open_look(page, "varied")
    box = page.locator("#after").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 360
    for control in ("#strength", "#other", "#download", "#close"):
        page.locator(control).scroll_into_view_if_needed()
        assert page.is_visible(control)


NAMELESS = """() => {
    const found = document.querySelectorAll('button, input, select, progress, canvas, img, a, dialog');
    return [...found].filter((one) => {
        if (one.matches('[aria-hidden=true], img[alt=""]')) return false;
        const title = document.getElementById(one.getAttribute('aria-labelledby'))?.textContent;
        const names = [one.getAttribute('aria-label'), one.alt, one.textContent, one.labels?.[0]?.textContent, title];
        return !names.some((name) => name?.trim());
    }).map((one) => one.outerHTML);
}"""


def test_everything_has_a_name_and_progress_is_announced(page: Any) -> None:
    give_and_wait(page)
    open_look(page, "varied")
    assert page.evaluate(NAMELESS) == []
    for status in ("#status", "#viewer-status", "#styling-status"):
        assert page.get_attribute(status, "aria-live") == "polite"
    assert page.get_attribute("#message", "role") == "alert"
    assert page.get_attribute("html", "lang") == "en"
    assert page.locator("h1").count() == 1


def test_a_style_is_added(page: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head_training, "CROP", 64)
    monkeypatch.setattr(head_training, "BATCH", 1)
    monkeypatch.setattr(head_training, "LOG_EVERY", 1)
    give_and_wait(page)
    page.click("#add-style")
    page.click("#learn")
    assert "name" in page.evaluate("document.activeElement.id") or "Choose" in page.inner_text("#styling-status")
    exemplar = {"name": "Dots & Lines.png", "mimeType": "image/png", "buffer": drawn(96, 128, seed=9)}
    page.set_input_files("#exemplar-file", exemplar)
    until(lambda: page.input_value("#style-name") == "Dots & Lines")
    assert "dots-lines" in page.inner_text("#style-slug")
    page.locator("#minutes").evaluate("(range) => { range.min = 0.02; range.step = 0.01; range.value = 0.02; }")
    page.click("#learn")
    page.wait_for_selector("#preview:not([hidden])")
    assert page.is_visible("#styling-cancel")
    page.wait_for_selector("#weights:not([hidden])")
    assert "dots-lines is learnt" in page.inner_text("#styling-status")
    assert len(saved(page, "#weights")) > 1000
    page.click("#styling-close")
    page.wait_for_selector("[data-look=dots-lines]:enabled")
    open_look(page, "dots-lines")
    assert canvas(page).shape == (HEIGHT, WIDTH, 3)


def test_a_style_is_stopped(page: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head_training, "CROP", 64)
    monkeypatch.setattr(head_training, "BATCH", 1)
    give_and_wait(page)
    looks = page.locator("#grid .card").count()
    page.click("#add-style")
    exemplar = {"name": "stopped.png", "mimeType": "image/png", "buffer": drawn(96, 128, seed=9)}
    page.set_input_files("#exemplar-file", exemplar)
    page.click("#learn")
    page.wait_for_selector("#preview:not([hidden])")
    page.click("#styling-cancel")
    until(lambda: "Stopped" in page.inner_text("#styling-status"))
    assert page.locator("#grid .card").count() == looks
    assert page.is_visible("#learn")


def test_the_camera_shows_looks_live(page: Any) -> None:
    page.click("#camera")
    page.wait_for_selector("#camera-cards [data-look=paint]:enabled")
    assert page.is_hidden("#start")
    until(lambda: "frames a second" in page.inner_text("#camera-rate"))
    chosen = page.locator("#camera-looks :checked").count()  # the fast ones, including an added style
    assert page.locator("#camera-cards .card").count() == 1 + chosen
    first = canvas(page, "#camera-cards [data-look=paint] canvas")
    until(lambda: apart(canvas(page, "#camera-cards [data-look=paint] canvas"), first) > 0)
    page.check("#camera-looks input[value=drawn]")
    page.wait_for_selector("#camera-cards [data-look=drawn]:enabled")
    page.click("#camera-cards [data-look=drawn]")
    until(lambda: page.inner_text("#camera-status") == "1 look")
    assert page.is_hidden("#camera-cards [data-look=paint]")
    page.click("#camera-take")
    page.wait_for_selector("#download-all:not([disabled])")
    assert page.inner_text("#picture-name") == "camera.png"
    assert page.evaluate("document.getElementById('camera-video').srcObject") is None
    page.click("#camera")
    page.wait_for_selector("#camera-cards [data-look=paint]:enabled")
    page.click("#camera-stop")
    assert page.is_visible("#start")


@pytest.mark.parametrize(("name", "says"), [("NotAllowedError", "not allowed"), ("NotFoundError", "no camera")])
def test_without_a_camera_it_says_why(page: Any, name: str, says: str) -> None:
    page.evaluate(
        "(name) => { navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', name); }; }", name
    )
    page.click("#camera")
    page.wait_for_selector("#message:not([hidden])")
    assert says in page.inner_text("#message p")
    assert page.is_visible("#start")
