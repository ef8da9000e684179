"""Metrics whose weights a recipe names: from the recipe to the report."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from helpers.squeeze_weights import written
from prismgan import images
from prismgan.errors import RecipeError
from prismgan.evaluation.measurement import Measurement
from prismgan.evaluation.set_scores import NamedMetrics, SetScores
from prismgan.metrics import SetMetric
from prismgan.recipes.recipe import EvaluationConfig
from prismgan.recipes.text import load
from prismgan.tasks import Task
from prismgan.tasks.paired import Restore
from prismgan.tasks.unpaired import Style, UnpairedEntry

Command = Callable[..., Any]
DrawPicture = Callable[..., Path]
WriteRecipe = Callable[..., Path]


def means(pictures: Tensor) -> Tensor:
    return pictures.mean(dim=(2, 3))


def between_means(first: Tensor, second: Tensor, random: torch.Generator) -> tuple[float, float]:
    return float((first.mean(0) - second.mean(0)).norm()), float(len(first))


COLOUR = SetMetric("colour", "", "lower", 2, 20, means, between_means)


def grey(level: float, side: int = 24) -> Tensor:
    return torch.full((1, 3, side, side), level)


def scores(*shown: Task, metric: SetMetric = COLOUR) -> SetScores:
    return SetScores([metric], shown, maximum_side=16, seed=0, device="cpu")


def test_a_task_with_pairs_is_compared_with_its_targets() -> None:
    task = Restore(name="clean").task()
    sets = scores()
    for level in (0.2, 0.4):
        sets.add("noisy", task, grey(level), grey(level + 0.4), grey(0.5))
    sets.add("noisy", task, grey(1.0, 19), grey(1.0, 19), grey(1.0, 19))  # too small
    sets.add("clean", task, grey(1.0), grey(1.0), grey(1.0))
    (row,) = sets.measurements("noisy", task)
    assert row.value == pytest.approx(0.2 * 3**0.5)
    assert row.baseline == pytest.approx(0.2 * 3**0.5)
    assert row.deviation == 2
    assert (row.metric, row.better, row.compared_with) == ("colour", "lower", "target")
    assert sets.measurements("clean", task) == [], "one picture is no set"
    assert sets.measurements("other", task) == []


def test_a_task_without_pairs_is_compared_with_what_it_was_shown(tmp_path: Path) -> None:
    for name, level in (("a", -1.0), ("b", 0.0), ("c", 1.0)):
        images.write(tmp_path / "domain" / f"{name}.png", grey(level, 50)[0])
    (tmp_path / "domain" / "broken.png").write_text("no picture")
    task = UnpairedEntry(name="look", pictures=(str(tmp_path / "domain"),)).task()
    largest: list[int] = []

    def seen(pictures: Tensor) -> Tensor:
        largest.append(max(pictures.shape))
        return means(pictures)

    sets = scores(task, metric=SetMetric("colour", "", "lower", 2, 20, seen, between_means))
    assert largest == [32, 32, 32], "pictures are as large as test pictures"
    for _ in range(2):
        sets.add("clean", task, grey(1.0), grey(0.5), None)
    (row,) = sets.measurements("clean", task)
    assert row.value == pytest.approx(3**0.5, abs=0.01)
    assert row.baseline == pytest.approx(0.5 * 3**0.5, abs=0.01)
    assert row.compared_with == "domain"
    assert "broken.png" in "".join(sets.skipped.values())
    unknown = scores()  # where its pictures are unavailable
    for _ in range(2):
        unknown.add("clean", task, grey(1.0), grey(0.5), None)
    assert unknown.measurements("clean", task) == []


def test_a_style_of_several_pictures_is_a_set(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.png" for number in range(2)]
    for path in paths:
        images.write(path, grey(0.0, 50)[0])
    tasks = [
        Style(name="several", exemplars=tuple(map(str, paths)), exemplar_size=64).task(),
        Style(name="one", exemplars=(str(paths[0]),), exemplar_size=64).task(),
    ]
    sets = scores(*tasks)
    for task in tasks:
        for _ in range(2):
            sets.add("clean", task, grey(0.5), grey(0.5), None)
    assert [row.compared_with for row in sets.measurements("clean", tasks[0])] == ["exemplar"]
    assert sets.measurements("clean", tasks[1]) == []


def test_what_is_not_finite_is_no_number_for_json() -> None:
    task, sets = Restore(name="clean").task(), scores()
    for _ in range(2):
        sets.add("clean", task, grey(float("nan")), grey(0.0), grey(0.0))
    (row,) = sets.measurements("clean", task)
    assert row.value is None
    assert row.baseline == 0


def test_only_what_is_named_is_measured(tmp_path: Path) -> None:
    squeezenet, linear = map(str, written(tmp_path))
    assert NamedMetrics.of(EvaluationConfig()) == NamedMetrics()
    seen = NamedMetrics.of(EvaluationConfig(squeezenet=squeezenet))
    assert ([m.name for m in seen.pictures], [m.name for m in seen.sets]) == ([], ["kid"])
    both = NamedMetrics.of(EvaluationConfig(squeezenet=squeezenet, lpips=linear))
    assert ([m.name for m in both.pictures], [m.name for m in both.sets]) == (["lpips"], ["kid"])


def test_paths_are_relative_to_the_recipe_and_heads_need_a_network(tmp_path: Path, tiny_recipe: WriteRecipe) -> None:
    recipe = tiny_recipe(tmp_path, {"evaluation.squeezenet": "nets/s.pth", "evaluation.lpips": "squeeze.pth"})
    found = load(recipe).evaluation
    assert (found.squeezenet, found.lpips) == (str(tmp_path / "nets" / "s.pth"), str(tmp_path / "squeeze.pth"))
    with pytest.raises(RecipeError, match=r"evaluation: lpips needs the network .* set squeezenet as well"):
        load(tiny_recipe(tmp_path, {"evaluation.lpips": "squeeze.pth"}))


def test_a_training_reports_them(
    tmp_path: Path, tiny_recipe: WriteRecipe, draw_picture: DrawPicture, command: Command
) -> None:
    written(tmp_path)
    named = {"evaluation.squeezenet": "squeezenet1_1.pth", "evaluation.lpips": "squeeze.pth"}
    recipe = tiny_recipe(tmp_path, {"training.steps": 2, "data.workers": 0, **named})
    for number in range(3):
        draw_picture(tmp_path / "held-out" / f"more-{number}.png", 70, 66, 30 + number)
    run = tmp_path / "run"
    finished = command("train", recipe, "--run", run)
    assert finished.code == 0, finished.err
    rows = json.loads((run / "evaluation.json").read_text())["rows"]
    for task, metrics in (("restore", {"psnr", "lpips", "kid"}), ("paint", {"nmi", "lpips", "style_distance"})):
        found = {row["metric"]: row for row in rows if (row["task"], row["condition"]) == (task, "noise-25")}
        assert metrics <= found.keys()
        assert ("kid" in found) == (task == "restore"), "one exemplar is no set"
        assert found["lpips"]["value"] > 0
        assert "kid" not in found or abs(found["kid"]["value"]) < 16, "(cosine + 1)^3 is 8 at most"
    page = (run / "report.html").read_text()
    assert "LPIPS" in page
    assert "KID, by SqueezeNet" in page
    assert "\N{PLUS-MINUS SIGN}" in page

    weights, photos = run / "weights.safetensors", tmp_path / "held-out"
    shown = command("evaluate", weights, "--data", photos)
    assert shown.code == 0, shown.err
    assert [line for line in shown.out.splitlines() if line.split()[2] == "kid" and " +- " in line]
    (tmp_path / "squeeze.pth").rename(tmp_path / "moved.pth")
    without = json.loads(command("evaluate", weights, "--data", photos, "--json").out)["rows"]
    assert not {row["metric"] for row in without} & {"lpips", "kid"}
    given = ("--squeezenet", tmp_path / "squeezenet1_1.pth", "--lpips", tmp_path / "moved.pth")
    again = json.loads(command("evaluate", weights, "--data", photos, *given, "--json").out)["rows"]
    assert {row["metric"] for row in again} >= {"lpips", "kid"}
    refused = command("evaluate", weights, "--data", photos, "--lpips", tmp_path / "moved.pth")
    assert refused.code == 2
    assert "--squeezenet" in refused.err

    finished = command("train", recipe, "--run", tmp_path / "other")
    assert finished.code == 2, "a missing file is named before the training and not after it"
    assert "squeeze.pth: no such file" in finished.err


def test_a_distance_of_sets_that_is_zero_cannot_be_improved_on() -> None:
    row = Measurement(task="a", metric="kid", better="lower", value=0.1, deviation=0.01, baseline=-0.02)
    assert row.verdict == ""
    assert row.model_copy(update={"baseline": 0.02}).verdict == "worse"
    assert row.model_copy(update={"baseline": 0.2}).verdict == "better"
