"""The parts that a report is made of."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from prismgan.evaluation.measurement import Measurement
from prismgan.report.charts import Line, bounds_of, chart, smooth
from prismgan.report.history import History, Series, read_history
from prismgan.report.page import _environment
from prismgan.report.wording import compact, duration, share, signed, value


def history_of(folder: Path, entries: list[dict[str, Any]]) -> History:
    path = folder / "metrics.jsonl"
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    return read_history(path)


def test_steps_taken_back_are_replaced(tmp_path: Path) -> None:
    lines = [{"step": s, "time": t, "value": v} for s, t, v in [(1, 5, 0), (2, 9, 0), (3, 12, 0)]]
    lines += [
        {"event": "resumed", "step": 1},
        {"step": 2, "time": 2, "value": 1},
        {"step": 3, "time": 6, "value": 1},
    ]
    history = history_of(tmp_path, lines)
    assert history.series("value").steps.tolist() == [1, 2, 3]
    assert history.series("value").values.tolist() == [0, 1, 1]
    assert history.seconds == 12 + 6


def test_equal_events_are_counted(tmp_path: Path) -> None:
    events = [{"event": "skipped_picture", "step": number, "message": "a"} for number in (1, 2)]
    (event,) = history_of(tmp_path, [{"step": 1}, *events]).events
    assert (event.step, event.times) == (1, 2)


def test_a_look_is_not_blamed_for_leaving_the_photo() -> None:
    row = Measurement(task="a", metric="ssim", better="higher", value=0.4, baseline=0.5, compared_with="photo")
    assert row.verdict == ""
    assert row.model_copy(update={"compared_with": "exemplar"}).verdict == "worse"
    assert row.model_copy(update={"compared_with": "target", "better": "lower"}).verdict == "better"
    assert row.model_copy(update={"baseline": None}).verdict == ""


def test_smoothing_keeps_constants_length_and_the_middle_of_a_ramp() -> None:
    np.testing.assert_allclose(smooth(np.full(100, 3.0), geometric=True), 3.0)
    ramp = np.arange(100.0)
    np.testing.assert_allclose(smooth(ramp, geometric=False)[10:90], ramp[10:90])
    assert smooth(np.arange(5.0), geometric=False).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("values", "logarithmic"),
    [([1.0, 5.0], False), ([0.01, 5.0], True), ([-1.0, 100.0], False), ([2.0, 2.0], False), ([0.0], False)],
)
def test_axes_hold_their_values(values: list[float], logarithmic: bool) -> None:
    low, high, log = bounds_of([np.array(values)])
    assert log is logarithmic
    assert low <= min(values) <= max(values) <= high
    assert low < high


def test_steps_of_one_line_have_an_axis() -> None:
    drawn = chart("loss", [Line("total", Series(np.array([5.0]), np.array([1.0]), 0))])
    assert drawn is not None
    low, high = json.loads(drawn.data)["x"]
    assert low < 5 < high


def test_lines_without_a_point_make_no_chart() -> None:
    assert chart("loss", [Line("total", Series(np.array([]), np.array([]), 0))]) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (value(31.237, "dB"), "31.24"),
        (value(0.0312), "0.0312"),
        (value(9.0, "of 10"), "9"),
        (value(None), "\N{EN DASH}"),
        (signed(-0.5, "dB"), "\N{MINUS SIGN}0.50"),
        (signed(0.25, like=12.0), "+0.25"),
        (compact(12_000), "12k"),
        (compact(1_834_000), "1.83M"),
        (compact(2164), "2164"),
        (compact(1e-5), "1e-5"),
        (compact(0), "0"),
        (duration(45), "45 s"),
        (duration(600), "10 min"),
        (duration(3 * 3600), "3.0 h"),
        (share(1.0), "100 %"),
        (share(0.99999), "over 99.9 %"),
        (share(0.00001), "under 0.1 %"),
    ],
)
def test_numbers_as_people_read_them(text: str, expected: str) -> None:
    assert text == expected


def test_the_section_of_the_guide(tmp_path: Path) -> None:
    guide = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text()
    template = guide.split("```html\n")[1].split("```")[0]
    report = SimpleNamespace(history=history_of(tmp_path, [{"step": 1, "time": 5.0}, {"step": 2, "time": 9.0}]))
    assert "<p>9 s in total.</p>" in _environment().from_string(template).render(report=report)
