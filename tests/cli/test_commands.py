"""Commands that succeed."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

import prismgan
from prismgan import images
from prismgan.cli import app
from prismgan.cli.options import task_names

Command = Callable[..., Any]
DrawPicture = Callable[..., Path]
NAMES = ["restore", "enlarge", "paint"]


def run_python(*arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, timeout=60, check=True
    )


def test_help_is_quick(environment: dict[str, str]) -> None:
    seconds = []
    for _ in range(3):
        started = time.monotonic()
        out = run_python("-m", "prismgan", "--help", environment=environment).stdout
        seconds.append(time.monotonic() - started)
    assert min(seconds) < 1.5  # 0.15 s where nothing else runs
    for name in ("demo", "train", "render", "evaluate", "info", "data", "recipe"):
        assert f"\n  {name} " in out


def test_the_command_line_imports_no_torch(environment: dict[str, str]) -> None:
    code = "import sys, prismgan, prismgan.cli; print(sorted({'torch', 'numpy', 'pydantic'} & set(sys.modules)))"
    assert run_python("-c", code, environment=environment).stdout == "[]\n"


def test_version(command: Command) -> None:
    assert command("--version").out == f"{prismgan.__version__}\n"


# -- help and completion --------------------------------------------------------------------------


def every_command() -> dict[str, Any]:
    """Command classes by the words to type."""
    group: Any = typer.main.get_command(app)
    found: dict[str, Any] = {}
    for name, each in group.commands.items():
        if hasattr(each, "commands"):
            found |= {f"{name} {inner}": one for inner, one in each.commands.items()}
        else:
            found[name] = each
    return found


COMMANDS = every_command()


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_has_help_in_sentences(words: str, command: Command) -> None:
    finished = command(*words.split(), "--help")
    assert finished.code == 0
    assert f"prismgan {words} [OPTIONS]" in finished.out
    assert "  Examples:\n    prismgan " in finished.out
    texts = [COMMANDS[words].help, *(getattr(each, "help", "") for each in COMMANDS[words].params)]
    for text in texts:
        assert text
        assert text[0].isupper(), text
        assert text.endswith("."), text
        assert len(text.split()) > 1, text


@pytest.mark.parametrize("words", COMMANDS)
def test_examples_of_the_help_can_be_typed(words: str) -> None:
    lines = (COMMANDS[words].epilog or "").splitlines()
    found = [shlex.split(line.partition(" > ")[0])[1:] for line in lines if line.startswith("  prismgan ")]
    assert any(typed[: len(words.split())] == words.split() for typed in found)
    for typed in found:
        place = " ".join(typed[: 2 if typed[0] in ("recipe", "data") else 1])
        # Parses the arguments, and does not run.
        COMMANDS[place].make_context(place, typed[len(place.split()) :])


@pytest.mark.parametrize("group", [(), ("recipe",), ("data",)])
def test_a_list_of_commands_has_whole_sentences(group: tuple[str, ...], command: Command) -> None:
    listed = command(*group, "--help").out.split("Commands:\n")[1].split("\n\n")[0]
    assert "..." not in listed
    assert all(line.endswith(".") for line in listed.splitlines())


def completions(line: str, environment: dict[str, str], tmp_path: Path) -> list[str]:
    words = line.split(" ")
    asked = {"_PRISMGAN_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    code = "import sys; from prismgan.cli import main; sys.argv = ['prismgan']; main()"
    finished = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", code],
        env={**environment, **asked},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=tmp_path,
    )
    assert " torch\n" not in finished.stderr  # the shell waits for it
    return finished.stdout.split()


def test_shells_complete_commands_recipes_and_tasks(
    environment: dict[str, str], tmp_path: Path, tiny_run: Path
) -> None:
    assert completions("prismgan re", environment, tmp_path) == [
        name for name in COMMANDS | {"recipe": None} if name.startswith("re") and " " not in name
    ]
    assert completions("prismgan train recipe:q", environment, tmp_path) == ["recipe:quick"]
    assert "recipe:quick" in completions("prismgan data check re", environment, tmp_path)
    assert completions("prismgan render a.jpg --tasks comic,re", environment, tmp_path) == ["comic,restore"]
    mine = f"prismgan render a.jpg --weights {tiny_run / 'weights.safetensors'} --tasks "
    assert completions(mine, environment, tmp_path) == NAMES
    assert completions("prismgan render a.jpg --weights no.safetensors --tasks ", environment, tmp_path) == []


def test_completion_knows_the_ready_made_weights() -> None:
    from prismgan.weights import load_weights

    assert task_names(None) == [entry.name for entry in load_weights().header.tasks]


def test_completion_can_be_installed(command: Command) -> None:
    assert "--install-completion" in command("--help").out


# -- train ----------------------------------------------------------------------------------------


def test_a_training_leaves_a_run(tiny_run: Path) -> None:
    assert {path.name for path in tiny_run.iterdir()} == {
        "checkpoint.pt",
        "evaluation.json",
        "metrics.jsonl",
        "recipe.yaml",
        "report.html",
        "weights.safetensors",
    }
    steps = [json.loads(line)["step"] for line in (tiny_run / "metrics.jsonl").read_text().splitlines()]
    assert steps == list(range(1, 9))
    assert "tiny" in (tiny_run / "report.html").read_text()
    rows = json.loads((tiny_run / "evaluation.json").read_text())["rows"]
    assert {row["task"] for row in rows} == set(NAMES)
    assert {row["condition"] for row in rows} == {"clean", "noise-25"}


def test_samples_while_training(tmp_path: Path, tiny_recipe: Callable[..., Path], command: Command) -> None:
    recipe = tiny_recipe(tmp_path, {"training.sample_every": 2, "training.steps": 4, "evaluation.every": 3})
    assert command("train", recipe, "--run", tmp_path / "deep" / "run").code == 0
    samples = sorted((tmp_path / "deep" / "run" / "samples").iterdir())
    assert [path.name for path in samples] == ["step-000002.png", "step-000004.png"]
    assert images.size(samples[0])[1] > 400


# -- info -----------------------------------------------------------------------------------------


def test_info(tiny_run: Path, command: Command) -> None:
    finished = command("info", tiny_run / "weights.safetensors")
    assert finished.code == 0
    assert finished.out.startswith("tiny: 3 tasks, trained for 8 steps\n")
    for name in NAMES:
        assert f"  {name} " in finished.out
    assert "2x" in finished.out
    assert "varies with z" in finished.out


def test_info_as_json(tiny_run: Path, command: Command) -> None:
    found = json.loads(command("info", tiny_run / "weights.safetensors", "--json").out)
    assert [task["name"] for task in found["tasks"]] == NAMES
    assert found["step"] == 8
    assert set(found["parameters"]) == {"shared", *NAMES}
    assert found["recipe"]["training"]["steps"] == 8


# -- evaluate -------------------------------------------------------------------------------------


def test_evaluate(tmp_path: Path, tiny_run: Path, draw_picture: DrawPicture, command: Command) -> None:
    draw_picture(tmp_path / "photos" / "a.png", 70, 75, 1)
    draw_picture(tmp_path / "photos" / "b.jpg", 80, 65, 2)
    (tmp_path / "photos" / "c.png").write_text("no picture")
    arguments = ("evaluate", tiny_run / "weights.safetensors", "--data", tmp_path / "photos")
    shown, printed = command(*arguments), command(*arguments, "--json")
    assert shown.code == printed.code == 0
    found = json.loads(printed.out)
    assert found["pictures"] == 2
    assert {row["task"] for row in found["rows"]} == set(NAMES)
    for row in found["rows"]:
        assert isinstance(row["value"], float)
        assert isinstance(row["baseline"], float)
        assert row["better"] in ("higher", "lower")
        line = [
            line
            for line in shown.out.splitlines()
            if line.split()[:3] == [row["task"], row["condition"], row["metric"]]
        ]
        assert len(line) == 1
    metrics = {(row["task"], row["metric"]) for row in found["rows"]}
    assert {("restore", "psnr"), ("enlarge", "ssim"), ("paint", "style_distance")} <= metrics
    assert {"loss", "accuracy_real", "accuracy_fake"} <= set(found["discriminator"])
    assert ["c.png" in line for line in found["skipped"]] == [True]
    assert "skipped: " in shown.err


def test_evaluate_where_the_exemplar_is_gone(
    tmp_path: Path, tiny_run: Path, draw_picture: DrawPicture, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw_picture(tmp_path / "photos" / "a.png", 70, 75, 1)
    hidden = tiny_run.parent / "painting.png"
    moved = hidden.rename(tmp_path / "elsewhere.png")
    try:
        finished = command("evaluate", tiny_run / "weights.safetensors", "--data", tmp_path / "photos", "--json")
    finally:
        moved.rename(hidden)
    assert finished.code == 0, finished.err
    metrics = {(row["task"], row["metric"]) for row in json.loads(finished.out)["rows"]}
    assert ("restore", "psnr") in metrics
    assert ("paint", "style_distance") not in metrics


# -- data -----------------------------------------------------------------------------------------


def test_a_good_data_set(tmp_path: Path, tiny_recipe: Callable[..., Path], command: Command) -> None:
    finished = command("data", "check", tiny_recipe(tmp_path))
    assert finished.code == 0, finished.err
    assert finished.out.splitlines()[-1] == "the data fits the tasks"
    assert "photos" in finished.out
    assert "5 pictures" in finished.out
    assert " 1 picture " in finished.out


def test_a_report_is_written_anew(tiny_run: Path, command: Command) -> None:
    (tiny_run / "report.html").unlink()
    finished = command("report", tiny_run)
    assert finished.code == 0, finished.err
    assert finished.out.strip() == str(tiny_run / "report.html")
    assert (tiny_run / "report.html").exists()
    missing = command("report", tiny_run / "nowhere")
    assert missing.code == 2
    assert missing.err.startswith(f"prismgan: {tiny_run / 'nowhere'}: holds no training; ")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full disk to write to")
def test_a_full_disk_behind_the_standard_output(tiny_run: Path, environment: dict[str, str]) -> None:
    words = [sys.executable, "-m", "prismgan", "info", str(tiny_run / "weights.safetensors")]
    with Path("/dev/full").open("w") as full:
        finished = subprocess.run(words, env=environment, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert finished.returncode == 2
    assert finished.stderr == "prismgan: the standard output cannot be written to (the disk is full)\n"
