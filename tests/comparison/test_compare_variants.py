"""The variants of a comparison, and their equal conditions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from prismgan import data
from prismgan.comparison.plan import find_trainings
from prismgan.comparison.variants import MODELS, Axis, Variant, budget_of, check_equal_budgets, find_variants
from prismgan.data import TestSet, TrainingSet
from prismgan.errors import PrismganError, RecipeError
from prismgan.networks import KINDS
from prismgan.recipes.recipe import Recipe
from prismgan.recipes.text import load

MakeRecipe = Callable[..., Path]


@pytest.fixture
def recipe(tmp_path: Path, tiny_recipe: MakeRecipe) -> Path:
    return tiny_recipe(tmp_path)


def test_every_model_is_one(recipe: Path) -> None:
    found = find_variants(recipe, [], MODELS)
    assert [variant.name for variant in found] == list(MODELS)
    joint, experts = found[:2]
    assert list(joint.recipes) == [""]
    assert list(experts.recipes) == ["restore", "enlarge", "paint"]
    for task, expert in experts.recipes.items():
        assert [each.name for each in expert.all_tasks()] == [task]
        assert expert.model == joint.recipes[""].model
        assert expert.training == joint.recipes[""].training


def test_an_expert_sees_what_the_joint_network_sees(recipe: Path) -> None:
    joint, experts = find_variants(recipe, ["data.workers=0"], ["prism", "experts"])
    together, alone = joint.recipes[""], experts.recipes["restore"]
    rows, test = data.split(data.rows(together.data), together.data)

    def samples(recipe: Recipe) -> TrainingSet:
        others = recipe.other_tasks()
        return TrainingSet(rows, recipe.all_tasks(), 32, recipe.degradation, recipe.seed, alongside=others)

    for position in range(6):
        one, other = samples(together).sample(position), samples(alone).sample(position)
        assert torch.equal(one.source, other.source)
        assert torch.equal(one.targets["restore"], other.targets["restore"])
        assert list(other.targets) == ["restore"]
    condition = together.evaluation.conditions[1]
    for each in (together, alone):
        assert [task.scale for task in each.all_tasks() + each.other_tasks()].count(2) == 1
    (one,), (other,) = (
        TestSet(test, each.all_tasks(), condition, 64, alongside=each.other_tasks()) for each in (together, alone)
    )
    assert torch.equal(one.source, other.source)


def test_variations_are_all_combinations(recipe: Path) -> None:
    axes = [Axis.parse("model.balancer=normalised,fixed"), Axis.parse("model.generator.widths=[8, 16],[4, 8]")]
    found = find_variants(recipe, ["training.steps=3"], ["prism", "experts"], axes)
    assert len(found) == 8
    assert found[0].name == "prism balancer=normalised widths=[8, 16]"
    assert found[0].folder == "prism-balancer-normalised-widths-8-16"
    assert [variant.recipes[""].model.balancer for variant in found[::2]] == 2 * ["normalised"] + 2 * ["fixed"]
    assert found[-1].recipes["paint"].model.generator.widths == (4, 8)
    assert Axis.parse("model.rate=1e-3, 2e-3").values == [0.001, 0.002]
    shares = [Axis.parse("tasks.restore.weight=1"), Axis.parse("tasks.paint.weight=0.1")]
    assert find_variants(recipe, [], ["prism"], shares)[0].name == "prism restore.weight=1 paint.weight=0.1"
    assert all(each.training.steps == 3 for variant in found for each in variant.recipes.values())


def test_trainings_go_seed_after_seed(recipe: Path, tmp_path: Path) -> None:
    found = find_trainings(find_variants(recipe, ["seed=5"], ["prism", "experts"]), 2, tmp_path / "out")
    assert [(training.variant, training.part, training.seed) for training in found] == [
        *(("prism", "", 5), ("experts", "restore", 5), ("experts", "enlarge", 5), ("experts", "paint", 5)),
        *(("prism", "", 6), ("experts", "restore", 6), ("experts", "enlarge", 6), ("experts", "paint", 6)),
    ]
    assert len({training.run.folder for training in found}) == len(found)
    assert found[1].run.folder == tmp_path / "out" / "experts" / "restore" / "seed-5"


def test_gradients_are_compared_even_where_the_recipe_does_not_say_so(recipe: Path) -> None:
    def every(*settings: str) -> int:
        (variant,) = find_variants(recipe, settings, ["prism"])
        return variant.recipes[""].training.cosines_every

    assert every("training.steps=400") == 20
    assert every("training.steps=3") == 1
    assert every("training.cosines_every=7") == 7


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "unknown model": ({"models": ["prizm"]}, r"--models prizm: unknown model; did you mean 'prism'\? \(known: prism, "),
    "no model": ({"models": []}, "names no model"),
    "model named twice": ({"models": ["prism", "prism"]}, "'prism' is given twice"),
    "unknown field": ({"axes": ["model.balance=fixed"]}, "did you mean 'balancer'"),
    "unknown value": ({"axes": ["model.balancer=fixd"]}, "did you mean 'fixed'"),
    "no value": ({"axes": ["model.balancer="]}, "expected path=value,value"),
    "no path": ({"axes": ["fixed"]}, "expected path=value,value"),
    "value named twice": ({"axes": ["model.balancer=dwa,dwa"]}, "'dwa' is given twice"),
    "no YAML": ({"axes": ["model.balancer=[a"]}, "not valid YAML"),
    "same folder": ({"axes": ["name=a b,a-b"], "models": ["prism"]}, "would have the folder 'prism-name-a-b'"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_refused(case: str, recipe: Path) -> None:
    asked, message = WRONG[case]
    with pytest.raises(RecipeError, match=message):
        find_variants(recipe, [], asked.get("models", ["prism"]), [Axis.parse(text) for text in asked.get("axes", [])])


# -- the budget -----------------------------------------------------------------------------------


def test_budgets_are_counted(recipe: Path) -> None:
    joint, experts = find_variants(recipe, [], ["prism", "experts"])
    counts = KINDS["prism"].generator(joint.recipes[""].model.generator, []).parameter_counts
    budget, apart = budget_of(joint), budget_of(experts)
    assert (budget.steps, budget.batch_size, budget.crop) == (8, 2, 32)
    mapping = counts()["shared"]
    parts = sum(number - mapping for number in apart.parameters.values())
    assert mapping < budget.total < mapping + parts, "what tasks share is counted once, and in every expert"
    check_equal_budgets([joint, experts], {"prism": budget, "experts": apart})


def against_joint(recipe: Path, *settings: str) -> None:
    """Compare the recipe with some settings to the recipe, as two variants of one comparison."""
    (joint,) = find_variants(recipe, [], ["prism"])
    other = Variant("other", "other", "", {"": load(recipe, settings)})
    check_equal_budgets([joint, other], {each.name: budget_of(each) for each in (joint, other)})


def test_equal_budgets_pass(recipe: Path) -> None:
    against_joint(recipe, "model.balancer=fixed")
    against_joint(recipe, "model.generator.code=9")  # about 1 % more


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (
            "model.generator.style.coarse=12",
            r"other: has .* 1\.\d\d times those of prism .* they may differ by at most 5%",
        ),
        ("training.steps=9", "other: trains 9 steps of 2 crops of 32 pixels, prism 8 of 2 of 32"),
        ("training.batch_size=3", "3 crops"),
        ("training.crop=48", "48 pixels"),
    ],
)
def test_unequal_budgets_are_refused(setting: str, message: str, recipe: Path) -> None:
    with pytest.raises(PrismganError, match=message):
        against_joint(recipe, setting)


def test_a_variation_may_change_the_size(recipe: Path) -> None:
    found = find_variants(recipe, [], ["prism"], [Axis.parse("model.generator.widths=[8, 16],[16, 32]")])
    check_equal_budgets(found, {variant.name: budget_of(variant) for variant in found})
