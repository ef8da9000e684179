"""Speed of the page in headless Chromium on two cores: first output, all outputs, and the longest blocking task.

python benchmarks/page.py                            # a static site, the ready-made weights, 512x384
python benchmarks/page.py --server --width 4000 --height 3000
python benchmarks/page.py --cores 1 --json F.json
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

from prismgan import images
from prismgan.data import builtin
from prismgan.web.app_state import Session
from prismgan.web.serving import bound, make_application, server_of, site_application
from prismgan.web.site_writer import write_site
from prismgan.weights import load_weights

TIMEOUT_MS = 300_000
"""Timeout in milliseconds."""
KEYS = ("first_ms", "all_ms", "first_computed_ms", "all_computed_ms")
CATEGORIES = ["toplevel", "disabled-by-default-devtools.timeline"]
CLOCK = """() => {
    window.shown = {};
    new MutationObserver(() => {
        for (const card of document.querySelectorAll('#grid .card:enabled')) {
            window.shown[card.dataset.look] ??= performance.now() - window.given;
        }
    }).observe(document.getElementById('grid'), { subtree: true, attributes: true });
    document.getElementById('file').addEventListener(
        'change', () => { window.shown = {}; window.given = performance.now(); }, true,
    );
}"""


def draw_photo(path: Path, width: int, height: int) -> None:
    """The built-in photo of a cup at this size, as a JPEG file."""
    picture = images.to_pil(builtin.load("builtin:coffee"))
    picture.resize((width, height), Image.Resampling.BICUBIC).save(path, "JPEG", quality=92)


def computed_ms() -> float:
    """Processor time of this process and its descendants, including the browser; Linux only."""
    parents, times = {}, {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            fields = file.read_text().rpartition(")")[2].split()
            parents[int(file.parent.name)] = int(fields[1])
            times[int(file.parent.name)] = int(fields[11]) + int(fields[12])

    def ours(process: int) -> bool:
        return process == os.getpid() or (process in parents and ours(parents[process]))

    return 1000 * sum(time for process, time in times.items() if ours(process)) / os.sysconf("SC_CLK_TCK")


def rendered(page: Any, file: Path) -> dict[str, Any]:
    """Milliseconds from the file to each output's card, and processor time of all processes until the first and the
    last."""
    before = computed_ms()
    page.set_input_files("#file", file)  # a buffer would come in as a task of the page's thread
    page.wait_for_selector("#download-all[disabled]", state="attached")
    page.wait_for_selector("#grid .card:enabled")
    first = computed_ms() - before
    page.wait_for_selector("#download-all:not([disabled])")
    looks = {name: round(value, 1) for name, value in page.evaluate("window.shown").items()}
    shown = {"first_ms": min(looks.values()), "all_ms": max(looks.values())}
    return {**shown, "first_computed_ms": first, "all_computed_ms": computed_ms() - before, "looks_ms": looks}


def longest(trace: bytes) -> dict[str, float]:
    """Milliseconds of the longest task of the page's thread: elapsed and processor time."""
    events = json.loads(trace)["traceEvents"]
    pages = {
        (event["pid"], event["tid"])
        for event in events
        if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
    }
    tasks = [event for event in events if (event["pid"], event["tid"]) in pages and event["name"] == "RunTask"]
    return {
        "clock_ms": max(event.get("dur", 0) for event in tasks) / 1000,
        "computed_ms": max(event.get("tdur", 0) for event in tasks) / 1000,
    }


def measured(address: str, file: Path, repeats: int, runtime: str) -> dict[str, Any]:
    """One browser: a first visit that opens the picture immediately, then pictures in the loaded page."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as starter:
        browser = starter.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(TIMEOUT_MS)
        page.goto(f"{address}/?runtime={runtime}")
        page.wait_for_selector("#samples button")
        paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        page.evaluate(CLOCK)
        cold = rendered(page, file)
        warm = [rendered(page, file) for _ in range(repeats)]
        browser.start_tracing(page=page, categories=CATEGORIES)
        rendered(page, file)
        trace = browser.stop_tracing()
        threads = page.evaluate("crossOriginIsolated ? navigator.hardwareConcurrency : 1")
        browser.close()
    return {
        "first_paint_ms": round(paint, 1),
        "threads": threads,
        "cold": {key: cold[key] for key in KEYS},
        "warm": {key: statistics.median(run[key] for run in warm) for key in KEYS},
        "best": {key: min(run[key] for run in warm) for key in KEYS},
        "looks_ms": warm[0]["looks_ms"],
        "longest_task": longest(trace),
        "load": os.getloadavg()[0],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", action="store_true", help="measure prismgan serve, not a static site")
    parser.add_argument("--weights", type=Path, help="others than the ready-made ones")
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--height", type=int, default=384)
    parser.add_argument("--cores", type=int, default=2, help="cores for the browser and the server together")
    parser.add_argument("--runtime", choices=["wasm", "webgpu"], default="wasm")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.cores])
    with tempfile.TemporaryDirectory() as folder, bound("127.0.0.1", 0) as listening:
        file = Path(folder) / "photo.jpg"
        draw_photo(file, options.width, options.height)
        if options.server:
            site, server = None, server_of(make_application(Session(load_weights(options.weights))))
        else:
            site = write_site(load_weights(options.weights), Path(folder) / "site")
            server = server_of(site_application(site.path))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            address = f"http://127.0.0.1:{listening.getsockname()[1]}"
            found = measured(address, file, options.repeats, options.runtime)
        finally:
            server.should_exit = True
            thread.join()
        found["bytes"] = site.parts if site is not None else {}
    size = f"{options.width}x{options.height}"
    how = "server" if options.server else f"static site, {found['threads']} threads, {options.runtime}"
    print(f"{size}, {len(found['looks_ms'])} looks, {how}")
    print(f"  first paint          {found['first_paint_ms']:8.0f} ms")
    for name, title in (("cold", "first visit"), ("warm", "page ready"), ("best", "      best")):
        first, last, first_computed, last_computed = (found[name][key] for key in KEYS)
        print(f"  {title}: first look {first:8.0f} ms, all {last:8.0f} ms", end="; ")
        print(f"all processes computed for {first_computed:.0f} and {last_computed:.0f} ms")
    print("  " + ", ".join(f"{name} {value:.0f}" for name, value in found["looks_ms"].items()))
    task = found["longest_task"]
    print(f"  longest task of the page's thread {task['clock_ms']:.0f} ms, {task['computed_ms']:.0f} ms of it its own")
    print("  " + ", ".join(f"{name} {size / 1e6:.2f} MB" for name, size in found["bytes"].items()))
    print(f"  load of the machine {found['load']:.1f}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
