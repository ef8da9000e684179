"""The report of a training. To add a section, include a template from ``templates/training`` in ``training.html``."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from pathlib import Path

import numpy as np

from prismgan.evaluation.measurement import Cost, Evaluation
from prismgan.report.charts import Chart, HeatMap, Line, chart, mean_cosines
from prismgan.report.history import Event, History, Series, read_history
from prismgan.report.page import Chapter, write_page
from prismgan.report.wording import compact, duration, share, signed

MAXIMUM_PICTURES = 4  # maximum number of source pictures that are compared; the first ones by name
MAXIMUM_SAMPLES = 6  # maximum number of sample sheets, evenly spread over the run
MAXIMUM_EVENTS = 200  # maximum number of events that are listed; the first ones


@dataclass(frozen=True)
class TrainingReport:
    run: Path
    title: str
    chapters: Sequence[Chapter]
    history: History
    evaluation: Evaluation | None
    cost: Cost | None

    @property
    def recipe(self) -> str | None:
        path = self.run / "recipe.yaml"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else None

    @cached_property
    def known_tasks(self) -> tuple[str, ...]:
        """All tasks that the run's files name, in the order of the first such file."""
        names = list(self.history.below("loss"))
        names += self.cost.parameters.heads if self.cost else ()
        names += [row.task for row in self.evaluation.rows] if self.evaluation else ()
        return tuple(dict.fromkeys(names))

    @property
    def headline(self) -> str:
        """Tasks, steps and time, in one line."""
        tasks, steps, parts = self.known_tasks or self.tasks, int(self.history.records[-1]["step"]), []
        if tasks:
            parts.append(f"{len(tasks)} task{'s' if len(tasks) > 1 else ''} ({', '.join(tasks)})")
        parts.append(f"{steps:,} step{'s' if steps != 1 else ''}")
        if self.history.seconds:
            parts.append(duration(self.history.seconds))
        return ", ".join(parts)

    @property
    def figures(self) -> list[tuple[str, str]]:
        figures: list[tuple[str, str]] = []
        if self.evaluation:
            figures += _least_gains(self.evaluation)
            covered = [row for row in self.evaluation.rows if row.metric == "modes" and row.value is not None]
            if covered:
                least = min(covered, key=lambda row: row.value or 0)
                figures.append((f"{least.value:.0f} {least.unit}", f"collections covered, by {least.task}"))
        if self.cost:
            ratio = f"{self.cost.ratio:.2f}\N{MULTIPLICATION SIGN}"
            figures.append((ratio, f"time of all {self.cost.tasks} outputs relative to one"))
        judged = [row for row in self.evaluation.rows if row.verdict] if self.evaluation else []
        if judged and self.evaluation and self.evaluation.source == "photo":
            better = sum(row.verdict == "better" for row in judged)
            figures.append((f"{better} of {len(judged)}", "measurements better than doing nothing"))
        speed = self.history.series("images_per_second").values
        if len(speed):
            figures.append((compact(float(np.median(speed))), "pictures a second in training"))
        skipped = [record["skipped"] > 0 for record in self.history.records if "skipped" in record]
        if skipped:
            figures.append((share(float(np.mean(skipped))), "of the logged steps skipped"))
        return figures[:4]

    @cached_property
    def folders(self) -> list[Path]:
        return sorted(path.parent for path in (self.run / "render").glob("*/source.png"))

    @cached_property
    def tasks(self) -> tuple[str, ...]:
        """The tasks of the rendered pictures: known tasks in their order, followed by others by name."""
        names = {path.stem for folder in self.folders for path in folder.glob("*.png")} - {"source", "photo", "sheet"}
        known = [name for name in self.known_tasks if name in names]
        return (*known, *sorted(names - set(known)))

    @property
    def pictures(self) -> list[Path]:
        """Folders with a ``source.png``, one for each rendered picture."""
        return self.folders[:MAXIMUM_PICTURES]

    @property
    def has_photos(self) -> bool:
        """Whether a picture has its clean photo beside its source."""
        return any((folder / "photo.png").exists() for folder in self.pictures)

    @cached_property
    def sample_sheets(self) -> list[Path]:
        return sorted((self.run / "samples").glob("step-*.png"))

    @property
    def samples(self) -> list[Path]:
        sheets = self.sample_sheets
        count = min(MAXIMUM_SAMPLES, len(sheets))
        return [sheets[round(index * (len(sheets) - 1) / max(1, count - 1))] for index in range(count)]

    @property
    def curves(self) -> dict[str, list[Chart] | HeatMap | None]:
        return curves_of(self.history)

    @property
    def events(self) -> tuple[Event, ...]:
        return self.history.events[:MAXIMUM_EVENTS]


