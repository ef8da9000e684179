"""The page's estimate of the remaining time."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "src" / "prismgan" / "web" / "static" / "remaining.js"
CASES = [
    # Seconds since the start, fraction of the work that is done, and the text.
    (1, 0.01, ""),  # too early to tell
    (8.5, 0.5, "about 9 s left"),
    (18, 0.5, "about 20 s left"),
    (100, 0.9, "about 15 s left"),
    (100, 0.5, "about 2 minutes left"),
    (290, 0.5, "about 5 minutes left"),
    (100, 0.99, ""),  # nearly done
    (100, 1, ""),
]


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")
def test_time_that_is_left_is_told_in_words_that_change_seldom(tmp_path: Path) -> None:
    shutil.copy(SCRIPT, tmp_path / "remaining.mjs")
    cases = json.dumps([case[:2] for case in CASES])
    (tmp_path / "ask.mjs").write_text(
        'import { remaining } from "./remaining.mjs";\n'
        f"const said = {cases}.map(([seconds, share]) => remaining(performance.now() - 1000 * seconds, share));\n"
        "console.log(JSON.stringify(said));\n"
    )
    asked = subprocess.run(["node", "ask.mjs"], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(asked.stdout) == [said for *_, said in CASES]
