"""Seconds per training step: one-stage and two-stage, joint and single-task training, and the parts of a step.

All figures of a table come from one run on the same networks and batches; the kinds of step take turns, so that a busy
moment of the machine affects all alike.

    python benchmarks/step.py [--repeats 8] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from prismgan import data
from prismgan.batch import Batch
from prismgan.machine import precision, take_turns
from prismgan.models import AdversarialBatch, AdversaryConfig, Prism, PrismConfig
from prismgan.models.gradients import apply_gradients
from prismgan.models.step import StepContext, row_weights
from prismgan.networks import DiscriminatorConfig
from prismgan.tasks import Derived, Task
from prismgan.tasks.paired import DerivedEntry, Restore, SuperResolution
from prismgan.tasks.unpaired import Cartoon, Style

CROP, ROWS = 64, 6
EIGHT: tuple[Task, ...] = tuple(
    entry.task()
    for entry in (
        Restore(name="restore"),
        SuperResolution(name="enlarge-2x", scale=2),
        Style(name="style-1", exemplars=("noise",)),
        Cartoon(name="comic", pictures=("noise",)),
        DerivedEntry(name="pencil", function="pencil"),
        Style(name="style-2", exemplars=("noise",)),
        Style(name="style-3", exemplars=("noise",)),
        DerivedEntry(name="edges", function="edges"),
    )
)
WAYS = ("one-stage", "two-stage, G reused", "textbook, D frozen", "textbook")


def made_batch(tasks: Sequence[Task]) -> Batch:
    """Smooth random pictures; their content does not affect the cost of a step."""
    random = torch.Generator().manual_seed(0)

    def pictures(side: int) -> torch.Tensor:
        small = torch.randn(ROWS, 3, side // 8, side // 8, generator=random)
        return torch.nn.functional.interpolate(small, size=(side, side), mode="bilinear").tanh()

    reference = pictures(CROP)
    targets, examples = {}, {}
    for task in tasks:
        if isinstance(task.target, Derived):
            targets[task.name] = task.target.function(pictures(CROP * task.scale))
        else:
            examples[task.name] = pictures(CROP)
    return Batch((reference + 0.1 * torch.randn(reference.shape, generator=random)), reference, targets, examples)


def made_model(tasks: Sequence[Task], stages: str, width: int, **changes: Any) -> Prism:
    adversary = AdversaryConfig(stages=stages, discriminator=DiscriminatorConfig(width=width))  # type: ignore[arg-type]
    config = PrismConfig(adversary=adversary, **changes)
    exemplars = {task.name: [torch.rand(3, 128, 128) * 2 - 1] for task in tasks}
    return Prism(config, tasks, exemplars, steps=1000, precision=precision("auto", "cpu"))


def textbook_step(model: Prism, batch: Batch, *, frozen: bool) -> None:
    """Two-stage training as it stands in textbooks: a forward pass of G for each network's update.

    With ``frozen`` the generator's update leaves out the gradients of D's weights; the original code of many papers
    computes them and throws them away.
    """
    random = torch.Generator().manual_seed(0)
    names = list(model.tasks)
    latent, _ = model.draw_latents(len(batch.source), random)
    context = StepContext(names, row_weights(batch, model.tasks.values()), random)

    def forward() -> tuple[dict[str, torch.Tensor], AdversarialBatch]:
        with model.autocast:
            outputs = model.generator(batch.source.contiguous(memory_format=torch.channels_last), latent, names)
        fakes = model.adversarial_batch(batch, outputs, context)
        assert fakes is not None
        return outputs, fakes

    with torch.no_grad():
        _, fakes = forward()
    model.adversary.update_discriminator(fakes, model.steps_done, context)
    outputs, fakes = forward()
    if frozen:
        adversarial = model.adversary.generator_loss(fakes)
    else:
        with model.autocast:
            logit = model.adversary.discriminator(fakes.fake, fakes.task_index).logit
        values = model.adversary.objective.generator(torch.zeros_like(logit), logit) * fakes.weight
        sums = values.view(len(names), -1).sum(1) * len(names)
        adversarial = dict(zip(fakes.tasks, sums, strict=True))
    model.task_losses(batch, outputs, context)
    model.add_term(context, "adversarial", adversarial, outputs)
    model.optimizer.zero_grad(set_to_none=True)
    model.balancer(context.losses, model.balancer_step(outputs, context)).backward()
    apply_gradients(model.optimizer, model.config.clip)
    model.steps_done += 1


def parameters(network: torch.nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def as_large(tasks: Sequence[Task]) -> int:
    """Width of a discriminator with about as many parameters as the generator."""
    wanted = parameters(made_model(tasks, "one", 32).generator)
    widths = range(16, 129, 4)
    sizes = {width: parameters(made_model(tasks, "one", width).adversary.discriminator) for width in widths}
    return min(widths, key=lambda width: abs(sizes[width] - wanted))


def compare_stages(count: int, width: int, repeats: int) -> dict[str, Any]:
    """The four ways of stepping, on ``count`` tasks."""
    tasks = EIGHT[:count]
    batch = made_batch(tasks)
    models = {way: made_model(tasks, "one" if way == "one-stage" else "two", width) for way in WAYS}
    seconds = take_turns(
        {
            "one-stage": lambda: models["one-stage"].step(batch),
            "two-stage, G reused": lambda: models["two-stage, G reused"].step(batch),
            "textbook, D frozen": lambda: textbook_step(models["textbook, D frozen"], batch, frozen=True),
            "textbook": lambda: textbook_step(models["textbook"], batch, frozen=False),
        },
        repeats,
    )
    one = models["one-stage"]
    found = parts(one, batch, repeats)
    # Optimizers, clipping, averaging and logging. The parts are timed separately, so the remainder is approximate.
    found["the rest"] = max(0.0, seconds["one-stage"] - sum(found.values()))
    found["data (in a worker, beside it)"] = data_seconds(tasks)
    return {
        "tasks": count,
        "generator": parameters(one.generator),
        "discriminator": parameters(one.adversary.discriminator),
        "seconds": seconds,
        "parts": found,
    }


def data_seconds(tasks: Sequence[Task], batches: int = 6) -> float:
    """Seconds that one process takes to prepare a batch of built-in pictures: crops, degradations, targets."""
    rows = data.rows(data.DataConfig(train=(data.SourceEntry(builtin="photos"),)))
    noise = data.DegradationConfig(clean=0.5, noise=data.Noise(probability=1.0, sigma=(5, 50)))
    drawn = data.TrainingSet(rows, [task for task in tasks if task.has_pairs], CROP, noise)
    start = time.perf_counter()
    for _ in data.batches([data.Part(drawn, ROWS)], 0, batches, workers=0):
        pass
    return (time.perf_counter() - start) / batches


def parts(model: Prism, batch: Batch, repeats: int) -> dict[str, float]:
    """Time of each part of a one-stage step, measured separately."""
    names = list(model.tasks)
    random = torch.Generator().manual_seed(0)
    context = StepContext(names, row_weights(batch, model.tasks.values()), random)
    latent, _ = model.draw_latents(len(batch.source), random)
    source = batch.source.contiguous(memory_format=torch.channels_last)

    def generator_both_ways() -> None:
        with model.autocast:
            outputs = model.generator(source, latent, names)
        torch.stack([output.float().sum() for output in outputs.values()]).sum().backward()

    with torch.no_grad(), model.autocast:
        fixed = {name: output.float() for name, output in model.generator(source, latent, names).items()}

    def task_losses() -> None:
        leaves = {name: output.clone().requires_grad_() for name, output in fixed.items()}
        model.task_losses(batch, leaves, context)
        torch.stack(list(context.losses.values())).sum().backward()

    def discriminator_round() -> None:
        fakes = model.adversarial_batch(batch, {name: output.clone() for name, output in fixed.items()}, context)
        assert fakes is not None
        model.adversary.update(fakes, 1, context)

    return take_turns(
        {
            "G forward and backward": generator_both_ways,
            "task losses": task_losses,
            "D and its update": discriminator_round,
        },
        repeats,
    )


def compare_joint(repeats: int) -> dict[str, Any]:
    """One step of joint training on eight tasks, compared with one step of each of eight single-task trainings."""
    joint = made_model(EIGHT, "one", 32)
    some = made_model(EIGHT, "one", 32, tasks_per_step=4)
    alone = [made_model([task], "one", 32) for task in EIGHT]
    batch = made_batch(EIGHT)
    own = [made_batch([task]) for task in EIGHT]

    def all_alone() -> None:
        for model, each in zip(alone, own, strict=True):
            model.step(each)

    return take_turns(
        {
            "joint, all 8 tasks in a step": lambda: joint.step(batch),
            "joint, tasks_per_step 4": lambda: some.step(batch),
            "8 trainings of one task": all_alone,
        },
        repeats,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=8)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    print(f"{ROWS} crops of {CROP} px, {torch.get_num_threads()} threads, {precision('auto', 'cpu')}, no penalty")
    found: dict[str, Any] = {"stages": [], "large": []}
    for key in ("stages", "large"):
        print("\ndefault discriminator" if key == "stages" else "\ndiscriminator as large as the generator")
        print(f"{'K':>3} {'G':>10} {'D':>10}  " + "".join(f"{way:>22}" for way in WAYS) + "   (seconds a step)")
        for count in (1, 4, 8):
            width = 32 if key == "stages" else as_large(EIGHT[:count])
            row = compare_stages(count, width, options.repeats)
            found[key].append(row)
            seconds = row["seconds"]
            print(
                f"{count:>3} {row['generator']:>10,} {row['discriminator']:>10,}  "
                + "".join(f"{seconds[way]:>14.4f} ({seconds[way] / seconds['one-stage']:.2f}x)" for way in WAYS)
            )
            print(" " * 26 + "   ".join(f"{name} {value:.4f}" for name, value in row["parts"].items()))
    found["joint"] = compare_joint(options.repeats)
    print("\njoint against single-task training, seconds for one step of every task")
    joint = found["joint"]["joint, all 8 tasks in a step"]
    for name, value in found["joint"].items():
        print(f"  {name:<32} {value:.4f} ({value / joint:.2f}x)")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
