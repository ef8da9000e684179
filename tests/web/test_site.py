"""A static site in a real browser: its pictures are the renderer's, and it works without a server."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import subprocess
import time
import zipfile
from collections.abc import Iterator
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
    working,
)
from helpers.tiny_server import drawn, until

pytest.importorskip("onnx", reason="the extra export is not installed")
pytest.importorskip("onnxruntime", reason="the extra export is not installed")

from helpers.tiny_weights import TASKS, tiny_weights
from prismgan.errors import PrismganError
from prismgan.images.pixels import from_pixels, to_pixels
from prismgan.render.painting import BRUSH, FINE, Canvas
from prismgan.render.tiles import tiles
from prismgan.web import onnxruntime_web
from prismgan.web.serving import server_of, site_application
from prismgan.web.site_writer import write_site

pytestmark = pytest.mark.timeout(600)
EXACT = 2
"""Tolerance for a site's picture in levels of 255."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed, which brings onnxruntime-web")
    try:
        onnxruntime_web.runtime_files()
    except PrismganError as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("hosted") / "site"
    write_site(tiny_weights(), folder)
    return folder


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    with served(server_of(site_application(site))) as found:
        yield found


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    with opened(browser, address) as found:
        yield found


def holds(page: Any, expression: str) -> bool:
    """Whether the condition holds; False while the page is loaded again."""
    try:
        return bool(page.evaluate(expression))
    except Exception as error:
        assert "navigation" in str(error)
        return False


def archive(page: Any) -> dict[str, np.ndarray[Any, Any]]:
    """The pictures that *Download all* gives, by task."""
    with zipfile.ZipFile(io.BytesIO(saved(page, "#download-all"))) as files:
        assert files.testzip() is None
        pictures = [(name, Image.open(files.open(name)).convert("RGB")) for name in files.namelist()]
    return {name.removeprefix("my photo-").removesuffix(".png"): np.asarray(picture) for name, picture in pictures}


@pytest.mark.parametrize("size", [(33, 47), (90, 121)])
def test_the_pictures_are_the_renderers(page: Any, size: tuple[int, int]) -> None:
    photo = drawn(*size, seed=3)
    give_and_wait(page, photo)
    found, wanted = archive(page), expected(photo)
    assert set(found) == set(TASKS)
    for name, look in wanted.items():
        assert found[name].shape == look.shape
        assert apart(found[name], look) <= EXACT, name


def copied(site: Path, to: Path) -> Path:
    """A fresh copy of the site that may be changed; large files are hard links."""
    shutil.copytree(site, to, copy_function=lambda old, new: os.link(old, new))
    return to


def test_large_pictures_are_made_in_tiles_without_a_seam(browser: Any, site: Path, tmp_path: Path) -> None:
    cut = copied(site, tmp_path / "site")
    script = (cut / "static" / "network.js").read_text()
    (cut / "static" / "network.js").unlink()
    (cut / "static" / "network.js").write_text(script.replace("const AREA = 1.2e6;", "const AREA = 40_000;"))
    halo = json.loads((cut / "about.json").read_text())["halo"]
    assert "const AREA = 1.2e6;" in script
    assert 2 * halo < 190
    photo = drawn(250, 311, seed=4)
    with served(server_of(site_application(cut))) as address, opened(browser, address) as page:
        sides = page.evaluate(
            "async (halo) => (await import('/static/tiles.js')).tiles(250, 311, halo, 8, 40000).length", halo
        )
        assert sides > 4
        give_and_wait(page, photo)
        found = archive(page)
    for name, look in expected(photo).items():
        assert apart(found[name], look) <= EXACT, name


