"""The demo: all looks of a photo with the ready-made weights, a new style from one picture, a training from scratch."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import torch
from PIL import Image, ImageOps
from rich.console import Console

from prismgan import data, images
from prismgan.data import builtin
from prismgan.errors import PrismganError
from prismgan.evaluation.measurement import Evaluation, Measurement
from prismgan.files import entries, locked
from prismgan.recipes.recipe import Recipe
from prismgan.recipes.text import load
from prismgan.render import Renderer, measure_cost, sheet
from prismgan.report import Chapter, write_page, write_report
from prismgan.training.display import Terminal
from prismgan.training.head_training import add_task
from prismgan.training.run import Run
from prismgan.training.trainer import Trainer

FEWEST_STEPS = 800  # steps that enlarging needs to be better than bicubic (docs/log.md), even on a busy machine
EVERY = 5.0  # seconds between two lines about a running training
READY_MADE, NEW_STYLE, FROM_SCRATCH, REPORT = "ready-made", "new-style", "from-scratch", "report.html"
"""Contents of a demo's folder."""
SHEET = "sheet.png"
PHOTO = builtin.HELD_OUT[0]  # built-in photo that is rendered
EXEMPLAR = "mosaic"  # built-in picture whose style is learnt


def demo_recipe() -> Recipe:
    return load(Path("recipe:demo"))


def run_demo(folder: Path, minutes: float | None, console: Console) -> None:
    """Render with the ready-made weights, add a style to them, train a small network, and report on all three. An
    earlier demo is replaced. Training takes ``minutes``, and the style half as long; with None nothing is trained."""
    if folder.exists() and not folder.is_dir():
        raise PrismganError(f"{folder}: is a file, expected a folder for the demo")
    with locked(folder, "demo"):
        _clear(folder)
        console.print("loading the ready-made weights")
        chapters = [_render_ready_made(console, folder / READY_MADE)]
        made = {"looks": folder / READY_MADE / SHEET}
        if minutes is None:
            page = {"title": demo_recipe().name, "headline": "Rendered, nothing trained.", "chapters": chapters}
            write_page(folder / REPORT, "demo.html", page)
        else:
            style = _learn_style(console, folder / NEW_STYLE, minutes / 2)
            trainer = _train(console, folder / FROM_SCRATCH, minutes) if style is not None else None
            if style is None or trainer is None:
                return
            text = " ".join(["The rest of this page is about this training.", *_too_few_steps(trainer)])
            chapters += [style, Chapter("A small network from scratch", text)]
            write_report(trainer.run.folder, title=trainer.recipe.name, chapters=chapters, out=folder / REPORT)
            made |= {"style": folder / NEW_STYLE / SHEET, "weights": trainer.run.weights}
        for name, path in {**made, "report": folder / REPORT}.items():
            print(f"{name:<8} {path}")


def _clear(folder: Path) -> None:
    """Delete an earlier demo, and nothing else."""
    run = Run(folder / FROM_SCRATCH)
    try:
        other = run.recipe.exists() and load(run.recipe).name != demo_recipe().name
    except PrismganError:
        other = True
    if other or {path.name for path in entries(folder)} - {READY_MADE, NEW_STYLE, FROM_SCRATCH, REPORT}:
        raise PrismganError(f"{folder}: contains something other than a demo; choose another folder with --run")
    run.clear()
    for name in (READY_MADE, NEW_STYLE):
        shutil.rmtree(folder / name, ignore_errors=True)
    (folder / REPORT).unlink(missing_ok=True)


def _render_ready_made(console: Console, folder: Path) -> Chapter:
    """Every task's output for a photo, from one pass of the ready-made weights."""
    console.print("rendering all looks of a photo")
    renderer = Renderer.load()
    photo = data.pictures.load(f"{builtin.PREFIX}{PHOTO}")
    looks = renderer(images.to_pil(photo))
    for look, picture in looks.items():
        images.write(folder / PHOTO / f"{look}.png", picture)
    images.write(folder / SHEET, sheet({"source": images.to_pil(photo), **looks}))
    console.print(f"{len(looks)} looks of a photo from one pass of the ready-made weights: {folder / SHEET}")
    text = f"{len(looks)} looks of a photo that was not used in training, from one pass of {renderer.header.title}."
    return Chapter("The ready-made weights", text, folder / SHEET)


