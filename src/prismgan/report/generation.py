"""The report's section on pictures that were drawn from noise: against real ones, and the tasks against each other."""

from __future__ import annotations

from prismgan.evaluation.measurement import Evaluation
from prismgan.report.markup import Html, element
from prismgan.report.numbers import share
from prismgan.report.tables import discriminator_figures, metric_table

__all__ = ["generation_section"]

CAPTION = (
    "Against real test pictures: the distance of the sets (KID, whose baseline is that of real training pictures), and "
    "what a classifier of the collections sees in them: how many of the collections are covered, how evenly, and how "
    "many pictures it recognises; the baseline is what it sees in real test pictures. Against the other tasks: the "
    "error to what the task's function makes of the photo's image of the same latent, and whether the classifier sees "
    "the same in both; the baseline is chance, the image of another latent."
)


def generation_section(evaluation: Evaluation) -> Html:
    """The figures of a training without a source."""
    about = f"{evaluation.pictures} latents after step {evaluation.step:,}" if evaluation.step is not None else ""
    return element(
        "section",
        element("h2", "Evaluation"),
        element("p", about, class_="caption") if about else "",
        element("p", CAPTION, class_="caption"),
        metric_table(list(evaluation.rows)),
        _shares(evaluation),
        discriminator_figures(evaluation),
        id="evaluation",
    )


def _shares(evaluation: Evaluation) -> Html:
    """What each task's pictures show."""
    if not evaluation.shares:
        return Html("")
    collections = list(next(iter(evaluation.shares.values())))
    head = element("tr", element("th", "Shows"), *(element("th", task, class_="number") for task in evaluation.shares))
    rows = [
        element(
            "tr",
            element("td", collection),
            *(element("td", share(shares[collection]), class_="number") for shares in evaluation.shares.values()),
        )
        for collection in collections
    ]
    table = element("table", element("thead", head), element("tbody", *rows))
    return element("div", element("h3", "What the pictures show"), table, class_="wide narrow")
