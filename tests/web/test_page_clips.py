"""Clips in a real browser: chosen, rendered, watched side by side, saved."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.browsing import give, opened, served, set_range
from helpers.tiny_server import until

pytest.importorskip("av")

from helpers.tiny_clips import FRAMES, frames, make_clip, packets
from helpers.tiny_weights import TASKS, tiny_weights
from prismgan import Renderer
from prismgan.render.video.clip import open_clip
from prismgan.web.app_state import Session
from prismgan.web.limits import Limits
from prismgan.web.serving import make_application, server_of

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def server() -> Any:
    return server_of(make_application(Session(tiny_weights()), "127.0.0.1", Limits(clip_bytes=1_000_000)))


@pytest.fixture(scope="module")
def address(server: Any) -> Iterator[str]:
    with served(server) as found:
        yield found


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    with opened(browser, address) as found:
        found.wait_for_selector("#choose-clip:not([hidden])")
        yield found


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "my clip.mp4", height=96, width=128)


def choose(page: Any, clip: Path) -> None:
    """Choose a clip, and wait until outputs can be chosen."""
    page.set_input_files("#clip-file", clip)
    page.wait_for_selector("#clip-looks input")


def render(page: Any, clip: Path, *looks: str) -> None:
    """Render a clip, and wait for the results."""
    choose(page, clip)
    for look in looks:
        page.check(f"#clip-looks [value={look}]")
    page.click("#clip-render")
    page.wait_for_selector("#clip-cards video")


def test_a_clip_becomes_a_clip_of_every_look(page: Any, clip: Path, tmp_path: Path) -> None:
    choose(page, clip)
    assert page.inner_text("#clip-name") == "my clip.mp4"
    assert page.inner_text("#clip-size") == "128 \u00d7 96, 1 s"
    assert page.locator("#clip-looks input").count() == len(TASKS)
    assert page.is_disabled("#clip-render")
    assert page.inner_text("#clip-why") == "Choose at least one look"
    page.click("#clip-looks button")
    assert page.locator("#clip-looks :checked").count() == len(TASKS)
    assert (page.inner_text("#clip-looks button"), page.inner_text("#clip-why")) == ("None", "")
    page.click("#clip-looks button")
    assert page.locator("#clip-looks :checked").count() == 0
    page.check("#clip-looks [value=paint]")
    page.check("#clip-looks [value=fine-2x]")
    set_range(page, "#clip-strength", 50)
    page.click("#clip-render")
    page.wait_for_selector("#clip-preview:not([hidden])", state="attached")
    page.wait_for_selector("#clip-cards video")
    names = page.locator("#clip-cards .label span:first-child").all_inner_texts()
    assert names == ["Clip", "Paint", "Fine 2x", "All side by side"]
    assert "3 clips are done" in page.inner_text("#clip-status")
    with page.expect_download() as download:
        page.click("#clip-cards li:nth-child(3) a")
    assert download.value.suggested_filename == "my clip-fine-2x.mp4"
    download.value.save_as(tmp_path / "saved.mp4")
    found = open_clip(tmp_path / "saved.mp4")
    assert (found.width, found.height, len(frames(tmp_path / "saved.mp4"))) == (256, 192, FRAMES)
    assert packets(tmp_path / "saved.mp4", "audio") == packets(clip, "audio")


LOADED = "[...document.querySelectorAll('#clip-cards video')].every((one) => one.readyState > 2)"
PLAYED = "[...document.querySelectorAll('#clip-cards video')].map((one) => [one.currentTime, one.paused, one.muted])"


def test_all_clips_play_in_step_and_jump_together(page: Any, clip: Path) -> None:
    render(page, clip, "paint", "restore")
    until(lambda: page.is_enabled("#clip-play"))
    until(
        lambda: page.evaluate("[...document.querySelectorAll('#clip-cards video')].every((one) => one.readyState > 2)")
    )
    assert page.evaluate("document.activeElement.id") == "clip-name"
    page.focus("#clip-play")
    page.keyboard.press("Enter")
    until(lambda: all(seconds > 0 for seconds, _, _ in page.evaluate(PLAYED)))
    assert not any(paused for _, paused, _ in page.evaluate(PLAYED))
    assert all(muted for _, _, muted in page.evaluate(PLAYED))
    page.click("#clip-sound")
    assert [muted for _, _, muted in page.evaluate(PLAYED)].count(False) == 1
    page.click("#clip-play")
    until(lambda: all(paused for _, paused, _ in page.evaluate(PLAYED)))
    set_range(page, "#clip-place", 0.4)
    until(lambda: all(abs(seconds - 0.4) < 0.05 for seconds, _, _ in page.evaluate(PLAYED)))
    assert page.get_attribute("#clip-place", "aria-valuetext") == "0:00 / 0:00"
    page.click("#clip-cards li:nth-child(2) button")
    assert page.get_attribute("#clip-cards li:nth-child(2) button", "aria-pressed") == "true"


def test_a_render_is_cancelled_and_other_looks_are_chosen(
    page: Any, clip: Path, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened_again = threading.Event()
    render_all = Renderer.render_all

    def held(*arguments: Any, **named: Any) -> Any:
        opened_again.wait(60)
        return render_all(*arguments, **named)

    monkeypatch.setattr(Renderer, "render_all", held)
    choose(page, clip)
    page.check("#clip-looks [value=paint]")
    page.click("#clip-render")
    page.wait_for_selector("#clip-cancel:not([hidden])")
    page.click("#clip-cancel")
    until(lambda: "Cancelled" in page.inner_text("#clip-status"))
    assert not page.is_visible("#message")
    opened_again.set()
    assert page.is_checked("#clip-looks [value=paint]")
    page.check("#clip-looks [value=restore]")
    page.click("#clip-render")
    page.wait_for_selector("#clip-cards video")
    page.click("#clip-again")
    assert page.is_visible("#clip-form")
    assert page.locator("#clip-cards li").count() == 0
    renders = server.config.app.state.app_state.folder.path / "renders"
    until(lambda: list(renders.iterdir()) == [])


def test_a_broken_or_too_large_clip_is_told_and_the_page_goes_on(page: Any, clip: Path) -> None:
    page.set_input_files("#clip-file", {"name": "a.mp4", "mimeType": "video/mp4", "buffer": b"no clip"})
    page.wait_for_selector("#message:not([hidden])")
    assert "not a clip" in page.inner_text("#message p")
    assert page.is_visible("#start")
    page.set_input_files("#clip-file", {"name": "a.mp4", "mimeType": "video/mp4", "buffer": bytes(1_100_000)})
    until(lambda: "the limit is 1 MB" in page.inner_text("#message p"))
    choose(page, clip)
    assert not page.is_visible("#message")


def test_a_dropped_clip_is_taken_and_a_picture_takes_its_place(page: Any, clip: Path, server: Any) -> None:
    page.evaluate(
        """(bytes) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(bytes)], 'dropped.mp4', { type: 'video/mp4' }));
            document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, bubbles: true }));
        }""",
        list(clip.read_bytes()),
    )
    page.wait_for_selector("#clip-looks input")
    assert page.inner_text("#clip-name") == "dropped.mp4"
    app_state = server.config.app.state.app_state
    kept = len(list(app_state.clips.folder.iterdir()))
    give(page)
    page.wait_for_selector("#download-all:not([disabled])")
    assert not page.is_visible("#clip-work")
    until(lambda: len(list(app_state.clips.folder.iterdir())) < kept)


def test_who_leaves_is_forgotten(page: Any, clip: Path, server: Any) -> None:
    app_state = server.config.app.state.app_state
    before = len(list(app_state.clips.folder.iterdir()))
    render(page, clip, "paint")
    assert len(list(app_state.clips.folder.iterdir())) == before + 1
    renders = app_state.folder.path / "renders"
    assert list(renders.iterdir())
    page.goto("about:blank")
    until(lambda: len(list(app_state.clips.folder.iterdir())) == before)
    until(lambda: list(renders.iterdir()) == [])


def test_on_a_phone_nothing_is_wider_than_the_window(page: Any, clip: Path) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    wider = "document.documentElement.scrollWidth - innerWidth"
    choose(page, clip)
    assert page.evaluate(wider) <= 0
    page.check("#clip-looks [value=paint]")
    page.click("#clip-render")
    page.wait_for_selector("#clip-cards video")
    assert page.evaluate(wider) <= 0
