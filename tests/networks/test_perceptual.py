"""Learnt feature networks: every accepted file, the cache, and the distillation that makes our own."""

from __future__ import annotations

import copy
import importlib.util
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.squeeze_weights import convolution, squeeze
from prismgan import images
from prismgan.data import pictures
from prismgan.errors import WeightsError
from prismgan.losses.content import FeatureContent, Perceptual
from prismgan.networks import FeatureNetwork
from prismgan.networks.features import SqueezeFeatures
from prismgan.recipes.text import parse
from prismgan.weights import default_features, find_features, load_features, load_squeeze

Tensors = dict[str, Tensor]
WIDTHS = ((4, 5), (6, 7), (8, 8, 8, 8), (9, 9, 9, 9), (10,))
PRUNED = (
    ("conv11", "conv12"),
    ("conv21", "conv22"),
    ("conv31", "conv32", "conv33", "conv34"),
    ("conv41", "conv42", "conv43", "conv44"),
    ("conv51",),
)
NORMALISED = (("2", "5"), ("9", "12"), ("16",))
TORCHVISION = (
    ("features.0", "features.2"),
    ("features.5", "features.7"),
    ("features.10", "features.12", "features.14", "features.16"),
    ("features.19", "features.21", "features.23", "features.25"),
    ("features.28",),
)
MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
DEVIATION = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)