def test_strength_and_blend_are_the_renderers(page: Any) -> None:
    give_and_wait(page)
    open_look(page, "paint")
    set_range(page, "#strength", 60)
    page.select_option("#other", "drawn")
    set_range(page, "#share", 25)
    wait_for_controls(page, strength=0.6, other="drawn", share=0.25)
    blended = expected(tasks=(), blends={"both": {"paint": 0.75, "drawn": 0.25}})["both"]
    base = np.asarray(Image.open(io.BytesIO(PHOTO))).astype(float)
    assert apart(canvas(page), base + 0.6 * (blended - base)) <= EXACT
    page.click("#close")
    open_look(page, "fine-2x")
    set_range(page, "#strength", 50)
    wait_for_controls(page, strength=0.5)
    assert apart(canvas(page), expected(tasks=("fine-2x",), strength={"fine-2x": 0.5})["fine-2x"]) <= EXACT


@pytest.mark.parametrize("percent", [50, 200])
def test_a_brush_is_the_renderers(page: Any, percent: int) -> None:
    photo = drawn(300, 400, seed=6)
    give_and_wait(page, photo)
    open_look(page, "paint")
    set_range(page, "#brush", percent)
    brush = 640 * 100 // percent
    wait_for_controls(page, look="paint", brush=brush)
    assert apart(canvas(page), expected(photo, tasks=("paint",), brush=brush)["paint"]) <= EXACT


def test_a_large_picture_shows_previews_first_and_whole_looks_on_demand(page: Any) -> None:
    photo = drawn(1000, 1100, seed=5)
    give_and_wait(page, photo)
    assert "as previews" in page.inner_text("#status")
    open_look(page, "paint")
    wait_for_controls(page, look="paint", whole=True)
    picture = np.asarray(Image.open(io.BytesIO(saved(page, "#download"))).convert("RGB"))
    assert apart(picture, expected(photo, tasks=("paint",))["paint"]) <= EXACT


@pytest.mark.parametrize(
    ("size", "brush"), [((333, 1537), None), ((700, 2100), 512), ((75, 60), 160), ((80, 64), None), ((700, 500), None)]
)
def test_what_is_painted_is_brought_to_full_size_as_the_renderer_does(
    page: Any, size: tuple[int, int], brush: int | None
) -> None:
    """A renderer with a synthetic style: the photo in other colours."""
    photo = np.asarray(Image.open(io.BytesIO(drawn(*size, seed=6))))
    photo = photo // 2 + np.random.default_rng(0).integers(0, 128, photo.shape, dtype=np.uint8)
    canvas = Canvas([photo], brush)
    canvas.coming = iter([(0, {"look": 1.2 * canvas.source.flip(1) * canvas.source})])
    height, width = size
    (whole,) = tiles(height, width, size, halo=0)
    wanted = np.empty_like(photo)
    to_pixels(canvas.part("look", 0, whole, from_pixels(photo))[0], wanted)
    sides, bmp = page.evaluate(
        """async ([encoded, height, width, brush, bounds]) => {
            const { Canvas } = await import('/static/painting.js');
            const { BitmapFile } = await import('/static/bitmap-file.js');
            const rgb = Uint8Array.from(atob(encoded), (one) => one.charCodeAt(0));
            const pixels = new ImageData(width, height);
            for (let i = 0; i < height * width; i++) pixels.data.set([...rgb.subarray(3 * i, 3 * i + 3), 255], 4 * i);
            const canvas = new Canvas(pixels, brush, bounds);
            const plane = canvas.height * canvas.width;
            const source = canvas.source.data;
            const other = (i) => source[(2 - Math.floor(i / plane)) * plane + (i % plane)];
            const look = source.map((value, i) => 1.2 * value * other(i));
            const file = new BitmapFile(width, height);
            canvas.write(look, canvas.height, canvas.width, file);
            const reader = new FileReader();
            await new Promise((done) => { reader.onload = done; reader.readAsDataURL(file.blob()); });
            return [[canvas.height, canvas.width], reader.result.split(',')[1]];
        }""",
        [base64.b64encode(photo.tobytes()).decode(), height, width, brush, {"fine": FINE, "default": BRUSH}],
    )
    assert tuple(sides) == canvas.sides
    found = np.asarray(Image.open(io.BytesIO(base64.b64decode(bmp))))
    assert apart(found, wanted) <= 1


