"""Adding a kind of task is one new file and the line that imports it: nothing else has to change."""

from __future__ import annotations

import difflib
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import prismgan

KIND = '''"""Kind ``posterise``: the photo in few tones."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor

from prismgan.losses.pixels import Charbonnier
from prismgan.metrics import PAIR_METRICS
from prismgan.tasks.base import Derived, LossTerm, Task, TaskEntry


def posterised(photo: Tensor, tones: int) -> Tensor:
    return photo.add(1).mul((tones - 1) / 2).round().mul(2 / (tones - 1)).sub(1)


class Posterise(TaskEntry):
    """Reduces every channel to a few tones."""

    kind: Literal["posterise"] = "posterise"
    tones: Annotated[int, Field(ge=2, le=64)] = 4
    """Number of tones."""

    def task(self) -> Task:
        return self.make(
            target=Derived(partial(posterised, tones=self.tones)),
            losses=[LossTerm("pixel", 10.0, Charbonnier, needs_pair=True)],
            metrics=PAIR_METRICS,
            fine=True,
        )
'''

SCRIPT = """
import sys
from pathlib import Path
from prismgan.cli import main

folder = Path(sys.argv[1])
run, photo = folder / "run", folder / "held-out" / "test.png"
for words in (
    ["data", "check", folder / "recipe.yaml"],
    ["recipe", "schema"],
    ["train", folder / "recipe.yaml", "--run", run],
    ["info", run / "weights.safetensors"],
    ["render", photo, "--weights", run / "weights.safetensors", "--out", folder / "out", "--sheet"],
    ["evaluate", run / "weights.safetensors", "--data", folder / "held-out"],
):
    sys.argv = ["prismgan", *map(str, words)]
    try:
        main()
    except SystemExit as end:
        assert not end.code, words
import prismgan
print(prismgan.__file__)
"""


@pytest.mark.slow
def test_a_new_kind_is_one_file_and_a_line(
    tmp_path: Path, tiny_recipe: Callable[..., Path], environment: dict[str, str]
) -> None:
    package = tmp_path / "src" / "prismgan"
    shutil.copytree(Path(prismgan.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "tasks" / "posterise.py").write_text(KIND)
    listing = package / "tasks" / "__init__.py"
    before = listing.read_text()
    after = before.replace(
        "from prismgan.tasks.unpaired import",
        "from prismgan.tasks.posterise import Posterise as Posterise\nfrom prismgan.tasks.unpaired import",
    )
    listing.write_text(after)
    changed = [line for line in difflib.ndiff(before.splitlines(), after.splitlines()) if line[0] in "+-"]
    assert changed == ["+ from prismgan.tasks.posterise import Posterise as Posterise"]

    tasks = [{"name": "restore", "kind": "restore"}, {"name": "poster", "kind": "posterise", "tones": 3}]
    recipe = tiny_recipe(tmp_path, {"tasks": tasks, "training.steps": 2})
    finished = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(recipe.parent)],
        env={**environment, "PYTHONPATH": str(package.parent)},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.splitlines()[-1] == str(package / "__init__.py")
    assert '"const": "posterise"' in finished.stdout
    assert (tmp_path / "out" / "test" / "poster.png").exists()
    assert "poster " in finished.stdout
    assert "posterise" in (tmp_path / "run" / "report.html").read_text()