def photos(rows: int = 2, height: int = 40, width: int = 48, seed: int = 0) -> Tensor:
    return torch.rand(rows, 3, height, width, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def vgg(names: tuple[tuple[str, ...], ...], colours: str | None = None) -> Tensors:
    tensors: Tensors = {}
    if colours is not None:
        convolution(tensors, colours, 3, 3, size=1)
    inputs = 3
    for stage, widths in zip(names, WIDTHS, strict=False):
        for name, width in zip(stage, widths, strict=False):
            convolution(tensors, name, inputs, width)
            inputs = width
    return tensors


def apply(tensors: Mapping[str, Tensor], name: str, x: Tensor, **options: int) -> Tensor:
    return F.conv2d(x, tensors[f"{name}.weight"].float(), tensors[f"{name}.bias"].float(), **options)


def vgg_by_hand(
    tensors: Mapping[str, Tensor], names: tuple[tuple[str, ...], ...], colours: str | None
) -> Callable[[Tensor], list[Tensor]]:
    def forward(images: Tensor) -> list[Tensor]:
        unit = (images + 1) / 2
        x = (unit - MEAN) / DEVIATION if colours is None else apply(tensors, colours, unit)
        found = []
        for number, stage in enumerate(names):
            x = F.max_pool2d(x, 2) if number else x
            for name in stage:
                x = F.relu(apply(tensors, name, F.pad(x, (1, 1, 1, 1), mode="reflect")))
                if name == stage[0]:
                    found.append(x)
        return found

    return forward


def squeeze_by_hand(tensors: Mapping[str, Tensor], deep: bool = False) -> Callable[[Tensor], list[Tensor]]:
    def fire(number: int, x: Tensor) -> Tensor:
        x = F.relu(apply(tensors, f"features.{number}.squeeze", x))
        wide = apply(tensors, f"features.{number}.expand3x3", x, padding=1)
        return torch.cat([apply(tensors, f"features.{number}.expand1x1", x), wide], dim=1).relu()

    def pool(x: Tensor) -> Tensor:
        return F.max_pool2d(x, 3, 2, ceil_mode=True)

    def forward(images: Tensor) -> list[Tensor]:
        first = apply(tensors, "features.0", ((images + 1) / 2 - MEAN) / DEVIATION, stride=2).relu()
        second = fire(4, fire(3, pool(first)))
        third = fire(7, fire(6, pool(second)))
        found = [first, second, third, fire(9, pool(third))]
        for number in (10, 11, 12) if deep else ():
            found.append(fire(number, found[-1]))
        return found

    return forward


pruned, normalised, torchvision = vgg(PRUNED, "conv0"), vgg(NORMALISED, "0"), vgg(TORCHVISION)
other_parts = {"conv11_aux.weight": torch.ones(64, 4, 1, 1), "conv51_aux.weight": torch.ones(512, 10, 1, 1)}
LAYOUTS: dict[str, tuple[Tensors, Callable[[Tensor], list[Tensor]]]] = {
    "pruned": (pruned | other_parts, vgg_by_hand(pruned, PRUNED, "conv0")),
    "normalised": (normalised, vgg_by_hand(normalised, NORMALISED, "0")),
    "torchvision": (
        torchvision | {"classifier.0.weight": torch.ones(4, 4)},
        vgg_by_hand(torchvision, TORCHVISION, None),
    ),
    "squeeze": (squeeze(), squeeze_by_hand(squeeze())),
}


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_maps_of_its_network(tmp_path: Path, layout: str, suffix: str) -> None:
    tensors, by_hand = LAYOUTS[layout]
    path = tmp_path / f"weights{suffix}"
    torch.save(tensors, path) if suffix == ".pth" else save_file(tensors, path)
    network = load_features(path)
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())
    images = photos()
    found, expected = network(images), by_hand(images)
    assert len(found) == len(expected) == {"normalised": 3, "squeeze": 4}.get(layout, 5)
    for maps, wanted in zip(found, expected, strict=True):
        assert maps.dtype == torch.float32
        torch.testing.assert_close(maps, wanted, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_squeezenet_gives_all_maps_that_lpips_compares(tmp_path: Path, suffix: str) -> None:
    tensors = squeeze(SqueezeFeatures.LPIPS_LEVELS) | {"classifier.1.weight": torch.ones(3, 512, 1, 1)}
    path = tmp_path / f"squeezenet1_1{suffix}"
    torch.save(tensors, path) if suffix == ".pth" else save_file(tensors, path)
    network, images = load_squeeze(path), photos()
    expected = squeeze_by_hand(tensors, deep=True)(images)
    assert tuple(maps.shape[1] for maps in expected) == SqueezeFeatures.LPIPS_CHANNELS
    for maps, wanted in zip(network(images), expected, strict=True):
        torch.testing.assert_close(maps, wanted, atol=1e-4, rtol=1e-4)
    assert not any(parameter.requires_grad for parameter in network.parameters())
    for side, levels in ((SqueezeFeatures.SMALLEST, 7), (SqueezeFeatures.SMALLEST - 1, 3)):
        assert len(network(photos(1, side, 40))) == levels


def test_a_shallow_squeezenet_is_not_the_one_of_lpips(tmp_path: Path) -> None:
    save_file(squeeze(), tmp_path / "shallow.safetensors")
    with pytest.raises(WeightsError, match=r"do not fit together as SqueezeNet; expected torchvision's"):
        load_squeeze(tmp_path / "shallow.safetensors")
    with pytest.raises(WeightsError, match=r"no such file; expected torchvision's"):
        load_squeeze(tmp_path / "none.pth")


def ours(path: Path) -> FeatureNetwork:
    """Our own layout, in float16 as published."""
    torch.manual_seed(0)
    network = FeatureNetwork(WIDTHS).half()
    save_file(network.state_dict(), path, {"prismgan": "{}"})
    return network.float()


def test_our_own_layout_comes_back_as_it_was(tmp_path: Path) -> None:
    network = ours(tmp_path / "features.safetensors")
    loaded = load_features(tmp_path / "features.safetensors")
    assert isinstance(loaded, FeatureNetwork)
    assert loaded.widths == (4, 6, 8, 9, 10)
    for maps, wanted in zip(loaded(photos()), network(photos()), strict=True):
        torch.testing.assert_close(maps, wanted)


@pytest.mark.parametrize(
    ("side", "levels"), [(32, 5), (31, 4), (16, 4), (15, 3), (8, 3), (4, 2), (3, 1), (2, 1), (1, 0)]
)
def test_levels_that_an_image_is_too_small_for_are_left_out(side: int, levels: int) -> None:
    maps = FeatureNetwork(WIDTHS)(photos(1, side, side + 9))
    assert [tuple(level.shape[-2:]) for level in maps] == [(side >> k, (side + 9) >> k) for k in range(levels)]


@pytest.mark.parametrize(("side", "levels"), [(17, 4), (16, 3), (9, 3), (8, 2), (5, 2), (4, 1), (3, 1), (2, 0)])
def test_squeeze_leaves_out_levels_as_well(side: int, levels: int) -> None:
    assert len(SqueezeFeatures()(photos(1, side, 40))) == levels


def test_no_file_means_the_network_that_prismgan_brings(tmp_path: Path) -> None:
    ours(tmp_path / "features.safetensors")
    path = str(tmp_path / "features.safetensors")
    assert isinstance(find_features((path,)), FeatureNetwork)
    assert [maps.shape[1] for maps in find_features(("wide", path)[1:] * 2)(photos())] == [4, 6, 8, 9, 10]
    assert find_features(()).widths == default_features().widths == (24, 48, 96, 160)


def broken(name: str, tensors: Tensors) -> Tensors:
    return {key: tensor for key, tensor in tensors.items() if key != name}


WRONG: dict[str, tuple[str, Tensors | bytes | None]] = {
    "missing": ("no such file", None),
    "text": ("cannot be read", b"hello"),
    "empty": ("cannot be read", b""),
    "cut off": ("cannot be read", b"cut"),
    "something else": ("is not a feature network", {"generator.weight": torch.ones(3)}),
    "a layer is missing": ("is not a feature network", broken("conv32.weight", pruned)),
    "half of SqueezeNet": ("do not fit together", broken("features.9.squeeze.bias", squeeze())),
    "colours are missing": ("do not fit together", broken("0.weight", normalised)),
    "shapes differ": ("do not fit together", pruned | {"conv21.weight": torch.ones(6, 9, 3, 3)}),
    "other kernels": ("do not fit together", pruned | {"conv21.weight": torch.ones(6, 5, 5, 5)}),
    "a flat tensor": ("do not fit together", pruned | {"conv11.weight": torch.ones(4)}),
    "not finite": ("non-finite", pruned | {"conv11.bias": torch.full((4,), float("nan"))}),
}


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_wrong_file_is_one_line_that_names_it(tmp_path: Path, case: str, suffix: str) -> None:
    message, content = WRONG[case]
    path = tmp_path / f"weights{suffix}"
    if content == b"cut":
        torch.save(pruned, path) if suffix == ".pth" else save_file(pruned, path)
        path.write_bytes(path.read_bytes()[:-50])
    elif isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path) if suffix == ".pth" else save_file(content, path)
    with pytest.raises(WeightsError, match=message) as caught:
        load_features(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_folder_and_a_file_of_something_else_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="cannot be read"):
        load_features(tmp_path)
    torch.save([torch.ones(3)], tmp_path / "list.pt")
    with pytest.raises(WeightsError, match="cannot be read"):
        load_features(tmp_path / "list.pt")


