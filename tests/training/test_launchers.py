"""Training started by torchrun: two processes or two nodes, one set of files; nodes that die are restarted."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import distributed

from prismgan.weights import load_weights

WriteRecipe = Callable[..., Path]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not distributed.is_available(), reason="torch was built without processes"),
]
STEPS = 14
DOCS = (Path(__file__).parents[2] / "docs" / "cluster.md").read_text(encoding="utf-8")
ON_ONE_NODE, ON_TWO_NODES = (line for line in DOCS.splitlines() if line.startswith("$ torchrun "))
SETTINGS = dict(line.removeprefix("$ export ").split("=") for line in DOCS.splitlines() if line.startswith("$ export "))
RUN = Path("runs", "mine")
"""Output of these commands."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def documented(line: str, *options: str, port: int) -> list[str]:
    """A command of the page, on loopback, with another port."""
    words = [word.replace("node-1:29500", f"127.0.0.1:{port}") for word in line.split()]
    assert words[:2] == ["$", "torchrun"]
    return [sys.executable, "-m", "torch.distributed.run", *options, *words[2:]]


def two_processes() -> list[str]:
    """The page's command for one machine."""
    return documented(ON_ONE_NODE, "--master-addr", "127.0.0.1", "--master-port", str(port := free_port()), port=port)


def steps_of(run: Path) -> list[int]:
    lines = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    return [line["step"] for line in lines if "event" not in line]


def trained(folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """A training by two processes on one node, with the recipe of this folder."""
    words = two_processes()
    finished = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=250)
    assert finished.returncode == 0, finished.stderr
    return finished


CHANGES = {"training.steps": STEPS, "training.sample_every": 7, "training.save_every": 3, "evaluation.every": 7}


@pytest.fixture(scope="module")
def on_one_node(
    tmp_path_factory: pytest.TempPathFactory, tiny_recipe: WriteRecipe, environment: dict[str, str]
) -> tuple[Path, str]:
    """Run folder and output of a training by two processes on one node."""
    folder = tmp_path_factory.mktemp("node")
    tiny_recipe(folder, CHANGES)
    return folder / RUN, trained(folder, environment).stdout


def test_two_processes_write_one_set_of_files(on_one_node: tuple[Path, str]) -> None:
    run, said = on_one_node
    assert said.count("weights  ") == 1
    assert {path.name for path in run.iterdir()} == {
        "checkpoint.pt",
        "evaluation.json",
        "metrics.jsonl",
        "recipe.yaml",
        "report.html",
        "samples",
        "weights.safetensors",
    }
    assert steps_of(run) == list(range(1, STEPS + 1))
    assert load_weights(run / "weights.safetensors").header.step == STEPS
    assert json.loads((run / "evaluation.json").read_text())["discriminator"]["loss"] > 0


