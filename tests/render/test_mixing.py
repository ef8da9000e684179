"""Options beyond plain outputs: strength, blends, seeds, a chain, a mask."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from helpers.tiny_renderers import difference, pixels, tiny_renderer
from prismgan import PrismganError, Renderer, images
from prismgan.render import Request, stages

TASKS = ("restore", "paint", "varied", "fine-2x")
SOURCE = pixels(42, 54)


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return tiny_renderer(*TASKS)


def enlarged(source: NDArray[Any], scale: int) -> NDArray[Any]:
    image = torch.from_numpy(source.astype(np.float32)).permute(2, 0, 1)[None] / 127.5 - 1
    return images.to_uint8(images.upsample(image, scale))[0].permute(1, 2, 0).numpy()


@pytest.mark.parametrize("task", ["restore", "paint", "fine-2x"])
def test_strength_goes_from_the_source_to_the_output_and_beyond(renderer: Renderer, task: str) -> None:
    def at(strength: float) -> NDArray[np.int64]:
        request = Request((task,), strength={task: strength})
        return renderer.render(SOURCE, request, depth=16)[task].astype(np.int64)

    base, plain = at(0), at(1)
    scale = renderer.generator.specs[task].scale
    assert difference(np.round(base / 257).astype(np.uint8), enlarged(SOURCE, scale)) <= 1
    assert np.array_equal(plain, renderer.render(SOURCE, depth=16)[task])
    assert np.abs(plain - base).max() > 1000
    inside = (plain > 0) & (plain < 65535)
    assert np.abs(at(0.5) - (base + plain) / 2)[inside].max() <= 1
    further = at(1.5)
    inside &= (further > 0) & (further < 65535)
    assert np.abs(further - (base + 1.5 * (plain - base)))[inside].max() <= 2


def test_a_blend_is_the_weighted_sum_of_its_looks(renderer: Renderer) -> None:
    blends = {"one": {"paint": 3.0}, "both": {"paint": 1, "restore": 3}, "none-of-it": {"paint": 1, "restore": 0}}
    found = renderer.render(SOURCE, Request(blends=blends))
    assert list(found) == [*TASKS, *blends]
    assert np.array_equal(found["one"], found["paint"])
    assert np.array_equal(found["none-of-it"], found["paint"])
    assert np.abs(found["both"] - (0.25 * found["paint"] + 0.75 * found["restore"])).max() <= 1
    alone = renderer.render(SOURCE, Request(tasks=(), blends={"both": blends["both"]}))
    assert list(alone) == ["both"]
    assert np.array_equal(alone["both"], found["both"])
    weak = renderer.render(SOURCE, Request(tasks=(), blends={"both": blends["both"]}, strength={"both": 0}))
    assert np.array_equal(weak["both"], SOURCE)


def test_several_seeds_give_several_pictures_of_what_varies(renderer: Renderer) -> None:
    calls: list[str] = []
    hook = renderer.generator.trunk.register_forward_hook(lambda *_: calls.append("trunk"))
    blends = {"mixed": {"varied": 1, "restore": 1}}
    found = renderer.render(SOURCE, Request(seeds=(7, 3), blends=blends, strength={"varied": 0.9}))
    hook.remove()
    assert calls == ["trunk"]
    assert list(found) == [
        *("restore", "paint", "varied-seed-7", "varied-seed-3", "fine-2x", "mixed-seed-7", "mixed-seed-3")
    ]
    for seed in (7, 3):
        alone = renderer.render(SOURCE, Request(seeds=(seed,), blends=blends, strength={"varied": 0.9}))
        assert list(alone) == [*TASKS, "mixed"]
        for name in ("varied", "mixed"):
            assert np.array_equal(found[f"{name}-seed-{seed}"], alone[name])
        for name in ("restore", "paint", "fine-2x"):
            assert np.array_equal(found[name], alone[name])
    assert difference(found["varied-seed-7"], found["varied-seed-3"]) > 0


@pytest.mark.parametrize("depth", [8, 16])
def test_a_chain_is_what_one_would_do_by_hand(renderer: Renderer, depth: Any) -> None:
    request = Request(chain=("restore", "fine-2x", "paint"), strength={"paint": 0.5})
    found = renderer.render(SOURCE, request, depth=depth)
    first = renderer.render(SOURCE, depth=16)["restore"]
    second = renderer.render(first, depth=16)["fine-2x"]
    last = Request(("paint",), strength={"paint": 0.5})
    after = renderer.render(renderer.render(second, last, depth=16)["paint"], depth=depth)
    assert list(found) == ["restore+fine-2x+paint", *TASKS]
    assert np.array_equal(found["restore+fine-2x+paint"], renderer.render(second, last, depth=depth)["paint"])
    assert found["fine-2x"].shape == (4 * 42, 4 * 54, 3)
    for name in ("restore", "varied", "fine-2x"):
        assert np.array_equal(found[name], after[name])


def test_a_chain_alone_and_a_chain_of_one(renderer: Renderer) -> None:
    told: list[tuple[int, int]] = []
    request = Request(tasks=(), chain=("restore", "paint"))
    found = renderer.render(SOURCE, request, progress=lambda *now: told.append(now))
    assert list(found) == ["restore+paint"]
    assert told == [(1, 2), (2, 2)]
    one = renderer.render(SOURCE, Request(chain=("restore",)))
    assert list(one) == list(TASKS)
    assert np.array_equal(one["restore"], renderer.render(SOURCE)["restore"])
    assert np.array_equal(one["paint"], found["restore+paint"])
    twice = renderer.render(SOURCE, Request(tasks=("restore",), chain=("restore", "restore")))
    assert list(twice) == ["restore+restore", "restore"]


@pytest.mark.parametrize("chain", [(), ("fine-2x", "restore")])
def test_a_mask_says_where_the_outputs_apply(
    renderer: Renderer, chain: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def masked(mask: NDArray[Any] | None) -> dict[str, NDArray[Any]]:
        return renderer.render(SOURCE, Request(chain=chain, mask=mask, strength={"paint": 0.7}))

    plain = masked(None)
    everywhere, nowhere = masked(np.ones((42, 54), bool)), masked(np.zeros((42, 54)))
    assert all(np.array_equal(everywhere[name], plain[name]) for name in plain)
    half = np.zeros((42, 54), np.float32)
    half[:, 30:] = 1
    found = masked(half)
    for name, untouched in nowhere.items():
        if not chain:
            assert difference(untouched, enlarged(SOURCE, renderer.generator.specs[name].scale)) <= 1
        scale = found[name].shape[0] // 42
        left, right = slice(None, 26 * scale), slice(34 * scale, None)
        assert np.array_equal(found[name][:, left], untouched[:, left])
        if not chain:  # beyond the border of the mask, a chain's input is the source
            assert np.array_equal(found[name][:, right], plain[name][:, right])
        assert difference(found[name][:, right], untouched[:, right]) > 2
    monkeypatch.setattr(stages, "tile_sides", lambda *_: (16, 24))
    tiled = masked(half)
    assert max(difference(tiled[name], found[name]) for name in found) <= 1


def test_names_and_scales_are_known_beforehand(renderer: Renderer) -> None:
    request = Request(("paint", "fine-2x"), chain=("restore", "fine-2x"), blends={"b": {"paint": 1}})
    plan = renderer.plan(request)
    assert plan.scales == {"restore+fine-2x": 2, "paint": 2, "fine-2x": 4, "b": 2}
    assert plan.names == tuple(plan.scales) == tuple(renderer.render(SOURCE, request))


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (Request(("pain",)), "no task is named 'pain'; did you mean 'paint'?"),
        (Request(()), "no task is named \\(these"),
        (Request(chain=("restor",)), "did you mean 'restore'"),
        (Request(strength={"restor": 1}), "did you mean 'restore'"),
        (Request(("paint",), strength={"restore": 1}), "'restore', which is not requested"),
        (Request(strength={"paint": float("nan")}), "strength of 'paint': found nan, expected a number from 0 to 2"),
        (Request(strength={"paint": 2.1}), "found 2.1"),
        (Request(strength={"paint": -0.1}), "found -0.1"),
        (Request(strength={"paint": True}), "found True"),
        (Request(blends={"b": {"pain": 1}}), "did you mean 'paint'"),
        (Request(blends={"b": {}}), "blend 'b': all blend weights are 0"),
        (Request(blends={"b": {"paint": 0}}), "blend 'b': all blend weights are 0"),
        (
            Request(blends={"b": {"paint": -1, "restore": 2}}),
            "weight of 'paint' is -1, expected a number of at least 0",
        ),
        (Request(blends={"b": {"paint": float("inf")}}), "weight of 'paint' is inf"),
        (Request(blends={"b": {"paint": 1, "fine-2x": 1}}), "blend tasks of the same scale"),
        (Request(blends={"paint": {"paint": 1}}), "another output or file has that name"),
        (Request(blends={"source": {"paint": 1}}), "another output or file has that name"),
        (Request(blends={"../b": {"paint": 1}}), "lower-case letters, digits and dashes"),
        (Request(blends={"varied-seed-1": {"paint": 1}}, seeds=(1, 2)), "two outputs would be named 'varied-seed-1'"),
        (Request(tasks=("restore",), seeds=(1, 2)), "2 variations: none of the requested outputs varies with the seed"),
        (Request(seeds=()), "no seed is given"),
        (Request(seeds=(1, 1)), "seed 1 is given twice"),
        (Request(seeds=(-1,)), "seed -1: expected a whole number"),
        (Request(seeds=(0.5,)), "seed 0.5: expected a whole number"),  # type: ignore[arg-type]
        (Request(mask=np.ones((54, 42))), "picture: the mask is 42x54 and the picture 54x42 pixels"),
        (Request(mask=np.full((42, 54), np.nan)), "the mask has values from nan to nan; expected 0 to 1"),
        (Request(mask=np.full((42, 54), 1.1)), "the mask has values from 1.1 to 1.1"),
        (Request(mask=np.ones((42, 54), np.uint8)), "the mask holds uint8 values"),
    ],
)
def test_what_cannot_be_asked_for_is_one_clear_line(renderer: Renderer, request_: Request, message: str) -> None:
    with pytest.raises(PrismganError, match=message) as caught:
        renderer.render(SOURCE, request_)
    assert "\n" not in str(caught.value)