# -- the cache -----------------------------------------------------------------------------------


class Counting(FeatureNetwork):
    """Counts how often maps are computed."""

    computed = 0

    def maps(self, images: Tensor) -> list[Tensor]:
        self.computed += 1
        return super().maps(images)


@pytest.fixture
def network() -> Counting:
    torch.manual_seed(0)
    counting = Counting(WIDTHS)
    counting.frozen()
    return counting


def test_the_same_tensor_gives_the_same_maps(network: Counting) -> None:
    images = photos()
    first, again = network(images), network(images)
    assert all(a is b for a, b in zip(first, again, strict=True))
    network(images.clone())
    assert network.computed == 2


def test_the_last_few_tensors_are_remembered(network: Counting) -> None:
    reference, outputs = photos(seed=9), [photos(seed=seed) for seed in range(3)]
    for output in outputs:  # as the losses of three tasks do
        for pictures_seen in (output, output, reference):
            network(pictures_seen)
    assert network.computed == 4
    network(outputs[0])
    assert network.computed == 5


def test_a_tensor_that_was_changed_in_place_is_looked_at_again(network: Counting) -> None:
    images = photos()
    before = network(images)
    images.mul_(0.5)
    assert not torch.equal(network(images)[0], before[0])
    assert network.computed == 2


def test_maps_without_gradient_are_not_given_to_who_needs_one(network: Counting) -> None:
    images = photos().requires_grad_()
    with torch.no_grad():
        assert not network(images)[0].requires_grad
    assert network(images)[0].requires_grad
    with torch.no_grad():
        assert not network(images)[0].requires_grad
    fixed = images.detach()
    assert not network(fixed)[0].requires_grad
    assert network(fixed.requires_grad_())[0].requires_grad


def test_maps_of_another_precision_are_not_given_out(network: Counting) -> None:
    images = photos()
    with torch.autocast("cpu", torch.bfloat16):
        assert network(images)[3].dtype == torch.bfloat16
    assert network(images)[3].dtype == torch.float32


def test_maps_are_forgotten_once_a_gradient_went_through(network: Counting) -> None:
    images = photos().requires_grad_()
    for _ in range(2):  # the second time fails because the graph was freed
        network(images)[2].sum().backward()
    assert network.computed == 2
    torch.autograd.grad(network(images)[0].sum(), images)
    torch.autograd.grad(network(images)[0].sum(), images)


def test_a_network_that_learns_remembers_nothing(network: Counting) -> None:
    images = photos()
    network.requires_grad_(True)
    before = network(images)[0]
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(2)
    assert not torch.equal(network(images)[0], before)


