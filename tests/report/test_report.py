from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from prismgan.errors import PrismganError
from prismgan.report import write_report
from prismgan.report.charts import MAXIMUM_POINTS
from prismgan.report.history import read_history

HOSTILE = '"><script>alert(1)</script>&<img src=http://evil.example/x>'
VOID = {"img", "input", "meta"}


class Page(HTMLParser):
    """Checks that tags are balanced, and collects ids, links, text and curves."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.headings: list[str] = []
        self.scripts = 0
        self.addresses: list[str] = []
        self.points: list[int] = []
        self.labels: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        self.scripts += tag == "script"
        for name, content in attrs:
            assert not name.startswith("on"), f"inline handler {name}"
            if name == "id" and tag == "section":
                self.ids.append(content or "")
            if name in ("src", "href", "srcset", "action", "data"):
                self.addresses.append(content or "")
            if name == "data-chart":
                self.points += [len(curve["line"][0]) for curve in json.loads(content or "")["curves"]]
            if name == "aria-label":
                self.labels.append(content or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("script", "style"):
            self.text += data


def read_page(run: Path, title: str = "A run") -> tuple[Page, str]:
    text = write_report(run, title=title).read_text(encoding="utf-8")
    return Page(text), text


def write_lines(run: Path, entries: list[dict[str, Any]]) -> None:
    run.mkdir(parents=True, exist_ok=True)
    (run / "metrics.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))


def step(number: int, **values: float) -> dict[str, Any]:
    return {"step": number, "time": number * 0.5, "loss/denoise": 1 / number, **values}


def picture(path: Path, colour: str, width: int = 24, height: int = 18) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, height), colour).save(path)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run folder with every file that the report reads."""
    run = tmp_path / "run"
    keys = ("norm/generator", "norm/discriminator", "discriminator/loss", "discriminator/accuracy_real")
    extra = dict.fromkeys((*keys, "discriminator/accuracy_fake", "discriminator/accuracy_task"), 0.7)
    extra |= {"clip/generator": 0.5, "clip/discriminator": 1.0, "rate": 1e-4, "images_per_second": 50.0}
    extra |= {
        "loss/ink": 2.0,
        "loss/ink/style": 1.5,
        "loss/ink/content": 0.5,
        "skipped": 0,
        "balance/ink": 3.0,
    }
    lines = [step(number, **extra) for number in range(10, 610, 10)]
    lines.insert(5, {"event": "rollback", "step": 50, "message": "the loss was not finite"})
    write_lines(run, lines)
    row = {"kind": "restore", "condition": "noise", "compared_with": "target"}
    rows = [
        {
            "task": "denoise",
            "metric": "psnr",
            "unit": "dB",
            "better": "higher",
            "value": 30.0,
            "baseline": 20.0,
        },
        {
            "task": "denoise",
            "metric": "euclidean",
            "unit": "",
            "better": "lower",
            "value": 0.2,
            "baseline": 0.1,
        },
    ]
    figures = {"loss": 0.5, "accuracy_real": 0.75}
    evaluation = {"step": 600, "pictures": 2, "rows": [row | r for r in rows], "discriminator": figures}
    (run / "evaluation.json").write_text(json.dumps(evaluation | {"skipped": ["broken.jpg"]}))
    parameters = {"trunk": 1000, "heads": {"denoise": 100, "ink": 100}, "discriminator": 500}
    cost = {"height": 360, "width": 640, "tasks": 2, "one_ms": 10.0, "all_ms": 12.5, "ratio": 1.25}
    (run / "cost.json").write_text(json.dumps(cost | {"parameters": parameters}))
    (run / "recipe.yaml").write_text("tasks:\n- name: denoise\n")
    for name in ("source", "photo", "denoise", "ink"):
        picture(run / "render" / "cat" / f"{name}.png", "red")
    picture(run / "render" / "sheet.png", "blue")
    picture(run / "exemplars" / "ink.png", "green")
    for number in (500, 1000):
        picture(run / "samples" / f"step-{number:06d}.png", "grey")
    return run


