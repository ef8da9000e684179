"""The command ``sample``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["sample"]


def sample(
    weights: Annotated[Path, typer.Argument(help="The weights of a recipe with `source: noise`.", show_default=False)],
    out: Annotated[
        Path,
        typer.Option(
            help="Write one sheet to this picture file, or all pictures into this folder.", show_default=False
        ),
    ],
    count: Annotated[int, typer.Option(min=1, max=10_000, help="Draw so many latents.")] = 12,
    seed: Annotated[
        int, typer.Option(min=0, help="Draw the first latent with this seed, and the next with the numbers after it.")
    ] = 0,
    to: Annotated[
        int | None,
        typer.Option(min=0, help="Walk from the seed's latent to this seed's, in --count steps.", show_default=False),
    ] = None,
) -> None:
    """Draw pictures from noise. Each latent gives aligned images of all tasks."""
    from prismgan.render.sampler import Sampler, write_samples

    for path in write_samples(Sampler.load(weights)(count, seed, to), out):
        typer.echo(path)