def write_report(run: Path, *, title: str, chapters: Sequence[Chapter] = (), out: Path | None = None) -> Path:
    """Write the report of a run: one file with pictures, curves and numbers, ``report.html`` in its folder by default;
    ``chapters`` come first. Only ``metrics.jsonl`` is required. Each further file of the run adds a section:
    ``evaluation.json``, ``cost.json``, ``render/``, ``exemplars/``, ``samples/``, ``recipe.yaml``."""
    history = read_history(run / "metrics.jsonl")
    evaluation, cost = Evaluation.read(run / "evaluation.json"), Cost.read(run / "cost.json")
    report = TrainingReport(run, title, chapters, history, evaluation, cost)
    return write_page(run / "report.html" if out is None else out, "training.html", report)


def _least_gains(evaluation: Evaluation) -> list[tuple[str, str]]:
    """PSNR gain over doing nothing, for each task with a ground truth, under the condition with the smallest gain."""
    gains: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for row in evaluation.rows:
        if row.metric == "psnr" and row.compared_with == "target" and row.comparable and row.gain is not None:
            gains[row.task].append((row.gain, row.condition))
    least = [(task, *min(own, key=itemgetter(0))) for task, own in gains.items()][:2]
    return [(f"{signed(gain, 'dB')} dB", f"PSNR of {name} over doing nothing ({where})") for name, gain, where in least]


def curves_of(history: History) -> dict[str, list[Chart] | HeatMap | None]:
    """The charts of losses, gradient norms, discriminator, speed, and every other value over the steps, by group."""
    markers = [e.step for e in history.events if e.step is not None and e.kind != "skipped_picture"][:40]
    shown = {"step", "time", "skipped"}  # values without a curve of their own, and later those that have one

    def line(key: str, name: str, limit: bool = False) -> Line:
        shown.add(key)
        return Line(name, history.series(key), limit)

    def drawn(*charts: Chart | None) -> list[Chart]:
        return [each for each in charts if each is not None]

    def norm(network: str) -> Chart | None:
        measured, limit = line(f"norm/{network}", "norm"), line(f"clip/{network}", "limit", limit=True)
        return chart(network, [measured, limit], markers=markers, note=_clipped(measured.series, limit.series))

    def terms(task: str) -> Chart | None:
        lines = [line(f"loss/{task}/{name}", name) for name in history.below(f"loss/{task}")]
        return chart(task, lines, markers=markers)

    tasks = history.below("loss")
    accuracies = [line(f"discriminator/accuracy_{name}", name) for name in ("real", "fake", "task")]
    rate = line("rate", "rate")
    top = max(rate.series.values, default=0.0) or 1.0
    cosines = [key for key in history.keys if key.startswith("cosine/")]
    shown.update(cosines)
    named: dict[str, list[Chart] | HeatMap | None] = {
        "losses": drawn(*(chart(task, [line(f"loss/{task}", "total")], markers=markers) for task in tasks)),
        "terms": drawn(*map(terms, tasks)),
        "norms": drawn(*map(norm, dict.fromkeys((*history.below("norm"), *history.below("clip"))))),
        "discriminator": drawn(
            chart("accuracy", accuracies, bounds=(0.0, 1.0), markers=markers),
            chart("loss of the discriminator", [line("discriminator/loss", "loss")], markers=markers),
        ),
        "speed": drawn(
            chart("learning rate", [rate], bounds=(0.0, top * 1.05), smoothed=False),
            chart("pictures a second", [line("images_per_second", "pictures")]),
        ),
    }
    named["agreement"] = HeatMap("the tasks' gradients", tasks, mean_cosines([history], tasks)) if cosines else None
    named["others"] = drawn(*(chart(key, [line(key, "value")]) for key in history.keys if key not in shown))
    return named


def _clipped(norm: Series, limit: Series) -> str:
    """The share of the logged steps that were clipped."""
    if not len(norm.steps) or not len(limit.steps):
        return ""
    bound = np.interp(norm.steps, limit.steps, limit.values)
    return f"{share(float((norm.values > bound).mean()))} of the logged steps were clipped."