SECTIONS = {
    "sheet": "render/sheet.png",
    "outputs": "render/cat/source.png",
    "evaluation": "evaluation.json",
    "cost": "cost.json",
    "samples": "samples",
    "recipe": "recipe.yaml",
}


def test_a_full_run_has_every_section_once(run: Path) -> None:
    page, _ = read_page(run)
    assert page.ids == ["sheet", "outputs", "evaluation", "cost", "samples", "training", "events", "recipe"]


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_goes_with_its_file(run: Path, section: str) -> None:
    path = run / SECTIONS[section]
    if path.is_dir():
        for child in path.iterdir():
            child.unlink()
    else:
        path.unlink()
    page, _ = read_page(run)
    assert section not in page.ids
    assert set(SECTIONS) - {section} <= set(page.ids)


def test_metrics_alone_are_enough(tmp_path: Path) -> None:
    write_lines(tmp_path, [step(1)])
    page, _ = read_page(tmp_path)
    assert page.ids == ["training"]
    assert "1 task (denoise), 1 step" in page.text


def test_the_file_needs_nothing_beside_it(run: Path) -> None:
    page, text = read_page(run)
    assert "://" not in text.replace("https://github.com/leeoniya/uPlot (v", ""), "the chart library's name apart"
    assert all(address.startswith("data:image/jpeg;base64,") for address in page.addresses)
    assert all(address.startswith('"data:') for address in re.findall(r"url\((.{6})", text))
    assert "@import" not in text
    assert "default-src 'none'" in text


def test_the_licence_of_the_chart_library_is_in_the_file(run: Path) -> None:
    _, text = read_page(run)
    assert "Copyright (c) 2022 Leon Sorokin" in text
    assert "Permission is hereby granted" in text


def test_headline_and_key_figures(run: Path) -> None:
    page, _ = read_page(run, title="Two looks")
    assert "Two looks2 tasks (denoise, ink), 600 steps, 5 min" in page.text
    assert "+10.00 dB" in page.text
    assert "1.25\N{MULTIPLICATION SIGN}time of all 2 outputs relative to one" in page.text
    assert "1 of 2measurements better" in page.text


def test_verdicts_do_not_rest_on_colour_alone(run: Path) -> None:
    _, text = read_page(run)
    assert re.search(r'class="number better".*?\N{BLACK UP-POINTING TRIANGLE}</span>\+10\.00', text)
    assert re.search(r'class="number worse".*?\N{BLACK DOWN-POINTING TRIANGLE}</span>\+0\.1000', text)


def test_the_share_of_clipped_steps(run: Path) -> None:
    page, _ = read_page(run)
    assert "100 % of the logged steps were clipped" in page.text  # generator: 0.7 over a limit of 0.5
    assert "0 % of the logged steps were clipped" in page.text  # discriminator: 0.7 under 1


def test_values_without_a_place_of_their_own_are_shown(run: Path) -> None:
    assert "balance/ink" in read_page(run)[0].text


def test_agreement_of_the_tasks_is_a_heat_map(tmp_path: Path) -> None:
    losses = {"loss/denoise": 1.0, "loss/ink": 1.0, "loss/paint": 1.0}
    lines = [{"step": 10 * n, **losses} for n in (1, 2, 3)]
    lines[0] |= {"cosine/denoise/ink": 0.5, "cosine/ink/paint": -0.25}
    lines[2] |= {"cosine/denoise/ink": 0.25, "cosine/ink/paint": None}  # a gradient that was zero has no direction
    write_lines(tmp_path, lines)
    page, _ = read_page(tmp_path)
    assert "Agreement of the tasks" in page.text
    minus, none = "\N{MINUS SIGN}", "\N{EN DASH}"
    said = f"denoise and ink +0.38; denoise and paint {none}; ink and paint {minus}0.25"
    assert f"the tasks' gradients: {said}" in page.labels
    assert "cosine/" not in page.text
    write_lines(tmp_path, [{"step": 1, **losses}])
    assert "Agreement of the tasks" not in read_page(tmp_path)[0].text


