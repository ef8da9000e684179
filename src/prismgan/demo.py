"""The demo: train a small network from scratch, render a photo that it has not seen, and report."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import torch
from PIL import Image
from rich.console import Console

from prismgan import data, images
from prismgan.errors import PrismganError
from prismgan.inference import Renderer, measure_cost, sheet
from prismgan.training.display import Terminal
from prismgan.training.recipe import Recipe, load, parse
from prismgan.training.report import write_report
from prismgan.training.run import Run
from prismgan.training.trainer import Trainer

__all__ = ["demo_recipe", "run_demo"]

FEWEST_STEPS = 800
"""Steps that enlarging needs to be better than bicubic (docs/log.md); a busy machine is given more time for them."""


def demo_recipe() -> Recipe:
    """The recipe that the demo trains."""
    text = resources.files("prismgan").joinpath("demo.yaml").read_text(encoding="utf-8")
    return parse(text, origin="demo.yaml", base=Path.cwd())


def run_demo(folder: Path, minutes: float) -> None:
    """Train for about ``minutes``, render the held-out photos, measure, and write the report.

    A demo that is in the folder already is replaced.
    """
    console = Console(stderr=True)
    recipe = demo_recipe()
    _clear(Run(folder))
    console.print(f"training {len(recipe.tasks)} tasks from scratch for {minutes:g} minutes", highlight=False)
    trainer = Trainer(recipe, folder, display=Terminal(console), minutes=minutes, fewest_steps=FEWEST_STEPS)
    if not trainer.train():
        return
    _render_held_out(trainer)
    cost = measure_cost(Renderer.load(trainer.run.weights).generator, 360, 640, repeats=5)
    cost["parameters"]["discriminator"] = sum(p.numel() for p in trainer.model.discriminator.parameters())
    trainer.run.write_json("cost.json", cost)
    write_report(folder, title=recipe.name)
    _print_summary(console, folder, cost["ratio"])
    print(f"weights  {trainer.run.weights}")
    print(f"report   {trainer.run.report}")


def _clear(run: Run) -> None:
    """Delete an earlier demo, and nothing else."""
    if not run.recipe.exists():
        return
    try:
        earlier = load(run.recipe).name
    except PrismganError:
        earlier = ""
    if earlier != demo_recipe().name:
        raise PrismganError(f"{run.folder}: holds a training that is not a demo; choose another folder with --run")
    run.clear()


def _render_held_out(trainer: Trainer) -> None:
    """Every held-out photo, clean and with noise, in all tasks by one pass each; and a sheet of the first photo."""
    renderer = Renderer.load(trainer.run.weights)
    render = trainer.run.folder / "render"
    labelled: dict[str, Image.Image] = {}
    for row in trainer.test:
        name = row.picture.removeprefix("builtin:")
        photo = images.to_float(data.pictures.load(row.picture))
        for condition in trainer.recipe.evaluation.conditions:
            source = condition.apply(photo, torch.Generator().manual_seed(0))
            folder = render / f"{name} ({condition.name})"
            images.write(folder / "photo.png", photo)
            images.write(folder / "source.png", source)
            looks = renderer(source)
            for look, picture in looks.items():
                images.write(folder / f"{look}.png", picture)
            if row is trainer.test[0]:
                shown = looks if not labelled else {"restore": looks["restore"]}
                labelled[f"source, {condition.name}"] = images.to_pil(source)
                labelled |= {f"{look}d" if look in labelled else look: picture for look, picture in shown.items()}
    images.write(render / "sheet.png", sheet(labelled))
    for task in trainer.tasks:
        for exemplar in data.exemplars(task)[:1]:
            images.write(trainer.run.folder / "exemplars" / f"{task.name}.png", exemplar)


def _print_summary(console: Console, folder: Path, ratio: float) -> None:
    found = json.loads((folder / "evaluation.json").read_text())
    for row in found["rows"]:
        key = (row["task"], row["condition"], row["metric"])
        if key in (("restore", "noise-25", "psnr"), ("enlarge-2x", "clean", "psnr")):
            console.print(
                f"{row['task']} ({row['condition']}): {row['value']:.2f} dB, doing nothing {row['baseline']:.2f} dB",
                highlight=False,
            )
    console.print(f"all {len(demo_recipe().tasks)} looks cost {ratio:.2f} times one", highlight=False)