def _learn_style(console: Console, folder: Path, minutes: float) -> Chapter | None:
    """The ready-made weights with one more style; None if a signal ended its training."""
    console.print(f"adding the style of one picture to them in {_minutes(minutes)}")
    exemplar, photo = (data.pictures.load(f"{builtin.PREFIX}{name}") for name in (EXEMPLAR, PHOTO))
    images.write(folder / "exemplar.png", images.to_pil(exemplar))
    out = folder / f"with-{EXEMPLAR}.safetensors"
    pictures = [f"{builtin.PREFIX}{EXEMPLAR}"]
    if not add_task(None, out, name=EXEMPLAR, exemplars=pictures, display=Terminal(console, EVERY), minutes=minutes):
        return None
    source = images.to_pil(photo)
    looks = Renderer.load(out)(source, [EXEMPLAR])
    # Fitted into the photo's size, because a sheet labels larger pictures as enlarged.
    shown = {"source": source, "one picture": ImageOps.contain(images.to_pil(exemplar), source.size), **looks}
    images.write(folder / SHEET, sheet(shown, columns=3))
    text = f"The style of one picture, learnt in {_minutes(minutes)} by a new head for the ready-made weights."
    return Chapter("A new style from one picture", text, folder / SHEET)


def _train(console: Console, folder: Path, minutes: float) -> Trainer | None:
    """A small network, trained, measured, and its pictures; None if a signal ended the training."""
    recipe = demo_recipe()
    console.print(f"training {len(recipe.tasks)} tasks from scratch for {_minutes(minutes)}")
    trainer = Trainer(recipe, folder, display=Terminal(console, EVERY), minutes=minutes, fewest_steps=FEWEST_STEPS)
    if not trainer.train():
        return None
    console.print(f"rendering {len(trainer.test)} photos, and measuring the cost of all tasks against one")
    _render_held_out(trainer)
    cost = measure_cost(Renderer.load(trainer.run.weights).generator, 360, 640, repeats=5)
    cost["parameters"]["discriminator"] = sum(p.numel() for p in trainer.model.networks["discriminator"].parameters())
    trainer.run.write_json("cost.json", cost)
    for m in _measured(trainer):
        console.print(f"{m.task} ({m.condition}): {m.value:.2f} dB, doing nothing {m.baseline:.2f} dB")
    for line in _too_few_steps(trainer):
        console.print(line)
    console.print(f"all {len(trainer.tasks)} looks cost {cost['ratio']:.2f} times one")
    return trainer


def _render_held_out(trainer: Trainer) -> None:
    """Every held-out photo, clean and with noise, in all tasks from one pass each, and a sheet of the first photo."""
    renderer = Renderer.load(trainer.run.weights)
    render = trainer.run.folder / "render"
    labelled: dict[str, Image.Image] = {}
    for row in trainer.test:
        name = row.picture.removeprefix(builtin.PREFIX)
        photo = images.to_float(data.pictures.load(row.picture))
        for condition in trainer.recipe.evaluation.conditions:
            source = condition.apply(photo, torch.Generator().manual_seed(0))
            folder = render / f"{name} ({condition.name})"
            images.write(folder / "photo.png", photo)
            shown_source = images.to_pil(source)
            images.write(folder / "source.png", shown_source)
            looks = renderer(shown_source)
            for look, picture in looks.items():
                images.write(folder / f"{look}.png", picture)
            if row is trainer.test[0]:
                shown = looks if not labelled else {"restore": looks["restore"]}
                labelled[f"source, {condition.name}"] = shown_source
                labelled |= {f"{look}d" if look in labelled else look: picture for look, picture in shown.items()}
    images.write(render / SHEET, sheet(labelled))
    for task in trainer.tasks:
        for exemplar in data.exemplars(task)[:1]:
            images.write(trainer.run.folder / "exemplars" / f"{task.name}.png", exemplar)


def _measured(trainer: Trainer) -> list[Measurement]:
    """The two most informative rows of the evaluation: noise removal, and enlargement of a clean photo."""
    evaluation = Evaluation.read(trainer.run.folder / "evaluation.json")
    telling = (("restore", "noise-25", "psnr"), ("enlarge-2x", "clean", "psnr"))
    return [m for m in (evaluation.rows if evaluation else ()) if (m.task, m.condition, m.metric) in telling]


def _too_few_steps(trainer: Trainer) -> Iterator[str]:
    """A sentence if a task is no better than doing nothing, which happens after few steps."""
    behind = [m.task for m in _measured(trainer) if m.value is None or m.baseline is None or m.value <= m.baseline]
    if behind:
        yield (
            f"{' and '.join(behind)}: not better than doing nothing yet, because there were {trainer.step} steps and "
            f"about {FEWEST_STEPS} are needed; train longer, for example with --minutes 10."
        )


def _minutes(count: float) -> str:
    return "1 minute" if count == 1 else f"{count:.2g} minutes"
