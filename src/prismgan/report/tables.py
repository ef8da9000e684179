"""The report's tables: what each task achieved, how the discriminator did, and what it all cost."""

from __future__ import annotations

from prismgan.evaluation.measurement import Cost, Evaluation, Measurement, Parameters
from prismgan.report.markup import Html, element, join
from prismgan.report.numbers import compact, share, signed, value
from prismgan.report.sortable import ARROWS, judged_cell, number_cell, sortable

__all__ = ["METRIC_NAMES", "cost_section", "discriminator_figures", "evaluation_section", "metric_table"]

METRIC_NAMES = {
    "psnr": "PSNR",
    "psnr_y": "PSNR, luma",
    "ssim": "SSIM",
    "euclidean": "Euclidean distance",
    "nmi": "Mutual information",
    "lpips": "LPIPS",
    "kid": "KID, by SqueezeNet",
    "kid_classifier": "KID, by the run's classifier",
    "absolute": "Absolute error",
    "modes": "Collections covered",
    "balance": "Balance of the collections",
    "recognised": "Recognised",
    "same_class": "Shows the same",
    "style_distance": "Style distance",
    "guidance_distance": "Guidance distance",
}
"""How metrics are written; others appear under their own name."""

_BASELINES = {
    "target": "its target",
    "photo": "the photo",
    "exemplar": "the exemplar",
    "guidance": "its guidance",
    "domain": "its domain",
    "real": "real pictures",
    "derived": "what is made of the photo",
    "task": "the first task",
}


def evaluation_section(evaluation: Evaluation) -> Html:
    """One sortable table a condition, and the discriminator's figures."""
    about = [f"{evaluation.pictures} pictures" if evaluation.pictures is not None else ""]
    about.append(f"after step {evaluation.step:,}" if evaluation.step is not None else "")
    conditions = dict.fromkeys(row.condition for row in evaluation.rows)
    caption = (
        "The baseline is doing nothing: the source itself, enlarged where the task enlarges. "
        f"{ARROWS['better']} is better than that, {ARROWS['worse']} worse. Compared with the photo "
        "there is no verdict, since a look is meant to leave the photo. Click on a heading to sort."
    )
    tables = []
    for number, condition in enumerate(conditions):
        rows = [row for row in evaluation.rows if row.condition == condition]
        summary = element("summary", condition or "all conditions", element("small", _summary(rows)))
        tables.append(element("details", summary, metric_table(rows), open=number == 0))
    return element(
        "section",
        element("h2", "Evaluation"),
        element("p", ", ".join(filter(None, about)), class_="caption") if any(about) else "",
        element("p", caption, class_="caption") if tables else "",
        *tables,
        discriminator_figures(evaluation),
        _skipped(evaluation),
        id="evaluation",
    )


def _summary(rows: list[Measurement]) -> str:
    counts = [sum(row.verdict == verdict for row in rows) for verdict in ("better", "worse")]
    return f"{counts[0]} better, {counts[1]} worse than doing nothing"


def metric_table(rows: list[Measurement]) -> Html:
    """A sortable table of measurements."""
    return sortable(("Task", "Kind", "Metric", "Against", "Baseline", "Result", "Gain"), 4, list(map(_row, rows)))


def _row(row: Measurement) -> Html:
    direction = "\N{UPWARDS ARROW}" if row.better == "higher" else "\N{DOWNWARDS ARROW}"
    metric = METRIC_NAMES.get(row.metric, row.metric)
    unit = f" {row.unit}" if row.unit else ""
    return element(
        "tr",
        element("td", row.task),
        element("td", row.kind.replace("_", " ")),
        element("td", metric, " ", element("small", direction, title=f"{row.better} is better")),
        element("td", _BASELINES[row.compared_with]),
        number_cell(row.baseline, value(row.baseline, row.unit), unit),
        number_cell(row.value, value(row.value, row.unit), unit + _spread(row), strong=True),
        _gain(row, unit),
    )