def test_clips_are_told_that_they_need_the_server(page: Any) -> None:
    page.set_input_files("#file", {"name": "a.mp4", "mimeType": "video/mp4", "buffer": b"x"})
    page.wait_for_selector("#message:not([hidden])")
    assert page.inner_text("#message p").startswith("a.mp4: Clips need the server")


def test_a_variation_is_the_one_of_its_seed(page: Any) -> None:
    give_and_wait(page)
    open_look(page, "varied")
    for seed in (1, 2**40 + 7):
        page.fill("#seed", str(seed))
        page.keyboard.press("Tab")
        wait_for_controls(page, seed=seed)
        assert apart(canvas(page), expected(tasks=("varied",), seeds=(seed,))["varied"]) <= EXACT


@pytest.mark.parametrize("size", [4, 5, 16, 20, 33])
def test_the_latent_of_a_seed_is_torchs(page: Any, size: int) -> None:
    import torch

    for seed in (0, 3, 2**31, 2**53 - 1):
        found = page.evaluate(
            "async ([seed, size]) => [...(await import('/static/latent.js')).latent(seed, size)]", [seed, size]
        )
        wanted = torch.randn(1, size, generator=torch.Generator().manual_seed(seed))[0].numpy()
        assert np.abs(np.array(found) - wanted).max() < 1e-5


