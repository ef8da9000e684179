"""Learning a style as a job of the queue: steps that make way for renders, previews, the new look at the end."""

from __future__ import annotations

import io
from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from prismgan import data, images
from prismgan.errors import PrismganError
from prismgan.images import on_white
from prismgan.tasks import Style
from prismgan.training.head_training import HeadTraining
from prismgan.web.bodies import StyleBody
from prismgan.web.jobs import Job
from prismgan.web.pictures import SentPicture
from prismgan.web.refusals import words_of
from prismgan.web.studio import Studio

__all__ = ["train_style"]

PREVIEW = "builtin:coffee"
PREVIEW_SIDE = 384
"""Longest side of a preview in pixels."""


class _Told:
    """A display that tells a job how many steps are done."""

    def __init__(self, job: Job) -> None:
        self.job = job

    def start(self, step: int, steps: int) -> None:
        """Nothing is known yet: how many steps fit into the minutes is found out by the first of them."""

    def step(self, step: int, steps: int, log: Mapping[str, float], images_per_second: float) -> None:
        self.job.done, self.job.total = step, max(step, steps)

    def event(self, message: str) -> None:
        """Pictures that could not be read; the built-in ones can."""

    def stop(self) -> None:
        """The job's end says so."""


def train_style(studio: Studio, asked: StyleBody, exemplar: SentPicture, shown: SentPicture | None, job: Job) -> None:
    """Train a head on the session's weights as they are when the job's turn comes, and add it to them.

    Raises:
        PrismganError: the exemplar cannot be learnt from.
        Cancelled: nobody wants it any more.
    """
    source = _preview_source(shown)
    # No discriminator plays: see HeadTraining.
    entry = Style(name=asked.name, exemplars=(str(exemplar.path),), exemplar_size=asked.size, adversarial_weight=0)
    try:
        training = HeadTraining(studio.weights, entry)
    except PrismganError as error:
        raise PrismganError(words_of(error, [exemplar.path, studio.weights.path])) from None

    titles = {task.name: task.title for task in studio.weights.header.tasks}
    if training.started_from is not None:
        job.remarks.append(f"started from {titles[training.started_from]}, the look that is nearest to the picture")

    def make_way() -> None:
        job.advance(job.done, job.total)

    def show() -> None:
        make_way()  # what comes before the first step takes seconds as well
        content = io.BytesIO()
        images.to_pil(training.render(source)).save(content, "JPEG", quality=90)
        job.show(content.getvalue())

    # Without processes for batches: this one has threads, and forking those may stop for ever.
    training.train(_Told(job), minutes=asked.minutes, show=show, between=make_way, workers=0)
    studio.add(training.result(), entry)


def _preview_source(shown: SentPicture | None) -> Float[Tensor, "3 h w"]:
    if shown is None or not shown.path.exists():  # its owner went on to another picture while this one waited
        pixels = data.pictures.load(PREVIEW)
    else:
        pixels = torch.from_numpy(on_white(shown.open()).copy()).permute(2, 0, 1)
    return images.at_most(pixels, PREVIEW_SIDE, images.MINIMUM_SIDE)