def test_a_copy_starts_without_memories_and_inference_tensors_work(network: Counting) -> None:
    images = photos().requires_grad_()
    network(images)
    assert copy.deepcopy(network)(images.detach())
    with torch.inference_mode():
        assert network(photos())


def test_bfloat16_on_a_processor_comes_near(network: Counting) -> None:
    images = photos().contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = network(images)
    for maps, exact in zip(rounded, network(images), strict=True):
        assert (maps.float() - exact).norm() < 0.02 * exact.norm()


# -- content by features ---------------------------------------------------------------------------


def seen(reference: Tensor) -> object:
    from prismgan.batch import TaskBatch

    return TaskBatch(reference, reference, None)


def test_content_by_features_by_hand(network: Counting) -> None:
    content, reference, output = FeatureContent(network), photos(seed=1), photos(seed=2)
    assert content(reference, seen(reference)).tolist() == [0, 0]
    found, wanted = network(output), network(reference)
    by_hand = ((found[3] - wanted[3]) ** 2).mean((1, 2, 3)) / content.powers[3]
    torch.testing.assert_close(content(output, seen(reference)), by_hand)


def test_content_is_the_same_for_louder_features(network: Counting) -> None:
    louder = copy.deepcopy(network)
    with torch.no_grad():
        for parameter in louder.stages[-1].parameters():
            parameter.mul_(3)
    first, second = (FeatureContent(features)(photos(seed=2), seen(photos(seed=1))) for features in (network, louder))
    torch.testing.assert_close(first, second, atol=1e-4, rtol=1e-4)


def test_content_refuses_other_sizes(network: Counting) -> None:
    with pytest.raises(ValueError, match="differ in size"):
        FeatureContent(network)(photos(2, 32, 32), seen(photos(2, 40, 32)))


def test_an_enlargement_is_compared_with_its_target_in_the_middle(network: Counting) -> None:
    from prismgan.batch import TaskBatch

    perceptual, target = Perceptual(network), photos(2, 160, 144, seed=3)
    batch = TaskBatch(photos(2, 40, 36), photos(2, 40, 36), target)
    edge, middle = target.clone(), target.clone()
    edge[..., :16, :] = 0
    middle[..., 70:80, 70:80] += 0.2
    assert perceptual(edge, batch).tolist() == [0, 0]
    assert (perceptual(middle, batch) > 0).all()
    with pytest.raises(ValueError, match="no target of its size"):
        perceptual(target[..., 1:, :], batch)


