"""Models of equal size."""

from __future__ import annotations

import pytest

from helpers.tiny_kinds import PHOTO_KINDS
from helpers.tiny_models import config_of, tasks
from prismgan.comparison.variants import TOLERANCE, at_equal_parameters, beside, rendering
from prismgan.errors import RecipeError
from prismgan.models import MODELS, PrismConfig

every_kind = pytest.mark.parametrize("kind", PHOTO_KINDS)


@every_kind
@pytest.mark.parametrize("count", [1, 5])
def test_every_kind_can_be_made_as_large_as_ours(kind: str, count: int) -> None:
    some = tasks()[:count]
    wanted = rendering(PrismConfig(), some)
    before = MODELS[kind].config_type()
    found = at_equal_parameters(before, some, wanted)
    assert abs(rendering(found, some) / wanted - 1) <= TOLERANCE
    assert type(found) is type(before)
    assert found.generator.blocks == before.generator.blocks
    proportions = [new / old for new, old in zip(found.generator.widths, before.generator.widths, strict=True)]
    assert max(proportions) / min(proportions) < 1.1
    assert found.model_copy(update={"generator": before.generator}) == before


@every_kind
def test_counts_are_those_of_the_networks_that_are_built(kind: str) -> None:
    config = config_of(kind)
    made = MODELS[config.kind](config, tasks(), None, steps=1)
    assert rendering(config, tasks()) == sum(p.numel() for p in made.generator.parameters())
    assert beside(config, tasks()) == {
        name: sum(p.numel() for p in network.parameters()) for name, network in made.networks.items()
    }


def test_what_serves_training_alone_is_told_beside() -> None:
    names = {kind: set(beside(config_of(kind), tasks())) for kind in PHOTO_KINDS}
    assert names["prism"] == names["cwgan"] == {"discriminator"}
    assert names["cvae"] == {"posterior"}
    assert names["cganomaly"] == {"encoder", "discriminator"}


def test_a_number_that_no_width_gives_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"kind cvae: no width gives it 10 parameters within 5%; the nearest has"):
        at_equal_parameters(config_of("cvae"), tasks(), 10)
