"""The weights file: what it claims is compared with what is there."""

from __future__ import annotations

import resource
from dataclasses import replace
from typing import Any

import pytest

from prismgan.errors import WeightsError
from prismgan.networks import StyleBranchConfig
from prismgan.weights import remove_tasks
from tiny_weights import tiny_weights

CLAIMS: dict[str, tuple[dict[str, Any], str]] = {
    "a thousand blocks": ({"blocks": (1000, 1000)}, "claims 2,000 blocks and holds"),
    "wide and deep": ({"widths": (1024, 1024), "blocks": (40, 40)}, "claims a larger network than it holds"),
    "wide heads": ({"style": StyleBranchConfig(coarse=1024, blocks=64)}, "claims a larger network than it holds"),
    "another width": ({"widths": (8, 12)}, "do not fit its own description"),
}


@pytest.mark.parametrize("case", CLAIMS)
def test_a_larger_network_than_the_file_holds_is_not_built(case: str) -> None:
    claimed, words = CLAIMS[case]
    weights = tiny_weights()
    header = weights.header.model_copy(update={"generator": weights.header.generator.model_copy(update=claimed)})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(WeightsError, match=f"tiny.safetensors: .*{words}.*; the file is damaged"):
        replace(weights, header=header).network()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000


def test_what_fits_is_built() -> None:
    weights = tiny_weights()
    assert set(weights.network().specs) == {entry.name for entry in weights.header.tasks}
    assert len(remove_tasks(weights, ["paint"]).header.tasks) == len(weights.header.tasks) - 1
