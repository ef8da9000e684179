"""Complete journeys through the page, on a desktop and on a phone, with a screenshot of every station.

``PRISMGAN_SCREENSHOTS=FOLDER python -m pytest tests/web/test_journeys.py`` keeps the screenshots.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
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
from prismgan.web.app_state import Session
from prismgan.web.serving import make_application, server_of

pytestmark = pytest.mark.timeout(600)
SHOTS = os.environ.get("PRISMGAN_SCREENSHOTS")
LARGE = (1100, 1000)
"""Width and height: more than one megapixel, so that previews come first."""
Shoot = Callable[[Any, str], None]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served(server_of(make_application(Session(tiny_weights()), "127.0.0.1"))) as found:
        yield found


@pytest.fixture(params=["desk", "phone"])
def page(request: pytest.FixtureRequest, browser: Any, address: str) -> Iterator[Any]:
    """A desktop in light mode, and a phone in dark mode."""
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "color_scheme": "dark"}
    with opened(browser, address, **(phone if request.param == "phone" else {})) as found:
        yield found


@pytest.fixture
def desk(browser: Any, address: str) -> Iterator[Any]:
    with opened(browser, address, permissions=["clipboard-read", "clipboard-write"]) as found:
        yield found


@pytest.fixture
def shoot(request: pytest.FixtureRequest, tmp_path: Path) -> Shoot:
    """Takes a screenshot, and checks that nothing is wider than the window."""

    def shot(page: Any, name: str) -> None:
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, name
        folder = Path(SHOTS) if SHOTS else tmp_path
        kind = "phone" if page.viewport_size["width"] < 500 else "desk"
        page.screenshot(path=folder / f"{kind}-{name}.png")
        assert (folder / f"{kind}-{name}.png").stat().st_size > 5000

    return shot


def level(page: Any) -> str:
    return str(page.locator("#zoom-level").text_content())


def middle(page: Any) -> tuple[float, float]:
    box = page.locator("#stage").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_looks_are_chosen_rendered_viewed_and_found_again(page: Any, shoot: Shoot) -> None:
    shoot(page, "start")
    page.click("#start-choice summary")
    page.uncheck("#start-looks [value=drawn]")
    assert page.inner_text("#start-count") == f"{len(TASKS) - 1} of {len(TASKS)}"
    shoot(page, "choice")
    give_and_wait(page)
    names = page.locator("#grid .card").evaluate_all("(cards) => cards.map((card) => card.dataset.look)")
    larger = {name for name, task in TASKS.items() if task.get("scale", 1) > 1}
    assert names[0] == ""
    assert set(names[-len(larger) :]) == larger  # enlargements are shown last, magnified, before and after
    assert page.locator("#grid .card.halved").count() == len(larger)
    assert page.inner_text("[data-look=drawn] .note") == "Click to render"
    shoot(page, "grid")
    page.click("[data-look=drawn]")
    page.wait_for_selector("[data-look=drawn]:not(.missing, .waiting)")
    open_look(page, "varied")
    set_range(page, "#strength", 60)
    wait_for_controls(page, strength=0.6)
    shoot(page, "viewer")
    first = canvas(page)
    page.reload()
    wait_for_controls(page, look="varied", strength=0.6)
    assert apart(canvas(page), first) == 0
    page.go_back()
    until(lambda: not page.is_visible("#viewer"))
    assert page.is_visible("#work")
    assert page.locator("#grid .card:enabled").count() == len(TASKS)
    page.go_back()
    until(lambda: page.is_visible("#start"))
    page.go_forward()
    until(lambda: page.is_visible("#work"))
    assert page.inner_text("#picture-name") == "my photo.png"


def test_an_enlargement_is_zoomed_into_and_compared_with_the_bicubic_one(page: Any, shoot: Shoot) -> None:
    give_and_wait(page)
    open_look(page, "fine-4x")
    assert page.inner_text("#tag-before") == "Bicubic 4\u00d7"
    assert page.inner_text("#tag-after") == "Fine 4x"
    bicubic = Image.open(io.BytesIO(PHOTO)).convert("RGB").resize((4 * WIDTH, 4 * HEIGHT), Image.Resampling.BICUBIC)
    assert apart(canvas(page, "#before"), np.asarray(bicubic)) == 0  # aligned, pixel by pixel
    assert canvas(page).shape == (4 * HEIGHT, 4 * WIDTH, 3)
    for key, shown, button in (("0", None, "#fit"), ("1", "100 %", "#actual"), ("2", "200 %", "#double")):
        page.keyboard.press(key)
        assert shown is None or level(page) == shown
        assert page.get_attribute(button, "aria-pressed") == "true"
    shoot(page, "zoomed")
    place = "document.getElementById('stage').style.getPropertyValue('--left')"
    before = page.evaluate(place)
    page.keyboard.press("Shift+ArrowRight")
    assert page.evaluate(place) != before
    page.keyboard.down("c")
    assert "comparing" in page.get_attribute("#stage", "class")
    page.keyboard.up("c")
    assert "comparing" not in page.get_attribute("#stage", "class")
    page.dblclick("#stage", position={"x": 60, "y": 60})
    assert page.get_attribute("#fit", "aria-pressed") == "true"
    page.dblclick("#stage", position={"x": 60, "y": 60})
    assert page.get_attribute("#fit", "aria-pressed") == "false"


def test_wheel_mouse_and_the_line(desk: Any) -> None:
    give_and_wait(desk)
    open_look(desk, "fine-4x")
    desk.keyboard.press("1")
    x, y = middle(desk)
    desk.mouse.move(x + 100, y)
    # The point under the mouse stays there.
    under = """(x) => {
        const stage = document.getElementById('stage');
        const left = parseFloat(stage.style.getPropertyValue('--left'));
        return (x - stage.getBoundingClientRect().left - left) / parseFloat(stage.style.getPropertyValue('--width'));
    }"""
    before = desk.evaluate(under, x + 100)
    desk.mouse.wheel(0, -600)
    until(lambda: level(desk) != "100 %")
    assert abs(desk.evaluate(under, x + 100) - before) < 0.01
    desk.mouse.down()
    desk.mouse.move(x + 60, y, steps=3)
    desk.mouse.up()
    assert desk.evaluate(under, x + 60) == pytest.approx(before, abs=0.01)
    assert desk.input_value("#split") == "50"
    desk.mouse.move(x, y)
    desk.mouse.down()
    desk.mouse.move(x + 120, y, steps=3)
    desk.mouse.up()
    assert float(desk.input_value("#split")) > 55
    desk.locator("#compare").dispatch_event("pointerdown", {"pointerId": 1})
    assert "comparing" in desk.get_attribute("#stage", "class")
    desk.locator("#compare").dispatch_event("pointerup", {"pointerId": 1})
    assert "comparing" not in desk.get_attribute("#stage", "class")


def test_two_fingers_zoom(browser: Any, address: str) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    with opened(browser, address, **phone) as page:
        give_and_wait(page)
        open_look(page, "fine-4x")
        page.keyboard.press("0")
        before = int(level(page).split()[0])
        fingers = page.context.new_cdp_session(page)
        x, y = middle(page)
        for kind, apart_by in (("touchStart", 20), ("touchMove", 40), ("touchMove", 60), ("touchEnd", 0)):
            points = [{"x": x + side * apart_by, "y": y, "id": i} for i, side in enumerate((-1, 1))]
            fingers.send(
                "Input.dispatchTouchEvent", {"type": kind, "touchPoints": [] if kind == "touchEnd" else points}
            )
        until(lambda: int(level(page).split()[0]) > 2 * before)


def test_a_large_picture_shows_previews_first_and_whole_looks_on_demand(page: Any, shoot: Shoot) -> None:
    width, height = LARGE
    photo = drawn(height, width, seed=5)
    asked: list[dict[str, Any]] = []
    page.on(
        "request",
        lambda request: (
            asked.append(request.post_data_json) if "/renders" in request.url and request.method == "POST" else None
        ),
    )
    give_and_wait(page, photo)
    assert "as previews" in page.inner_text("#status")
    assert [("side" in body, "crop" in body) for body in asked] == [(True, False), (False, True)]
    assert set(asked[1]["tasks"]) == {name for name, task in TASKS.items() if task.get("scale", 1) > 1}
    shoot(page, "previews")
    open_look(page, "paint")
    wait_for_controls(page, look="paint", whole=True)
    assert asked[2] == {"tasks": ["paint"], "seed": 0}
    picture = Image.open(io.BytesIO(saved(page, "#download")))
    assert picture.size == LARGE
    assert apart(np.asarray(picture), expected(photo, tasks=("paint",))["paint"]) == 0
    assert len(asked) == 3


def test_what_is_saved_has_the_format_and_the_name_that_say_it(desk: Any) -> None:
    give_and_wait(desk)
    open_look(desk, "varied")
    desk.click("#vary")
    wait_for_controls(desk, seed=1)
    set_range(desk, "#strength", 60)
    desk.select_option("#other", "drawn")
    set_range(desk, "#share", 25)
    wait_for_controls(desk, strength=0.6, other="drawn", share=0.25)
    look = canvas(desk)
    sizes = {}
    for ending, kind in (("png", "PNG"), ("jpg", "JPEG"), ("webp", "WEBP")):
        desk.select_option("#format", ending)
        assert desk.is_visible("#quality") == (ending != "png")
        with desk.expect_download() as download:
            desk.click("#download")
        assert download.value.suggested_filename == f"my photo-varied-strength-60-drawn-25-seed-1.{ending}"
        picture = Image.open(download.value.path())
        assert (picture.format, picture.size) == (kind, (WIDTH, HEIGHT))
        sizes[ending] = Path(download.value.path()).stat().st_size
        assert np.abs(np.asarray(picture.convert("RGB")).astype(int) - look).mean() < (1e-9 if ending == "png" else 6)
    set_range(desk, "#quality", 40)
    desk.select_option("#format", "jpg")
    assert len(saved(desk, "#download")) < sizes["jpg"]
    desk.click("#copy")
    until(lambda: "Copied" in desk.inner_text("#viewer-status"))
    copied = desk.evaluate(
        """async () => {
            const [item] = await navigator.clipboard.read();
            return [...new Uint8Array(await (await item.getType('image/png')).arrayBuffer())];
        }"""
    )
    assert apart(np.asarray(Image.open(io.BytesIO(bytes(copied))).convert("RGB")), look) == 0


def test_the_brush_is_what_render_calls_brush(desk: Any) -> None:
    photo = drawn(300, 400, seed=6)  # painted at 640 pixels by default
    asked: list[Any] = []
    desk.on("request", lambda request: asked.append(request.post_data_json) if "/renders" in request.url else None)
    give_and_wait(desk, photo)
    open_look(desk, "fine-2x")
    assert not desk.is_visible("#brush-control")  # painted styles have one
    desk.click("#close")
    open_look(desk, "paint")
    assert desk.inner_text("#brush-value") == "100 %"
    set_range(desk, "#brush", 200)
    wait_for_controls(desk, look="paint", brush=320)
    assert desk.inner_text("#brush-value") == "200 %"
    broad = canvas(desk)
    assert apart(broad, expected(photo, tasks=("paint",), brush=320)["paint"]) == 0
    assert {"tasks": ["paint"], "seed": 0, "brush": 320} in asked
    with desk.expect_download() as download:
        desk.click("#download")
    assert download.value.suggested_filename == "my photo-paint-brush-320.png"
    assert apart(np.asarray(Image.open(download.value.path()).convert("RGB")), broad) == 0
    set_range(desk, "#brush", 400)
    wait_for_controls(desk, brush=160)
    desk.click("#viewer-undo")
    wait_for_controls(desk, brush=320)
    desk.reload()
    wait_for_controls(desk, look="paint", brush=320)
    assert apart(canvas(desk), broad) == 0
    desk.click("#reset")
    wait_for_controls(desk, brush=None)
    assert apart(canvas(desk), expected(photo, tasks=("paint",))["paint"]) == 0
    desk.click("#close")
    assert desk.inner_text("[data-look=paint] .note") == ""


def test_several_pictures_become_one_archive(page: Any, shoot: Shoot) -> None:
    files = [
        {"name": "one.png", "mimeType": "image/png", "buffer": PHOTO},
        {"name": "broken.png", "mimeType": "image/png", "buffer": PHOTO[:-200]},
        {"name": "one.png", "mimeType": "image/png", "buffer": drawn(60, 80, seed=8)},
    ]
    page.set_input_files("#file", files)
    page.wait_for_selector("#batch-work:not([hidden])")
    assert page.inner_text("#batch-title") == "3 pictures"
    for name in set(TASKS) - {"paint", "fine-2x"}:
        page.uncheck(f"#batch-looks [value={name}]")
    page.select_option("#batch-format", "jpg")
    shoot(page, "batch")
    page.click("#batch-render")
    page.wait_for_selector("#batch-save:not([hidden])")
    until(lambda: "2 done, 1 not" in page.inner_text("#batch-status"))
    assert "damaged" in page.inner_text(".batch-row.failed .caption")
    archive = zipfile.ZipFile(io.BytesIO(saved(page, "#batch-save")))
    assert archive.testzip() is None
    assert set(archive.namelist()) == {
        f"{folder}/one-{look}.jpg" for folder in ("one", "one-2") for look in ("fine-2x", "paint")
    }
    assert Image.open(archive.open("one-2/one-fine-2x.jpg")).size == (160, 120)
    shoot(page, "batch-done")


def test_a_batch_is_cancelled_and_gone_on_with(desk: Any) -> None:
    desk.set_input_files("#file", [{"name": f"{i}.png", "mimeType": "image/png", "buffer": PHOTO} for i in range(2)])
    desk.wait_for_selector("#batch-work:not([hidden])")
    desk.route("**/renders", lambda route: None)  # never answered
    desk.click("#batch-render")
    desk.click("#batch-cancel")
    until(lambda: "Cancelled" in desk.inner_text("#batch-status"))
    assert not desk.is_visible("#message")
    desk.unroute("**/renders")
    desk.click("#batch-render")
    until(lambda: desk.inner_text("#batch-status") == "2 done")


def test_on_a_phone_fingers_hit_what_they_aim_at(browser: Any, address: str) -> None:
    small = """(root) => [...document.querySelectorAll(`${root} button, ${root} select, ${root} input[type=range]`)]
        .filter((one) => one.checkVisibility() && !one.matches('#split'))
        .map((one) => [one.id, one.getBoundingClientRect().height]).filter(([, height]) => height < 44)"""
    with opened(browser, address, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True) as page:
        assert page.evaluate(small, "#start") == []
        give_and_wait(page)
        assert page.evaluate(small, "#work .bar") == []
        tops = page.locator("#work .bar .actions > :visible").evaluate_all(
            "(all) => all.map((one) => one.getBoundingClientRect().top)"
        )
        assert len(set(tops)) == 1  # one row
        open_look(page, "varied")
        assert page.evaluate(small, "#viewer") == []


def test_a_style_the_camera_and_the_api_fit_every_window(page: Any, shoot: Shoot, address: str) -> None:
    give_and_wait(page)
    page.click("#add-style")
    exemplar = {"name": "dots.png", "mimeType": "image/png", "buffer": drawn(96, 128, seed=9)}
    page.set_input_files("#exemplar-file", exemplar)
    page.fill("#style-name", "Tr\u00e8s Jolie (2)!")
    assert page.inner_text("#style-slug") == "Saved as tres-jolie-2"
    set_range(page, "#style-brush", 640)
    assert page.inner_text("#style-brush-value") == "coarse"
    shoot(page, "style")
    page.click("#styling-close")
    page.click("#camera")
    page.wait_for_selector("#camera-cards [data-look=paint]:enabled")
    page.check("[name=camera-pace][value=sharper]")
    until(lambda: "frames a second" in page.inner_text("#camera-rate"))
    shoot(page, "camera")
    page.click("#camera-stop")
    page.goto(f"{address}/docs")
    page.wait_for_selector(".call")
    shoot(page, "api")


def test_errors_name_the_file_and_clips_are_told_apart(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    give(desk, b"no picture", "holiday.png")
    desk.wait_for_selector("#message:not([hidden])")
    assert desk.inner_text("#message p").startswith("holiday.png: ")
    two = [{"name": f"{i}.mp4", "mimeType": "video/mp4", "buffer": b"x"} for i in range(2)]
    desk.set_input_files("#file", two)
    until(lambda: "one at a time" in desk.inner_text("#message p"))


def test_the_api_is_described_for_people(browser: Any, address: str, tmp_path: Path) -> None:
    with opened(browser, address) as page:
        page.goto(f"{address}/docs")
        page.wait_for_selector(".call")
        assert "POST" in page.inner_text("#calls")
        call = page.locator(".call", has_text="/api/pictures/{picture}/renders").first
        call.locator("summary").click()
        assert "seed" in call.inner_text()
        example = page.locator("pre[data-language=python]").inner_text()
        page.goto(address)  # `opened` looks for the page's requests
        page.wait_for_selector("#samples button")
    pytest.importorskip("requests")
    assert address in example
    (tmp_path / "photo.jpg").write_bytes(drawn(kind="JPEG"))
    for before, after in (("comic", "paint"),):  # the tiny weights' own task
        example = re.sub(rf"\b{before}\b", after, example)
    subprocess.run([sys.executable, "-c", example], cwd=tmp_path, check=True)
    with Image.open(tmp_path / "paint.png") as look:
        assert look.size == (48, 40)
