"""What restoration loses by sharing a network: the joint training of a recipe against experts, at equal steps.

python benchmarks/interference.py DATA                 # recipes/prism-8.yaml, 1,000 steps for each network
python benchmarks/interference.py DATA --steps 3000 --experts restore,enlarge-2x

An expert is the same recipe with one task. DATA holds the test sets, as for `prismgan evaluate --benchmarks`. Measured
are Set5 and the first pictures of CBSD68.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from prismgan.images import find_pictures
from prismgan.training.benchmarks import run_benchmarks
from prismgan.training.display import Terminal
from prismgan.training.recipe import Recipe, load
from prismgan.training.trainer import Trainer

SETS = {"set5": 5, "set5_lr_matlab": None, "cbsd68": 12}
"""Test sets, and how many of their pictures are measured on; None stands for a folder of folders."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with test/")
    parser.add_argument("--recipe", type=Path, default=Path("recipes/prism-8.yaml"))
    parser.add_argument("--experts", default="restore,enlarge-2x", help="names of tasks, separated by commas")
    parser.add_argument("--steps", type=int, default=1000)
    options = parser.parse_args()
    recipe = load(
        options.recipe, [f"training.steps={options.steps}", "training.sample_every=0", "data.test_fraction=0"]
    )
    with tempfile.TemporaryDirectory() as folder:
        part = shortened(options.data, Path(folder) / "data")
        joint = measured(recipe, Path(folder) / "joint", part)
        for name in options.experts.split(","):
            tasks = tuple(task for task in recipe.tasks if task.name == name)
            expert = measured(recipe.model_copy(update={"tasks": tasks}), Path(folder) / name, part)
            for condition, value in expert.items():
                loss = joint[condition] - value
                print(f"{condition:<40} expert {value:.2f}  joint {joint[condition]:.2f}  {loss:+.2f} dB")


def shortened(data: Path, to: Path) -> Path:
    """A folder with as many pictures of every test set as are measured on."""
    for name, count in SETS.items():
        source, target = data / "test" / name, to / "test" / name
        if count is None:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(source.resolve())
            continue
        target.mkdir(parents=True)
        for file in find_pictures(source)[:count]:
            (target / file.name).symlink_to(file.resolve())
    return to


def measured(recipe: Recipe, run: Path, data: Path) -> dict[str, float]:
    """PSNR by what was measured, of a network that is trained in ``run``."""
    Trainer(recipe, run, display=Terminal()).train()
    rows = run_benchmarks(run / "weights.safetensors", data, ["restoration"])["rows"]
    kept = [row for row in rows if "unclipped" not in row["condition"]]
    return {f"{row['task']}: {row['condition']}": row["value"] for row in kept}


if __name__ == "__main__":
    main()