# -- distillation ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    path = Path(__file__).parents[2] / "tools" / "distil_features.py"
    spec = importlib.util.spec_from_file_location("distil_features", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["distil_features"] = module
    spec.loader.exec_module(module)
    return module


def made(widths: tuple[tuple[int, ...], ...], seed: int) -> FeatureNetwork:
    torch.manual_seed(seed)
    network = FeatureNetwork(widths)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
    return network


@pytest.fixture
def distillation(tool: ModuleType, monkeypatch: pytest.MonkeyPatch) -> object:
    """From synthetic teachers with three and four levels, on built-in pictures."""
    monkeypatch.setattr(tool, "CROP", 48)
    wide = made(((8, 8), (12, 12), (16,)), 1).frozen()
    pruned = made(((6, 6), (8, 8), (10, 10), (12,)), 2).frozen()
    back = [(torch.randn(20, width, 1, 1), torch.zeros(20)) for width in (6, 8, 10, 12)]
    train = {"photos": [pictures.load(name) for name in pictures.expand(("builtin:photos",))[:3]]}
    paintings = [
        images.to_float(pictures.load(name))[:, :64, :80] for name in pictures.expand(("builtin:photos",))[3:6]
    ]
    return tool.Distillation(
        tool.Teacher(wide, pruned, back),
        tool.Crops(train, 0),
        widths=((6, 6), (10, 10), (12, 12), (16,)),
        rows=4,
        paintings=paintings,
    )


@pytest.mark.slow
def test_a_short_distillation_lowers_every_kind_of_error(tool: ModuleType, distillation: object) -> None:
    pictures = distillation.crops.batch(tool.ASIDE, 8)  # type: ignore[attr-defined]
    with torch.no_grad():
        before = distillation.terms(pictures)  # type: ignore[attr-defined]
    tool.distil(distillation, minutes=0, steps=100)
    with torch.no_grad():
        after = distillation.terms(pictures)  # type: ignore[attr-defined]
    of_levels = [term for term in tool.TERMS if term != "style"]
    assert set(before) == {f"{term}/{level}" for term in of_levels for level in (1, 2, 3, 4)} | {"style/all"}
    for term in tool.TERMS:
        then, now = (
            sum(float(value) for name, value in errors.items() if name.startswith(f"{term}/"))
            for errors in (before, after)
        )
        assert now < 0.95 * then, term


def test_crops_are_a_function_of_their_number(distillation: object) -> None:
    crops = distillation.crops  # type: ignore[attr-defined]
    assert crops.batch(3, 2).shape == (4, 3, 48, 48)
    assert crops.batch(3, 1, 96).shape == (2, 3, 96, 96)
    assert torch.equal(crops.batch(3, 2), crops.batch(3, 2))
    assert not torch.equal(crops.batch(3, 2), crops.batch(4, 2))
    assert crops.batch(3, 8).abs().max() <= 1


def test_equalising_changes_channels_by_factors_alone(tool: ModuleType, distillation: object) -> None:
    student = distillation.student  # type: ignore[attr-defined]
    pictures = distillation.crops.batch(0, 4)  # type: ignore[attr-defined]
    before = [maps.detach() for maps in student(pictures)]
    tool.equalise(student, pictures)
    for old, new in zip(before, student(pictures), strict=True):
        powers = new.square().mean((0, 2, 3))
        alive = old.square().mean((0, 2, 3)) > 0.01 * old.square().mean()
        torch.testing.assert_close(powers[alive], torch.ones_like(powers[alive]), atol=1e-3, rtol=1e-3)
        ratio = (old.square().mean((0, 2, 3)) / powers.clamp_min(1e-12)).sqrt().view(1, -1, 1, 1)
        torch.testing.assert_close(new * ratio, old, atol=1e-3, rtol=1e-3)


def test_style_distances_are_by_exemplar_and_picture_whatever_the_sizes(tool: ModuleType) -> None:
    exemplars = [images.to_float(pictures.load(name))[:, :64, :80] for name in pictures.expand(("builtin:photos",))[:2]]
    others = [exemplars[0][None], exemplars[1][None, :, :48]]
    found = tool.style_distances(made(((6, 6), (10, 10), (12, 12), (16,)), 1).frozen(), exemplars, others)
    assert found.shape == (2, 2)
    assert found[0, 0] < 0.01 < min(found[1, 0], found[0, 1])


def test_what_is_saved_is_read_back(
    tool: ModuleType, distillation: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "new" / "features.safetensors"
    tool.save_features(path, distillation.student, {"steps": 3})  # type: ignore[attr-defined]
    loaded = load_features(path)
    assert loaded.widths == (6, 10, 12, 16)
    with pytest.raises(WeightsError, match="another network than this command teaches"):
        tool._learning(path)
    monkeypatch.setattr(tool, "WIDTHS", ((6, 6), (10, 10), (12, 12), (16,)))
    assert all(parameter.requires_grad for parameter in tool._learning(path).parameters())
    with safe_open(path, "pt") as file:
        assert json.loads(file.metadata()["prismgan"]) == {"steps": 3}
        assert file.get_tensor("stages.0.0.weight").dtype == torch.float16


def test_rank_correlation_by_hand(tool: ModuleType) -> None:
    values = torch.tensor([[1.0, 4.0, 2.0, 8.0], [1.0, 4.0, 2.0, 8.0], [0.0, 1.0, 2.0, 3.0]])
    others = torch.tensor([[10.0, 40.0, 20.0, 41.0], [-1.0, -4.0, -2.0, -8.0], [0.0, 1.0, 3.0, 2.0]])
    assert tool.rank_correlation(values, others).tolist() == pytest.approx([1.0, -1.0, 0.8])


def test_the_shipped_student_is_small(tool: ModuleType) -> None:
    count = sum(parameter.numel() for parameter in FeatureNetwork(tool.WIDTHS).parameters())
    assert count <= 600_000


# -- in a recipe -------------------------------------------------------------------------------------


def test_a_recipe_names_the_file_relative_to_itself(tmp_path: Path) -> None:
    text = "data: {train: [{builtin: photos}]}\ntasks: [{name: restore, kind: restore}]\n"
    for given, wanted in (("vgg.pth", str(tmp_path / "vgg.pth")), (str(tmp_path / "a"), str(tmp_path / "a"))):
        recipe = parse(f"{text}model: {{perceptual: {given}}}", origin="made", base=tmp_path)
        assert recipe.model.perceptual == (wanted,)
    assert parse(text, origin="made", base=tmp_path).model.perceptual == ()