def test_hostile_names_are_text(run: Path) -> None:
    scripts = read_page(run)[0].scripts
    lines = [step(1, **{f"loss/{HOSTILE}": 1.0, HOSTILE: 2.0})]
    lines.append({"event": HOSTILE, "step": 1, "message": HOSTILE})
    write_lines(run, lines)
    row = {"task": HOSTILE, "kind": HOSTILE, "condition": HOSTILE, "metric": HOSTILE, "unit": HOSTILE}
    row |= {"better": "higher", "value": 1.0, "baseline": 0.5, "compared_with": "target"}
    evaluation = {"rows": [row], "discriminator": {HOSTILE: 0.5}, "skipped": [HOSTILE]}
    (run / "evaluation.json").write_text(json.dumps(evaluation))
    (run / "recipe.yaml").write_text(HOSTILE)
    cost = json.loads((run / "cost.json").read_text())
    cost["parameters"]["heads"] = {HOSTILE: 5}
    (run / "cost.json").write_text(json.dumps(cost))
    name = HOSTILE.replace("/", "")
    for kind in ("source", "photo", name):
        picture(run / "render" / name / f"{kind}.png", "red")
    picture(run / "samples" / f"step-{name}.png", "red")
    page, text = read_page(run, title=HOSTILE)
    assert page.scripts == scripts
    assert "<script>alert" not in text
    assert page.text.count(HOSTILE) > 10
    assert all(address.startswith("data:") for address in page.addresses)


def test_long_runs_are_thinned(tmp_path: Path) -> None:
    write_lines(tmp_path, [step(number, **{"norm/g": 1.0, "clip/g": 5.0}) for number in range(1, 20_001)])
    page, text = read_page(tmp_path)
    assert max(page.points) <= MAXIMUM_POINTS
    assert len(text) < 150_000


def test_only_some_pictures_are_embedded(run: Path) -> None:
    for index in range(6):
        for name in ("source", "denoise"):
            picture(run / "render" / f"dog-{index}" / f"{name}.png", "red")
    page, text = read_page(run)
    assert text.count('type="range"') == 2 + 3
    assert "3 more pictures are in the folder render" in page.text


def test_a_noisy_picture_can_be_embedded(run: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (400, 400, 3), dtype=np.uint8)
    Image.fromarray(noise).save(run / "render" / "cat" / "source.png")
    read_page(run)


def test_writing_again_replaces_the_report(run: Path) -> None:
    first = write_report(run, title="A run")
    content = first.read_bytes()
    assert first == run / "report.html"
    assert write_report(run, title="A run").read_bytes() == content
    assert not list(run.glob(".report-*"))


def test_nothing_to_report_on(tmp_path: Path) -> None:
    with pytest.raises(PrismganError, match="no such file"):
        write_report(tmp_path, title="A run")
    (tmp_path / "metrics.jsonl").write_text("")
    with pytest.raises(PrismganError, match="holds no training step"):
        write_report(tmp_path, title="A run")
    write_lines(tmp_path, [{"event": "started", "message": "here we go"}])
    with pytest.raises(PrismganError, match="holds no training step"):
        write_report(tmp_path, title="A run")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("evaluation.json", "{", "is not JSON"),
        ("evaluation.json", '{"rows": [{"task": "a"}]}', r"rows\.0\.metric"),
        ("cost.json", "[]", r"cost\.json"),
    ],
)
def test_broken_results_are_named(run: Path, name: str, content: str, message: str) -> None:
    (run / name).write_text(content)
    with pytest.raises(PrismganError, match=message):
        write_report(run, title="A run")


def test_lines_that_cannot_be_read_are_counted(tmp_path: Path) -> None:
    write_lines(tmp_path, [step(1), step(2)])
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 3, "ti')
    assert read_history(tmp_path / "metrics.jsonl").unreadable == (3,)
    assert "could not be read and were skipped: 3." in read_page(tmp_path)[0].text


def test_values_that_are_not_finite_leave_a_note(tmp_path: Path) -> None:
    write_lines(tmp_path, [step(1), step(2, **{"loss/denoise": float("nan")}), step(3)])
    assert "Not finite, and left out: 1" in read_page(tmp_path)[0].text
