"""The parts that a report is made of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prismgan.evaluation.measurement import Measurement
from prismgan.report.axis import steps_axis, values_axis
from prismgan.report.curves import smooth
from prismgan.report.history import History, read_history
from prismgan.report.markup import Html, element, join
from prismgan.report.numbers import compact, duration, share, signed, value


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
def test_axes_hold_their_values_and_have_labels(values: list[float], logarithmic: bool) -> None:
    axis = values_axis([np.array(values)], None)
    assert axis.logarithmic is logarithmic
    assert axis.low <= min(values) <= max(values) <= axis.high
    assert 2 <= len(axis.ticks()) <= 7
    assert all(axis.low <= tick <= axis.high for tick in axis.ticks())
    assert axis.position(axis.low) == axis.start
    assert axis.position(axis.high) == axis.end


def test_steps_of_one_line_have_an_axis() -> None:
    assert steps_axis(np.array([5.0])).ticks()


def test_markup_escapes_all_but_markup() -> None:
    inner = element("b", "<&>", title='"quoted"', hidden=True, class_="x", data_name=None)
    assert inner == '<b title="&quot;quoted&quot;" hidden class="x">&lt;&amp;&gt;</b>'
    assert join("<", inner) == f"&lt;{inner}"
    assert isinstance(join("a"), Html)


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
