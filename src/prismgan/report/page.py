"""Puts the report of a run together."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np

from prismgan.evaluation.measurement import Cost, Evaluation, Measurement
from prismgan.files import replace_file
from prismgan.report.generation import generation_section
from prismgan.report.history import History, read_history
from prismgan.report.markup import Html, element
from prismgan.report.numbers import compact, duration, share, signed
from prismgan.report.pictures import (
    Chapter,
    chapter_section,
    find_gallery,
    gallery_section,
    samples_section,
    sheet_section,
)
from prismgan.report.tables import cost_section, evaluation_section
from prismgan.report.training_section import curves_section, events_section

__all__ = ["Chapter", "page", "recipe_section", "write_chapters", "write_report"]

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
"""The page may load nothing, whatever a run folder smuggles into it."""


def write_report(run: Path, *, title: str, chapters: Sequence[Chapter] = (), out: Path | None = None) -> Path:
    """Write the report of a run: one file with pictures, curves and numbers, for a browser.

    Of the run's files only ``metrics.jsonl`` has to be there; each of the others adds a section:
    ``evaluation.json``, ``cost.json``, ``render/``, ``exemplars/``, ``samples/``, ``recipe.yaml``.

    Args:
        run: the run's folder.
        title: the report's heading.
        chapters: what is to be told before the run.
        out: the file to write; ``report.html`` in the run's folder by default.

    Returns:
        The path of the report.

    Raises:
        PrismganError: there is no training step to report on, a file cannot be read, or the report cannot
            be written.
    """
    history = read_history(run / "metrics.jsonl")
    evaluation = Evaluation.read(run / "evaluation.json")
    cost = Cost.read(run / "cost.json")
    tasks = _tasks(history, evaluation, cost)
    gallery = find_gallery(run, tasks)
    content = page(
        title,
        element("header", element("h1", title), element("p", _headline(tasks or gallery.tasks, history))),
        *(chapter_section(chapter) for chapter in chapters),
        _figures(history, evaluation, cost),
        sheet_section(run, title),
        gallery_section(run, gallery),
        _evaluation(evaluation) if evaluation else "",
        cost_section(cost) if cost else "",
        samples_section(run),
        curves_section(history),
        events_section(history),
        _recipe_of(run),
    )
    path = run / "report.html" if out is None else out
    replace_file(path, content.encode("utf-8", errors="replace"))
    return path


def write_chapters(out: Path, *, title: str, text: str, chapters: Sequence[Chapter]) -> None:
    """Write a report of chapters alone, without a run: one file with pictures, for a browser.

    Raises:
        PrismganError: a picture cannot be read, or the report cannot be written.
    """
    header = element("header", element("h1", title), element("p", text))
    replace_file(out, page(title, header, *map(chapter_section, chapters)).encode("utf-8", errors="replace"))


def page(title: str, *sections: str) -> str:
    """A whole page that needs nothing beside it, of finished sections."""
    here = files(__package__)
    style, script = ((here / name).read_text(encoding="utf-8") for name in ("report.css", "report.js"))
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        element("style", Html(style)),
    )
    body = element("body", element("main", *sections), element("script", Html(script)))
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def _evaluation(evaluation: Evaluation) -> Html:
    return generation_section(evaluation) if evaluation.source == "noise" else evaluation_section(evaluation)


def _tasks(history: History, evaluation: Evaluation | None, cost: Cost | None) -> tuple[str, ...]:
    """All tasks that the run's files name, in the order of the first file that knows them."""
    names = list(history.below("loss"))
    names += cost.parameters.heads if cost else ()
    names += [row.task for row in evaluation.rows] if evaluation else ()
    return tuple(dict.fromkeys(names))


def _headline(tasks: Sequence[str], history: History) -> str:
    """What was trained, in one line."""
    parts = []
    if tasks:
        parts.append(f"{len(tasks)} task{'s' if len(tasks) > 1 else ''} ({', '.join(tasks)})")
    parts.append(f"{history.last_step:,} step{'s' if history.last_step != 1 else ''}")
    if history.seconds:
        parts.append(duration(history.seconds))
    return ", ".join(parts)


def _figures(history: History, evaluation: Evaluation | None, cost: Cost | None) -> Html:
    """The first key figures that the run's files yield."""
    candidates = [
        *(_quality(evaluation) if evaluation else ()),
        *(_coverage(evaluation) if evaluation else ()),
        *(_price(cost) if cost else ()),
        *_verdicts(evaluation),
        *_speed(history),
        *_clipping(history),
    ]
    figures = [element("div", element("dd", number), element("dt", text)) for number, text in candidates[:4]]
    return element("dl", *figures, class_="figures key") if figures else Html("")


def _quality(evaluation: Evaluation) -> list[tuple[str, str]]:
    """PSNR over doing nothing, for each task with a right answer, under the condition where it gains least."""
    least: dict[str, Measurement] = {}
    for row in evaluation.rows:
        if row.metric == "psnr" and row.compared_with == "target" and row.comparable and row.gain is not None:
            before = least.get(row.task)
            if before is None or before.gain is None or row.gain < before.gain:
                least[row.task] = row
    order = [name for name in dict.fromkeys(row.task for row in evaluation.rows) if name in least]
    return [
        (f"{signed(least[name].gain or 0.0, 'dB')} dB", f"PSNR of {name} over doing nothing ({least[name].condition})")
        for name in order[:2]
    ]


def _coverage(evaluation: Evaluation) -> list[tuple[str, str]]:
    """Collections covered, by the task that covers fewest."""
    rows = [row for row in evaluation.rows if row.metric == "modes" and row.value is not None]
    least = min(rows, key=lambda row: row.value or 0, default=None)
    if least is None:
        return []
    return [(f"{least.value:.0f} {least.unit}", f"collections covered, by {least.task}")]


def _price(cost: Cost) -> list[tuple[str, str]]:
    return [(f"{cost.ratio:.2f}\N{MULTIPLICATION SIGN}", f"time of all {cost.tasks} outputs against one")]


def _verdicts(evaluation: Evaluation | None) -> list[tuple[str, str]]:
    compared = evaluation is not None and evaluation.source == "photo"
    judged = [row for row in evaluation.rows if row.verdict] if evaluation and compared else []
    if not judged:
        return []
    better = sum(row.verdict == "better" for row in judged)
    return [(f"{better} of {len(judged)}", "measurements better than doing nothing")]


def _speed(history: History) -> list[tuple[str, str]]:
    speed = history.series("images_per_second").values
    return [(compact(float(np.median(speed))), "pictures a second in training")] if len(speed) else []


def _clipping(history: History) -> list[tuple[str, str]]:
    skipped = [record["skipped"] > 0 for record in history.records if "skipped" in record]
    return [(share(float(np.mean(skipped))), "of the logged steps skipped")] if skipped else []


def recipe_section(text: str) -> Html:
    """The resolved recipe, folded."""
    folded = element("details", element("summary", "The resolved recipe"), element("pre", text))
    return element("section", element("h2", "Recipe"), folded, id="recipe")


def _recipe_of(run: Path) -> Html:
    path = run / "recipe.yaml"
    return recipe_section(path.read_text(encoding="utf-8", errors="replace")) if path.exists() else Html("")
