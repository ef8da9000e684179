"""The report of a comparison. To add a section, include a template in ``report/templates/comparison.html``."""

import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from prismgan.comparison.findings import EXPECTED, PICTURES, SOURCE, Findings
from prismgan.comparison.quality import Interference, Interval, Result, interval
from prismgan.comparison.variants import EXPERTS
from prismgan.evaluation.measurement import Measurement, mean
from prismgan.recipes.text import to_yaml
from prismgan.report.charts import Chart, HeatMap, Line, chart
from prismgan.report.wording import signed, with_half

MAXIMUM_FIGURES = 4
DISCRIMINATION = "adversarial"  # a term that depends on the discriminator and cannot be compared between models


@dataclass(frozen=True)
class ComparisonReport:
    folder: Path
    findings: Findings

    @property
    def title(self) -> str:
        return f"Comparison on {self.findings.recipe.name}"

    @property
    def recipe(self) -> str:
        return to_yaml(self.findings.recipe)

    @property
    def seconds(self) -> float:
        return sum(course.seconds.mean * course.seconds.count for course in self.findings.courses.values())

    @property
    def figures(self) -> list[tuple[str, str]]:
        findings = self.findings
        shared: dict[str, list[Interference]] = defaultdict(list)
        for each in findings.quality.interference:
            if each.metric == "psnr":
                shared[each.task].append(each)
        figures = []
        for task, own in list(shared.items())[:2]:
            each = min(own, key=lambda one: one.difference.mean)
            spread = with_half(each.difference.mean, each.difference.half, "dB", sign=True)
            text = f"{task} jointly minus its expert ({each.condition}: {spread})"
            figures.append((f"{signed(each.difference.mean, 'dB')} dB", text))
        experts = next((c.name for c in findings.variants if c.model == EXPERTS), None)
        if experts is not None and experts != findings.reference:
            ratio = findings.courses[experts].seconds.mean / findings.courses[findings.reference].seconds.mean
            text = f"time to train all experts relative to {findings.reference}"
            figures.append((f"{ratio:.1f}\N{MULTIPLICATION SIGN}", text))
        if tested := [result for result in findings.quality.results if result.p_adjusted is not None]:
            beyond = sum(bool(result.verdict) for result in tested)
            figures.append((f"{beyond} of {len(tested)}", f"significant differences to {findings.reference}"))
        return figures[:MAXIMUM_FIGURES]

    @cached_property
    def judged_tasks(self) -> dict[str, Measurement]:
        """For each task, a measurement of its leading metric."""
        leading = {task: self.findings.quality.leading(task) for task in self.findings.tasks}
        results = (result.about for result in self.findings.quality.results)
        return {about.task: about for about in results if about.metric == leading[about.task]}

    def _leading(self, variant: str, task: str) -> list[Result]:
        """The results for every condition under which doing nothing can be improved on."""
        key = (variant, task, self.judged_tasks[task].metric)
        own = [r for r in self.findings.quality.results if (r.variant, r.about.task, r.about.metric) == key]
        return [result for result in own if result.nothing] or own

    def overview(self, variant: str) -> list[tuple[Interval | None, str]]:
        """For every task, the mean of its leading metric over conditions and seeds, and its unit."""
        row: list[tuple[Interval | None, str]] = []
        for task in self.judged_tasks:
            own = self._leading(variant, task)
            seeds = [seed for seed in (own[0].values if own else ()) if all(seed in r.values for r in own)]
            means = [statistics.fmean(result.values[seed] for result in own) for seed in seeds]
            row.append((interval(means), own[0].about.unit) if means else (None, ""))
        return row

    @property
    def nothing(self) -> list[tuple[float | None, str]]:
        row: list[tuple[float | None, str]] = []
        for task in self.judged_tasks:
            own = self._leading(self.findings.reference, task)
            row.append((mean(result.baseline for result in own), own[0].about.unit if own else ""))
        return row

    def results(self, task: str) -> list[Result]:
        return [result for result in self.findings.quality.results if result.about.task == task]

    @cached_property
    def interference(self) -> tuple[list[Interference], list[Interference]]:
        """Interference by the tasks' leading metrics, and by the others."""
        entries = self.findings.quality.interference
        leading = [each for each in entries if each.metric == self.findings.quality.leading(each.task)]
        return leading, [each for each in entries if each not in leading]

    @staticmethod
    def extent(metric: str, entries: Sequence[Interference]) -> float:
        """The largest end of a metric's intervals, which sets the scale of their drawings."""
        same = [each.difference for each in entries if each.metric == metric]
        return max(abs(d.mean) + (d.half or 0.0) for d in same) or 1.0

    def pictures(self, task: str) -> list[list[tuple[str, Path]]]:
        """For every test picture its source, its target or exemplar, and every variant's output, with captions."""
        findings = self.findings
        paired = {each.name for each in findings.recipe.all_tasks() if each.has_pairs}
        captions = {SOURCE: "source", EXPECTED: "target" if task in paired else "exemplar"}
        captions |= {variant.folder: variant.name for variant in findings.variants}
        places = sorted((self.folder / PICTURES).glob(f"picture-*/{task}"))
        shown = [[(name, place / f"{file}.png") for file, name in captions.items()] for place in places]
        return [[(name, path) for name, path in row if path.exists()] for row in shown]

    @property
    def heat_maps(self) -> list[HeatMap]:
        return [HeatMap(name, own.tasks, own.cosines) for name, own in self.findings.courses.items() if own.tasks]

    @property
    def curves(self) -> list[Chart]:
        courses = self.findings.courses
        charts = []
        for term in dict.fromkeys(term for course in courses.values() for term in course.curves):
            task, _, name = term.partition("/")
            if task in self.findings.tasks and name != DISCRIMINATION:
                lines = [Line(own, course.curves[term]) for own, course in courses.items() if term in course.curves]
                charts.append(chart(f"{task}: {name}", lines))
        return [each for each in charts if each is not None]
