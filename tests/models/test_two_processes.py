"""Two processes with half the rows each compute what one process computes with all rows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, distributed

from helpers import two_processes
from helpers.tiny_kinds import COMPARISON_KINDS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not distributed.is_available(), reason="torch was built without processes"),
]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The results of either process."""
    folder = tmp_path_factory.mktemp("processes")
    script = Path(two_processes.__file__)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    results = [folder / f"{rank}.pt" for rank in range(two_processes.PROCESSES)]
    started = [
        subprocess.Popen(
            [sys.executable, str(script), str(rank), str(folder / "rendezvous"), str(result)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank, result in enumerate(results)
    ]
    try:
        for process in started:
            said, _ = process.communicate(timeout=120)
            assert process.returncode == 0, said
    finally:
        for process in started:
            process.kill()
            process.wait()
    return [torch.load(result) for result in results]


@pytest.fixture(scope="module")
def alone() -> dict[str, Any]:
    return two_processes.run()


@pytest.mark.parametrize("case", two_processes.CASES)
def test_gradients_of_both_networks_are_those_of_one_process(
    case: str, alone: dict[str, Any], both: list[dict[str, Any]]
) -> None:
    expected: dict[str, Tensor | None] = alone[case]
    assert any(name.startswith("discriminator.") for name in expected)
    shared = [gradient for name, gradient in expected.items() if ".trunk." in name and gradient is not None]
    assert shared
    assert all(gradient.any() for gradient in shared)
    for found in both:
        assert found[case].keys() == expected.keys()
        for name, gradient in expected.items():
            if gradient is None:
                assert found[case][name] is None, name
            else:
                # Apart from rounding, which may put a value on the other side of a ReLU's kink.
                assert (found[case][name] - gradient).norm() < 0.01 * gradient.norm() + 1e-4, name


@pytest.mark.parametrize("kind", COMPARISON_KINDS)
def test_gradients_of_every_kind_are_those_of_one_process(
    kind: str, alone: dict[str, Any], both: list[dict[str, Any]]
) -> None:
    expected: dict[str, Tensor | None] = alone[kind]
    assert any(gradient is not None and gradient.any() for gradient in expected.values())
    for found in both:
        assert found[kind].keys() == expected.keys()
        for name, gradient in expected.items():
            if name.startswith("discriminator.") and kind == "cwgan":
                continue  # of several updates, the later ones after an Adam step, which magnifies rounding
            if gradient is None:
                assert found[kind][name] is None, name
            else:
                torch.testing.assert_close(found[kind][name], gradient, atol=1e-4, rtol=1e-4, msg=name)


def test_the_pace_of_losses_is_that_of_the_whole_batch(alone: dict[str, Any], both: list[dict[str, Any]]) -> None:
    assert both[0]["paces"] == both[1]["paces"]
    assert both[0]["paces"] == pytest.approx(alone["paces"], rel=0.01)
    assert len(set(alone["paces"].values())) > 1


def test_tasks_that_are_not_drawn_are_left_alone_by_all(alone: dict[str, Any], both: list[dict[str, Any]]) -> None:
    assert both[0]["moved"] == both[1]["moved"] == alone["moved"]
    assert len(set(map(frozenset, alone["moved"]))) > 1


def test_a_nan_in_one_process_stops_the_step_of_all(alone: dict[str, Any], both: list[dict[str, Any]]) -> None:
    for found in (alone, *both):
        assert found["skipped"] == 1
        assert found["unchanged"]