def _spread(row: Measurement) -> str:
    return "" if row.deviation is None else f" \N{PLUS-MINUS SIGN} {value(row.deviation, row.unit)}"


def _gain(row: Measurement, unit: str) -> Html:
    """The difference to the baseline; sorted by how good it is, not by its sign."""
    if row.gain is None:
        return number_cell(None, value(None))
    good = row.gain if row.better == "higher" else -row.gain
    return judged_cell(good, signed(row.gain, row.unit, like=row.value), unit, row.verdict)


def discriminator_figures(evaluation: Evaluation) -> Html:
    """How often the discriminator was right."""
    figures = []
    for key, number in evaluation.discriminator.items():
        accuracy = key.startswith("accuracy_")
        name = f"right on {key.removeprefix('accuracy_')}" if accuracy else key.replace("_", " ")
        text = value(None) if number is None else share(number) if accuracy else value(number)
        figures.append(element("div", element("dt", name), element("dd", text)))
    if not figures:
        return Html("")
    return join(element("h3", "Discriminator at test time"), element("dl", *figures, class_="figures"))


def _skipped(evaluation: Evaluation) -> Html:
    if not evaluation.skipped:
        return Html("")
    names = ", ".join(evaluation.skipped[:20]) + (" ..." if len(evaluation.skipped) > 20 else "")
    return element("p", f"Left out of the evaluation ({len(evaluation.skipped)}): {names}", class_="caption")


def _size(weights: Parameters) -> str:
    """What all outputs cost in weights against one."""
    if weights.trunk is None or not weights.heads:
        return ""
    everything = weights.trunk + sum(weights.heads.values())
    one = weights.trunk + sum(weights.heads.values()) / len(weights.heads)
    return f"In weights it is {everything / one:.2f} times as much."


def cost_section(cost: Cost) -> Html:
    """Bars of time for one output, for all from one network, and for all from one network each."""
    apart = cost.tasks * cost.one_ms
    longest = max(apart, cost.all_ms, 1e-9)
    bars = [
        _bar("one output", cost.one_ms, longest, ""),
        _bar(f"all {cost.tasks} outputs, one network", cost.all_ms, longest, "ours"),
        _bar(f"{cost.tasks} outputs, one network each", apart, longest, "apart"),
    ]
    weights = cost.parameters
    rows: list[tuple[str, int]] = [] if weights.trunk is None else [("shared trunk", weights.trunk)]
    rows += [(f"head of {task}", number) for task, number in weights.heads.items()]
    total = sum(number for _, number in rows)
    table = [
        element(
            "tr",
            element("td", name),
            element("td", compact(number), class_="number", title=f"{number:,}"),
            element("td", share(number / total) if total else "", class_="number"),
        )
        for name, number in rows
    ]
    if weights.discriminator is not None:
        figures = compact(weights.discriminator)
        label = "discriminator (in training only)"
        table.append(element("tr", element("td", label), element("td", figures, class_="number"), element("td")))
    head = element(
        "tr",
        element("th", "Weights"),
        element("th", "Number", class_="number"),
        element("th", "Share", class_="number"),
    )
    weights_table = element("table", element("thead", head), element("tbody", *table)) if table else ""
    return element(
        "section",
        element("h2", "Cost"),
        element(
            "p",
            f"Time of one pass at {cost.width} x {cost.height} pixels: {cost.tasks} outputs cost "
            f"{cost.ratio:.2f} times as much as one. "
            f"The last bar is a calculation, {cost.tasks} times the first. {_size(weights)}",
            class_="caption",
        ),
        element("div", *bars, class_="bars"),
        element("div", weights_table, class_="wide narrow") if table else "",
        id="cost",
    )


def _bar(name: str, milliseconds: float, longest: float, kind: str) -> Html:
    width = max(0.5, 100 * milliseconds / longest)
    return element(
        "div",
        element("span", name),
        element("div", element("i", style=f"width:{width:.1f}%", class_=kind or None), class_="track"),
        element("b", f"{milliseconds:.1f} ms"),
        class_="bar",
    )
