"""Charts as drawn by a browser."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from prismgan.report import write_report


def test_charts_are_drawn_and_read_by_the_pointer(tmp_path: Path, browser: Any) -> None:
    lines = [{"step": step, "loss/paint": 100 / step, "loss/paint/style": 1.0} for step in range(1, 101)]
    lines.append({"event": "resumed", "step": 50, "message": "resumed at step 50"})
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    report = write_report(tmp_path, title="A run")
    page = browser.new_page(viewport={"width": 1000, "height": 800}, color_scheme="dark")
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda request: problems.extend([request.url] if request.url != report.as_uri() else []))
    page.goto(report.as_uri())
    page.wait_for_selector("#training .charts > .chart canvas")
    assert page.locator("canvas").count() == 1, "folded charts are drawn once they are opened"
    page.locator("summary", has_text="terms").click()
    page.locator("canvas").nth(1).wait_for()  # wait_for_function may evaluate strings, which the page's policy forbids
    chart = page.locator(".chart").first
    assert chart.locator("[data-last]").text_content() == "1"
    box = chart.locator(".plot").bounding_box()
    page.mouse.move(box["x"] + 50, box["y"] + 80)  # near the first steps
    assert float(chart.locator("[data-last]").text_content()) > 5
    assert ", step " in chart.locator("h4").text_content()
    page.mouse.move(0, 0)
    assert chart.locator("[data-last]").text_content() == "1"
    page.close()
    assert problems == []
