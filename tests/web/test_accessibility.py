"""axe checks every state of the page, light and dark; and the cost of opening the page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.browsing import PHOTO, give, give_and_wait, open_look, opened, served

pytest.importorskip("av")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")

from helpers.tiny_clips import make_clip  # noqa: E402
from helpers.tiny_weights import tiny_weights  # noqa: E402
from prismgan.web.app_state import Session  # noqa: E402
from prismgan.web.serving import make_application, server_of  # noqa: E402

pytestmark = pytest.mark.timeout(600)
LIGHTEST = 200_000
"""Maximum bytes of the page, without the sample photos."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served(server_of(make_application(Session(tiny_weights("restore", "paint", "varied")), "127.0.0.1"))) as found:
        yield found


def faults(page: Any) -> list[str]:
    """Violations that axe considers serious or critical."""
    page.evaluate("Promise.all(document.getAnimations().map((one) => one.finished.catch(() => {})))")
    found = axe.Axe().run(page).response["violations"]
    return [
        f"{fault['id']}: {node['html']} {node['failureSummary']}"
        for fault in found
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault(browser: Any, address: str, scheme: str, tmp_path: Path) -> None:
    with opened(browser, address, color_scheme=scheme, reduced_motion="reduce") as page:
        assert faults(page) == [], "start"
        give(page, b"no picture")
        page.wait_for_selector("#message:not([hidden])")
        assert faults(page) == [], "message"
        give_and_wait(page)
        assert faults(page) == [], "grid"
        open_look(page, "varied")
        assert faults(page) == [], "viewer"
        page.click("#close")
        page.set_input_files("#file", [{"name": "a.png", "mimeType": "image/png", "buffer": PHOTO}] * 2)
        page.wait_for_selector("#batch-work:not([hidden])")
        assert faults(page) == [], "batch"
        page.go_back()
        page.wait_for_selector("#download-all:not([disabled])")
        page.click("#add-style")
        assert faults(page) == [], "add a style"
        page.click("#styling-close")
        page.set_input_files("#clip-file", make_clip(tmp_path / "clip.mp4"))
        page.wait_for_selector("#clip-looks input")
        assert faults(page) == [], "clip"
        page.check("#clip-looks [value=paint]")
        page.click("#clip-render")
        page.wait_for_selector("#clip-cards video")
        assert faults(page) == [], "clips"
        page.click("#camera")
        page.wait_for_selector("#camera-cards [data-look=paint]:enabled")
        assert faults(page) == [], "camera"
        page.click("#camera-stop")
        page.goto(f"{address}/docs")
        page.wait_for_selector(".call")
        page.locator(".call summary").nth(4).click()
        assert faults(page) == [], "API"


def test_the_page_is_light_and_there_at_once(browser: Any, address: str) -> None:
    with opened(browser, address) as page:
        page.wait_for_load_state("networkidle")
        found = page.evaluate(
            "performance.getEntries().map((one) => [one.entryType, one.name, one.startTime, one.encodedBodySize])"
        )
    sizes = {name: size for kind, name, _, size in found if kind in ("resource", "navigation")}
    paint = next(start for _, name, start, _ in found if name == "first-contentful-paint")
    page_alone = sum(size for name, size in sizes.items() if "/api/samples/" not in name)
    print(f"\nfirst paint after {paint:.0f} ms, {page_alone / 1000:.0f} kB in {len(sizes)} files")
    assert 20_000 < page_alone < LIGHTEST
    assert paint < 10_000  # under 1 s on an idle machine
