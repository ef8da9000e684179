from __future__ import annotations

from helpers.games import WEIGHTS, game
from prismgan.balancing import Fixed, Step


def test_fixed_is_the_weighted_sum() -> None:
    losses, outputs = game()
    total = Fixed(WEIGHTS)(losses, Step(outputs))
    assert float(total.detach()) == 1 * 12.5 + 2 * 500
    total.backward()
    assert outputs["clean"].grad.tolist() == [3, 4]  # type: ignore[union-attr]
    assert outputs["paint"].grad.tolist() == [[0, -2000]]  # type: ignore[union-attr]
    assert not list(Fixed(WEIGHTS).parameters())
