"""What is asked of a picture or a clip, checked against the weights and the limits before it becomes a job."""

from __future__ import annotations

from collections.abc import Iterable

from prismgan.errors import PrismganError
from prismgan.render import Renderer, Request
from prismgan.web.bodies import RenderBody
from prismgan.web.limits import Limits
from prismgan.web.refusals import Refusal, words_of
from prismgan.web.uploads import Bounds
from prismgan.weights import HeadEntry

__all__ = ["checked", "fitting"]


def fitting(tasks: Iterable[HeadEntry], size: tuple[int, int], bounds: Bounds) -> list[str]:
    """Names of the tasks whose output is not too large of a source of this height and width."""
    return [task.name for task in tasks if task.scale**2 * size[0] * size[1] <= bounds.output_pixels]


def checked(
    asked: RenderBody, size: tuple[int, int], bounds: Bounds, renderer: Renderer, limits: Limits
) -> tuple[Request, dict[str, tuple[int, int]]]:
    """The request, and height and width of what comes out, by name, of a source of this height and width.

    Raises:
        Refusal: it does not fit the weights (422), or is too much (413, 422).
    """
    if len(asked.blends) > limits.blends:
        raise Refusal(422, f"blends: {len(asked.blends)} are asked for, and {limits.blends} are made at once")
    tasks = fitting(renderer.header.tasks, size, bounds) if asked.tasks is None else asked.tasks
    try:
        request = Request(tuple(tasks), asked.strength, asked.blends, (asked.seed,), brush=asked.brush)
        scales = renderer.plan(request).scales
    except PrismganError as error:
        raise Refusal(422, words_of(error)) from None
    sizes = {name: (size[0] * scale, size[1] * scale) for name, scale in scales.items()}
    for name, (height, width) in sizes.items():
        if height * width > bounds.output_pixels:
            raise Refusal(
                413,
                f"{name}: would have {width}x{height} pixels, more than the server makes; "
                f"use a smaller {bounds.what}, or {bounds.command}",
            )
    return request, sizes
