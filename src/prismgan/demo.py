"""The demo: train a small network from scratch, render a photo that it has not seen, and report."""

from __future__ import annotations

import json
import shutil
import time
from importlib import resources
from pathlib import Path

from rich.console import Console

from prismgan import data, images
from prismgan.data import TestSet, TrainingSet
from prismgan.inference import Renderer, measure_cost, sheet
from prismgan.models import Prism
from prismgan.training.display import Terminal
from prismgan.training.recipe import Recipe, parse
from prismgan.training.report import write_report
from prismgan.training.trainer import Trainer, precision

__all__ = ["demo_recipe", "run_demo"]

TRIAL_STEPS = 8
FEWEST_STEPS = 20


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
    if (folder / "recipe.yaml").exists() and (folder / "checkpoint.pt").exists():
        shutil.rmtree(folder)
    # The schedule is a function of the step, so its length has to be known before: a few steps tell.
    seconds = _seconds_a_step(recipe)
    steps = max(FEWEST_STEPS, round(60 * minutes / seconds))
    recipe = recipe.model_copy(update={"training": recipe.training.model_copy(update={"steps": steps})})
    console.print(
        f"training {len(recipe.tasks)} tasks from scratch: {steps} steps of about {1000 * seconds:.0f} ms",
        highlight=False,
    )
    trainer = Trainer(recipe, folder, display=Terminal(console))
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


def _seconds_a_step(recipe: Recipe) -> float:
    """How long a training step takes on this machine, data included."""
    tasks = recipe.all_tasks()
    settings = recipe.training
    train, _ = data.split(data.rows(recipe.data), recipe.data)
    pictures = TrainingSet(train, tasks, settings.crop, recipe.degradation, recipe.seed)
    exemplars = {task.name: data.exemplars(task) for task in tasks}
    model = Prism(recipe.model, tasks, exemplars, steps=1000, precision=precision(settings.precision, "cpu"))
    started = 0.0
    for step, batch in enumerate(data.batches(pictures, settings.batch_size, 0, 2 * TRIAL_STEPS, workers=1)):
        if step == TRIAL_STEPS:  # the first steps set things up
            started = time.monotonic()
        model.step(batch)
    return (time.monotonic() - started) / TRIAL_STEPS


def _render_held_out(trainer: Trainer) -> None:
    """Every held-out photo in all tasks, as the report expects them, and a sheet of the first."""
    renderer = Renderer.load(trainer.run.weights)
    noisy = trainer.recipe.evaluation.conditions[-1]
    top: dict[str, object] = {}
    for number, (row, batch) in enumerate(TestSet(trainer.test, trainer.tasks, noisy, 384).pairs()):
        name = row.picture.removeprefix("builtin:")
        folder = trainer.run.folder / "render" / name
        photo = images.to_pil(batch.reference[0])
        source = images.to_pil(batch.source[0])
        # Looks are shown of the photo as it is; what restoration and enlargement do is shown where it is needed.
        looks = renderer(photo) | renderer(source, ["restore"])
        images.write(folder / "photo.png", photo)
        images.write(folder / "source.png", source)
        for task, picture in looks.items():
            images.write(folder / f"{task}.png", picture)
        if number == 0:
            labelled = {f"{noisy.name} source": source, **looks}
            images.write(trainer.run.folder / "render" / "sheet.png", sheet(labelled, title=f"{name}: one pass"))
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
