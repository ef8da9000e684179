"""``prismgan add-task``: checks everything that can be wrong, trains the new head, writes the new weights."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from jaxtyping import Float
from PIL import Image
from pydantic import ValidationError
from torch import Tensor

from prismgan import data, images
from prismgan.data import builtin
from prismgan.errors import PrismganError, RecipeError
from prismgan.render.sheet import sheet
from prismgan.tasks import PictureName, Style
from prismgan.training.display import Display
from prismgan.training.head_training import HeadTraining
from prismgan.weights import check_no_task_lost, free_name, load_weights

__all__ = ["PREVIEWS", "add_task", "preview_path"]

PREVIEWS: tuple[PictureName, ...] = builtin.expand("builtin:held-out")
"""What previews show by default."""
PREVIEW_SIDE = 320
"""Longest side of a preview's pictures in pixels."""


def preview_path(out: Path) -> Path:
    """Where the preview of a new weights file lies."""
    return out.with_suffix(".preview.png")


def add_task(
    weights: Path | None,
    out: Path,
    *,
    name: str,
    exemplars: Sequence[PictureName],
    display: Display,
    style: dict[str, float | int | bool] | None = None,
    photos: Path | None = None,
    previews: Sequence[PictureName] = (),
    minutes: float = 5.0,
    steps: int | None = None,
) -> bool:
    """Train a style head on trained weights and write both to a new file.

    Nothing is written before all that can be checked has been; from then on the preview is written anew every few
    seconds, and the weights at the end.

    Args:
        weights: the file to add to; None for the ready-made one.
        out: the file to write; may be the same.
        name: of the new task.
        exemplars: pictures that show the style.
        display: told of every step.
        style: more fields of the recipe's kind ``style``, such as ``exemplar_size``.
        photos: folder of photos to train on; None for the built-in ones.
        previews: pictures that the preview shows; two built-in ones by default.
        minutes: how long to train.
        steps: how many steps to train instead.

    Returns:
        False if a signal ended the training early; the weights are written either way.

    Raises:
        PrismganError: what is wrong, in one line.
    """
    loaded = load_weights(weights)
    free_name(loaded, name)
    if out.is_dir():
        raise PrismganError(f"{out}: is a folder, expected a file name for the new weights")
    if not out.parent.is_dir():
        raise PrismganError(f"{out}: there is no folder {out.parent}; make it, or choose another place")
    check_no_task_lost(out, loaded, [*(entry.name for entry in loaded.header.tasks), name])
    here = Path.cwd()
    try:
        entry = Style.model_validate(
            # No discriminator plays: see HeadTraining.
            {"name": name, "exemplars": tuple(exemplars), "adversarial_weight": 0, **(style or {})}
        ).located(partial(data.pictures.resolve, base=here))
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        raise RecipeError(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}, found {fault['input']!r}") from None
    shown = [_preview(data.pictures.resolve(picture, here)) for picture in previews or PREVIEWS]
    training = HeadTraining(loaded, entry, None if photos is None else here / photos.expanduser())

    def show() -> None:
        pictures: dict[str, Image.Image] = {}
        for number, source in enumerate(shown, start=1):
            pictures[f"photo {number}"] = images.to_pil(source)
            pictures[f"{name} {number}"] = images.to_pil(training.render(source))
        images.write(preview_path(out), sheet(pictures, columns=2))

    finished = training.train(display, minutes=minutes, steps=steps, show=show)
    training.result().save(out)
    if not finished:
        display.event(f"stopped at step {training.step}; what was learnt so far is in {out}")
    return finished


def _preview(picture: PictureName) -> Float[Tensor, "3 h w"]:
    pixels = data.pictures.load(picture)
    images.refuse_small(picture, *pixels.shape[-2:])
    return images.at_most(pixels, PREVIEW_SIDE, images.MINIMUM_SIDE)