def test_what_is_no_picture_or_too_large_is_told(page: Any) -> None:
    give_and_wait(page)
    for content in (b"no picture at all", PHOTO[: len(PHOTO) // 2]):
        give(page, content, "broken.png")
        page.wait_for_selector("#message:not([hidden])")
        assert "damaged" in page.inner_text("#message p")
        page.click("#dismiss")
    large = io.BytesIO()
    Image.new("RGB", (5000, 4000)).save(large, "PNG")
    give(page, large.getvalue(), "large.png")
    page.wait_for_selector("#message:not([hidden])")
    assert "20.0 megapixels" in page.inner_text("#message p")
    page.click("#dismiss")
    give(page, drawn(8, 40), "small.png")
    page.wait_for_selector("#message:not([hidden])")
    assert "at least 16" in page.inner_text("#message p")
    assert page.inner_text("#picture-name") == "my photo.png"  # the earlier picture stays
    open_look(page, "paint")


def test_several_pictures_become_one_archive(page: Any) -> None:
    photos = {"one": PHOTO, "two": drawn(60, 80, seed=8)}
    page.set_input_files(
        "#file",
        [{"name": f"{name}.png", "mimeType": "image/png", "buffer": photo} for name, photo in photos.items()],
    )
    page.wait_for_selector("#batch-work:not([hidden])")
    for name in set(TASKS) - {"restore", "fine-2x"}:
        page.uncheck(f"#batch-looks [value={name}]")
    page.click("#batch-render")
    page.wait_for_selector("#batch-save:not([hidden])")
    with zipfile.ZipFile(io.BytesIO(saved(page, "#batch-save"))) as files:
        assert len(files.namelist()) == 4
        for name, photo in photos.items():
            for look, wanted in expected(photo, tasks=("restore", "fine-2x")).items():
                found = np.asarray(Image.open(files.open(f"{name}/{name}-{look}.png")).convert("RGB"))
                assert apart(found, wanted) <= EXACT, (name, look)


def test_what_a_site_cannot_do_is_not_offered(page: Any) -> None:
    give_and_wait(page)
    assert not page.is_visible("#add-style")
    assert "no picture leaves this machine" in page.text_content("#privacy")


def test_it_works_without_a_connection_the_second_time(browser: Any, site: Path) -> None:
    context = browser.new_context(accept_downloads=True)
    page = context.new_page()
    with served(server_of(site_application(site))) as address:
        page.goto(address)
        page.wait_for_selector("#samples button")
        give_and_wait(page)
    # The server is gone. The picture and its outputs are kept; another picture is rendered again.
    page.reload()
    page.wait_for_selector("#download-all:not([disabled])")
    page.click("#home")
    page.wait_for_selector("#samples button")
    give_and_wait(page, drawn(HEIGHT, WIDTH, seed=8))
    assert page.locator("#grid .card:enabled").count() == len(TASKS)
    context.close()


def test_on_any_host_it_gets_threads_by_its_service_worker(browser: Any, site: Path, tmp_path: Path) -> None:
    """A host that sends none of the headers, and has the site in a folder."""
    from starlette.applications import Starlette
    from starlette.routing import Mount
    from starlette.staticfiles import StaticFiles

    bare = Starlette(routes=[Mount("/sites/mine", StaticFiles(directory=site, html=True))])
    with served(server_of(bare)) as address, opened(browser, f"{address}/sites/mine/") as page:
        until(lambda: holds(page, "crossOriginIsolated"))
        page.wait_for_selector("#samples button")
        give_and_wait(page)
        open_look(page, "paint")
        assert apart(canvas(page), expected(tasks=("paint",))["paint"]) <= EXACT


def test_a_new_export_replaces_an_old_one(browser: Any, site: Path, tmp_path: Path) -> None:
    copy = copied(site, tmp_path / "site")
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(60_000)
    with served(server_of(site_application(copy))) as address:
        page.goto(address)
        page.wait_for_selector("#samples button")
        until(lambda: holds(page, "navigator.serviceWorker.controller !== null"))
        write_site(tiny_weights("paint", "restore"), copy, overwrite=True)
        page.goto(address)

        def renewed() -> bool:
            time.sleep(1.5)  # browsers look for a newer one on their own
            return holds(page, "fetch('about.json').then((one) => one.json()).then((one) => one.tasks.length == 2)")

        until(renewed)
        page.goto(address)
        page.wait_for_selector("#samples button")
        give_and_wait(page)
        assert page.locator("#grid .card:enabled").count() == 2
    context.close()


def test_the_page_is_small_and_nothing_blocks_it(browser: Any, page: Any, site: Path) -> None:
    files = [file for file in site.rglob("*") if file.is_file()]
    heavy = ("network-", onnxruntime_web.FOLDER)
    page_files = [file for file in files if not file.relative_to(site).parts[0].startswith(heavy)]
    assert sum(file.stat().st_size for file in page_files) < 200_000 + sum(
        file.stat().st_size for file in (site / "samples").iterdir()
    )
    with working(browser, page) as tasks:
        give_and_wait(page, drawn(384, 512, seed=5))
        archive(page)
        open_look(page, "fine-4x")
        set_range(page, "#strength", 50)
        wait_for_controls(page, strength=0.5)
    assert len(tasks) > 100
    assert max(tasks) <= 100


def test_without_a_graphics_processor_it_goes_on(browser: Any, address: str) -> None:
    with opened(browser, f"{address}/?runtime=webgpu") as page:
        give_and_wait(page)
        open_look(page, "paint")
        assert apart(canvas(page), expected(tasks=("paint",))["paint"]) <= EXACT


def test_scripts_are_read_without_a_browser(site: Path) -> None:
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    for script in site.glob("static/*.js"):
        subprocess.run(["node", "--check", script], check=True)
    about = json.loads((site / "about.json").read_text())
    assert [task["name"] for task in about["tasks"]] == list(TASKS)
    assert about["cell"] == tiny_weights().prism_generator("a test").cell
    assert about["halo"] % about["cell"] == 0


def test_the_camera_shows_looks_live(page: Any) -> None:
    page.click("#camera")
    page.wait_for_selector("#camera-cards [data-look=paint]:enabled")
    until(lambda: "frames a second" in page.inner_text("#camera-rate"))
    first = canvas(page, "#camera-cards [data-look=paint] canvas")
    until(lambda: apart(canvas(page, "#camera-cards [data-look=paint] canvas"), first) > 0)
    page.click("#camera-stop")
    assert page.is_visible("#start")
