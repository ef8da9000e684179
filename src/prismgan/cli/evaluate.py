"""The commands that measure: ``evaluate`` and ``compare``."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from prismgan.cli import options
from prismgan.cli.options import fail, is_clustered, names, print_json
from prismgan.packages import require_training


def evaluate(
    weights: options.WeightsFile = None,
    data: Annotated[Path | None, Option(help="Measure on the photos in this folder.")] = None,
    squeezenet: Annotated[Path | None, Option(help="File of torchvision's SqueezeNet 1.1, to report KID too.")] = None,
    lpips: Annotated[
        Path | None, Option(help="File of LPIPS's linear heads, squeeze.pth, to report LPIPS too.")
    ] = None,
    benchmarks: Annotated[Path | None, Option(help="Measure on the standard test sets in this folder.")] = None,
    suites: Annotated[
        str | None,
        Option(
            help="Run only these suites of --benchmarks: restoration, text, patterns, blur, jpeg, correlated, styles, "
            "steadiness, grids."
        ),
    ] = None,
    photos: Annotated[
        int | None, Option(min=1, help="Maximum number of --benchmarks photos for measuring styles; 12 by default.")
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Measure every task of a weights file on photos.

    The measurements use your own photos or standard test sets."""
    if (data is None) == (benchmarks is None):
        fail("evaluate: give either --data, a folder of photos, or --benchmarks, a folder of standard test sets")
    if benchmarks is None and (suites is not None or photos is not None):
        fail("--suites and --photos are for --benchmarks; leave them out")
    if benchmarks is not None and (squeezenet is not None or lpips is not None):
        fail("--squeezenet and --lpips are for --data; --benchmarks looks for them in its folder's perceptual/")
    if lpips is not None and squeezenet is None:
        fail("evaluate: --lpips needs the network that its heads belong to; give --squeezenet as well")
    if benchmarks is not None:
        from prismgan.evaluation.benchmarks.run import run_benchmarks, table

        chosen = None if suites is None else names(suites)
        figures = run_benchmarks(
            weights, benchmarks, chosen, photos=photos or 12, announce=partial(typer.echo, err=True)
        )
        content, lines, left_out = figures, table(figures), figures["left_out"]
    else:
        assert data is not None
        from prismgan.evaluation.photos import evaluate_weights

        evaluation = evaluate_weights(weights, data, squeezenet=squeezenet, lpips=lpips)
        content, lines, left_out = evaluation.as_json(), evaluation.lines(), evaluation.skipped
    if as_json:
        print_json(content)
        return
    for line in lines:
        typer.echo(line)
    for line in left_out:
        typer.echo(f"skipped: {line}", err=True)


def compare(
    recipe: options.RecipeFile,
    models: Annotated[
        str | None, Option(help="Compare these models, separated by commas; by default all, or prism with --vary.")
    ] = None,
    vary: Annotated[list[str] | None, Option(metavar="PATH=VALUE,VALUE", help="Compare values. Repeatable.")] = None,
    seeds: Annotated[int, Option(min=1, max=100, help="Number of seeds for each, starting with the recipe's.")] = 3,
    out: Annotated[Path, Option(help="Write runs, figures and report into this folder.")] = Path("runs/compare"),
    steps: Annotated[int | None, Option(min=1, help="Number of steps for each, instead of the recipe's.")] = None,
    settings: options.Settings = None,
    resume: Annotated[bool, Option("--resume", help="Continue the trainings that are not finished.")] = False,
    engine: options.Engine = "local",
    address: options.Address = None,
    workers: options.Workers = None,
) -> None:
    """Train several models at the same budget and compare them.

    The report states which differences are significant. All models are compared with the first one.
    `experts` trains a separate network for each task."""
    require_training()
    clustered = is_clustered(engine, address, workers)
    from prismgan.cluster import connected
    from prismgan.comparison.run import compare
    from prismgan.comparison.variants import JOINT, MODELS, Axis, find_variants

    overrides = [*(settings or []), *([] if steps is None else [f"training.steps={steps}"])]
    everybody = [JOINT] if vary else list(MODELS)
    axes = [Axis.parse(text) for text in vary or []]
    variants = find_variants(recipe, overrides, everybody if models is None else names(models), axes)
    cluster = connected(address) if clustered else None
    report = compare(variants, seeds, out, resume=resume, cluster=cluster, workers=workers)
    if report is None:
        typer.echo("continue with the same command and --resume")
    else:
        typer.echo(f"figures  {out / 'compare.json'}")
        typer.echo(f"report   {report}")
