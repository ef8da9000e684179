"""Cost of a recipe's options: seconds per training step by GAN objective and stages, and by balancer.

python benchmarks/choices.py                        # recipe:compare-quick
python benchmarks/choices.py my.yaml --repeats 9 --json figures.json

All take turns on the same batch, so that a busy moment of the machine affects all alike. On a machine that is never
idle, use OMP_NUM_THREADS=1 and --cpu, which measures processor time. `prismgan compare --vary` measures the benefit of
the options.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import torch

from prismgan import data
from prismgan.balancing import BALANCERS
from prismgan.data.batches import collate
from prismgan.losses.objectives import OBJECTIVES
from prismgan.machine import precision, take_turns
from prismgan.models import MODELS, AdversaryConfig
from prismgan.recipes.recipe import Recipe
from prismgan.recipes.text import load

STEPS = 4
"""Steps of one round, in which a lazy penalty is computed once."""


def ways() -> dict[str, list[str]]:
    """Settings by label."""
    stages = get_args(AdversaryConfig.model_fields["stages"].annotation)
    games = {
        f"{objective}, {count} stage{'s' if count == 'two' else ''}": [
            f"model.adversary.objective={objective}",
            f"model.adversary.stages={count}",
        ]
        for objective, count in itertools.product(OBJECTIVES, stages)
    }
    return games | {f"balancer {name}": [f"model.balancer={name}"] for name in BALANCERS}


def step_of(recipe: Recipe) -> Callable[[], object]:
    """Repeat training steps of the recipe's model on one batch, one round of lazy penalties at a time."""
    tasks, settings = recipe.all_tasks(), recipe.training
    rows, _ = data.split(data.rows(recipe.data), recipe.data)
    drawn = data.TrainingSet(rows, tasks, settings.crop, recipe.degradation, recipe.seed)
    exemplars = {task.name: data.exemplars(task) for task in tasks}
    model = MODELS[recipe.model.kind](
        recipe.model, tasks, exemplars, steps=settings.steps, precision=precision(settings.precision, "cpu")
    )
    batch = collate([drawn.sample(position) for position in range(settings.batch_size)])

    def run() -> None:
        for _ in range(STEPS):
            model.step(batch)

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path, nargs="?", default=Path("recipe:compare-quick"))
    parser.add_argument("--repeats", type=int, default=12)
    parser.add_argument("--cpu", action="store_true", help="the processor's time")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    steps = {label: step_of(load(options.recipe, settings)) for label, settings in ways().items()}
    clock = time.process_time if options.cpu else time.perf_counter
    seconds = {label: found / STEPS for label, found in take_turns(steps, options.repeats, clock).items()}
    first = next(iter(seconds.values()))
    print(f"{options.recipe}, {torch.get_num_threads()} threads, medians of {options.repeats}")
    for label, found in seconds.items():
        print(f"  {label:<28} {found:.3f} s  {found / first:.2f}")
    if options.json:
        options.json.write_text(json.dumps(seconds, indent=1) + "\n")


if __name__ == "__main__":
    main()