@contextlib.contextmanager
def nodes(folders: list[Path], environment: dict[str, str]) -> Iterator[list[subprocess.Popen[str]]]:
    """The page's command for two machines, once in each folder; they meet on loopback."""
    words = documented(ON_TWO_NODES, "--local-addr", "127.0.0.1", port=free_port())
    started = [
        subprocess.Popen(
            words,
            cwd=folder,
            env={**environment, **SETTINGS},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        for folder in folders
    ]
    try:
        yield started
    finally:
        for node in started:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(node.pid, signal.SIGKILL)
            node.communicate()


def workers_of(node: subprocess.Popen[str]) -> list[int]:
    return [int(child) for child in Path(f"/proc/{node.pid}/task/{node.pid}/children").read_text().split()]


@pytest.mark.skipif(sys.platform != "linux", reason="finds the worker in /proc")
def test_a_killed_node_comes_back_and_the_weights_are_those_of_one_node(
    tmp_path: Path, on_one_node: tuple[Path, str], tiny_recipe: WriteRecipe, environment: dict[str, str]
) -> None:
    expected, _ = on_one_node
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        tiny_recipe(folder, CHANGES)
    runs = [folder / RUN for folder in folders]  # only the process of rank 0 writes, wherever it is
    step = random.Random(23).randint(4, 8)
    with nodes(folders, environment) as started:
        began = time.monotonic()

        def reached() -> bool:
            return any((run / "metrics.jsonl").exists() and len(steps_of(run)) >= step for run in runs)

        while not reached():
            assert time.monotonic() - began < 200
            assert all(node.poll() is None for node in started), started[0].communicate()
            time.sleep(0.02)
        victim = started[runs.index(next(run for run in runs if not run.exists()))]
        os.kill(workers_of(victim)[-1], signal.SIGKILL)
        said = [node.communicate(timeout=250) for node in started]
    errors = "".join(error for _, error in said)
    assert [node.returncode for node in started] == [0, 0], errors
    assert "resumed at step" in errors
    (run,) = (run for run in runs if run.exists())
    assert steps_of(run) == list(range(1, STEPS + 1))
    made, whole = (load_weights(folder / "weights.safetensors").tensors for folder in (run, expected))
    assert made.keys() == whole.keys()
    assert all(torch.equal(made[name], whole[name]) for name in whole)


def test_a_run_goes_on_by_another_number_of_processes_on_the_same_pictures(
    tmp_path: Path,
    on_one_node: tuple[Path, str],
    tiny_recipe: WriteRecipe,
    environment: dict[str, str],
    command: Callable[..., Any],
) -> None:
    expected, _ = on_one_node
    recipe, run = tiny_recipe(tmp_path, CHANGES), tmp_path / RUN
    four = ("--set", "training.batch_size=4")
    assert command("train", recipe, "--run", run, "--steps", 6, *four).code == 0
    refused = command("train", recipe, "--run", run, "--resume", "--set", "training.batch_size=3")
    assert refused.code == 2
    assert "was trained on 4 pictures a step, 4 for each of 1 process" in refused.err
    assert "set training.batch_size to 4" in refused.err
    by_two = trained(tmp_path, environment)
    assert "2 processes instead of 1: the same pictures" in by_two.stderr
    assert steps_of(run) == list(range(1, STEPS + 1))
    found, whole = (load_weights(folder / "weights.safetensors").tensors for folder in (run, expected))
    assert found.keys() == whole.keys()
    moved = [name for name in whole if not torch.equal(found[name], whole[name])]
    for name in moved:
        torch.testing.assert_close(found[name], whole[name], atol=2e-2, rtol=2e-2, msg=name)


def test_what_is_wrong_with_the_folder_is_told_by_all_processes(
    on_one_node: tuple[Path, str], environment: dict[str, str]
) -> None:
    run, _ = on_one_node
    words = two_processes()[:-2]  # without --resume auto
    refused = subprocess.run(words, cwd=run.parents[1], env=environment, capture_output=True, text=True, timeout=200)
    assert refused.returncode != 0
    assert f"prismgan: {RUN}: already holds a training" in refused.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="runs a script of bash")
def test_the_slurm_script_queues_itself_again_until_the_training_is_done(
    tmp_path: Path, tiny_recipe: WriteRecipe, environment: dict[str, str]
) -> None:
    (script,) = (block for block in DOCS.split("```bash\n") if block.startswith("#!"))
    (tmp_path / "train.sh").write_text(script.partition("```")[0].replace(":29500", f":{free_port()}"))
    tools = {
        "srun": 'exec "$@"',
        "scontrol": "case $1 in show) echo 127.0.0.1 ;; *) touch queued-again ;; esac",
        "torchrun": f'exec {sys.executable} -m torch.distributed.run --local-addr 127.0.0.1 "$@"',
    }
    for name, text in tools.items():
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / name).write_text(f"#!/bin/bash\n{text}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    slurm = {"SLURM_NNODES": "1", "SLURM_JOB_ID": "7", "SLURM_JOB_NODELIST": "n1"}
    search = os.pathsep.join([str(tmp_path / "bin"), environment["PATH"]])
    tiny_recipe(tmp_path, {"training.steps": 40, "training.save_every": 1000})
    run = tmp_path / "runs" / "mine"

    def started() -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["bash", "train.sh"],
            cwd=tmp_path,
            env={**environment, **slurm, "PATH": search},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    with started() as job:
        began = time.monotonic()
        while not (run / "metrics.jsonl").exists() or len(steps_of(run)) < 3:
            assert job.poll() is None, job.communicate()
            assert time.monotonic() - began < 200
            time.sleep(0.02)
        os.kill(workers_of(job)[-1], signal.SIGTERM)  # srun's, which is torchrun by now
        _, errors = job.communicate(timeout=100)
    assert "all is saved" in errors, errors
    assert (tmp_path / "queued-again").exists()
    (tmp_path / "queued-again").unlink()
    stopped = steps_of(run)[-1]
    assert stopped < 40
    with started() as job:
        _, errors = job.communicate(timeout=250)
    assert f"resumed at step {stopped}" in errors, errors
    assert steps_of(run) == list(range(1, 41))
    assert not (tmp_path / "queued-again").exists()
