"""Pictures of every type in, pictures of the same type out; errors; and several threads at once."""

from __future__ import annotations

import asyncio
import io
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import prismgan
from helpers.tiny_renderers import pixels, tiny_renderer
from prismgan import PrismganError, Renderer
from prismgan.images import Picture, write_picture
from prismgan.render.inputs import InMemory

NAMES = ("restore", "fine-2x", "varied")
PIXELS = pixels(20, 26)
DEEP = pixels(20, 26, 16)


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return tiny_renderer(*NAMES)


@pytest.fixture(scope="module")
def expected(renderer: Renderer) -> dict[str, np.ndarray]:
    return renderer.render(PIXELS)


@pytest.fixture
def png(tmp_path: Path) -> Path:
    write_picture(tmp_path / "a.png", Picture(PIXELS))
    return tmp_path / "a.png"


# -- the same pictures, whatever their type --------------------------------------------------------


@pytest.mark.parametrize("kind", ["str", "Path", "PathLike", "bytes", "bytearray", "open file", "BytesIO"])
def test_files_give_pictures(kind: str, png: Path, renderer: Renderer, expected: dict[str, np.ndarray]) -> None:
    class Somewhere(os.PathLike[str]):
        def __fspath__(self) -> str:
            return str(png)

    with png.open("rb") as file:
        given: dict[str, Any] = {
            "str": str(png),
            "Path": png,
            "PathLike": Somewhere(),
            "bytes": png.read_bytes(),
            "bytearray": bytearray(png.read_bytes()),
            "open file": file,
            "BytesIO": io.BytesIO(png.read_bytes()),
        }
        looks = renderer(given[kind])
    assert list(looks) == list(NAMES)
    for name, look in looks.items():
        assert isinstance(look, Picture)
        assert np.array_equal(look.pixels, expected[name])


def test_the_content_of_a_16_bit_file_keeps_its_16_bits(tmp_path: Path, renderer: Renderer) -> None:
    write_picture(tmp_path / "deep.png", Picture(DEEP))
    look = renderer((tmp_path / "deep.png").read_bytes(), "restore", strength={"restore": 0})["restore"]
    assert np.array_equal(look.pixels, DEEP)


def test_pillow_pictures_give_pillow_pictures(renderer: Renderer, expected: dict[str, np.ndarray]) -> None:
    for name, look in renderer(Image.fromarray(PIXELS)).items():
        assert type(look) is Image.Image
        assert np.array_equal(np.asarray(look), expected[name])


def to_floats(dtype: Any) -> Any:
    return (PIXELS / 255).astype(dtype)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float16", "float32", "float64"])
def test_arrays_give_arrays_of_their_kind(dtype: str, renderer: Renderer, expected: dict[str, np.ndarray]) -> None:
    given = {"uint8": PIXELS, "uint16": PIXELS.astype(np.uint16) * 257}.get(dtype)
    array = to_floats(dtype) if given is None else given
    before = array.copy()
    most = {"uint8": 255, "uint16": 65535}.get(dtype, 1)
    for name, look in renderer(array).items():
        assert look.dtype == array.dtype
        assert look.shape == expected[name].shape
        assert np.abs(look.astype(np.float64) / most - expected[name] / 255).max() < 1.5 / 255
        assert look.max() > 0.3 * most
    assert np.array_equal(array, before)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float16, torch.float32, torch.float64])
def test_tensors_give_tensors_of_their_kind(
    dtype: torch.dtype, renderer: Renderer, expected: dict[str, np.ndarray]
) -> None:
    whole = torch.from_numpy(PIXELS).permute(2, 0, 1)
    given = whole if dtype == torch.uint8 else (whole / 255).to(dtype).requires_grad_()
    for name, look in renderer(given).items():
        assert (look.dtype, look.device, look.requires_grad) == (dtype, given.device, False)
        found = look.permute(1, 2, 0).double() / (255 if dtype == torch.uint8 else 1)
        assert np.abs(found.numpy() - expected[name] / 255).max() < 1.5 / 255


def test_floats_come_back_where_nothing_is_changed(renderer: Renderer) -> None:
    floats = np.random.default_rng(0).random((20, 26, 3))
    same = renderer(floats, "restore", strength={"restore": 0})["restore"]
    assert np.abs(same - floats).max() < 1 / 65535


def test_lists_give_lists_and_may_be_mixed(png: Path, renderer: Renderer, expected: dict[str, np.ndarray]) -> None:
    tensor = torch.from_numpy(PIXELS).permute(2, 0, 1)
    other = Image.fromarray(PIXELS[:18])
    given: list[Any] = [png, tensor, other]
    first, second, third = renderer(given, "restore")
    assert np.array_equal(first["restore"].pixels, expected["restore"])
    assert np.array_equal(second["restore"].permute(1, 2, 0).numpy(), expected["restore"])
    assert third["restore"].size == (26, 18)
    assert renderer(tuple(given), "restore")[1]["restore"].equal(second["restore"])
    assert renderer(list(torch.stack([tensor, tensor])), "restore")[1]["restore"].equal(second["restore"])
    assert renderer([]) == []


def test_one_task_may_be_a_string(renderer: Renderer) -> None:
    assert list(renderer(PIXELS, tasks="varied")) == ["varied"]
    assert list(renderer(PIXELS, tasks=("varied", "restore"))) == ["varied", "restore"]
    assert list(renderer(PIXELS, (name for name in NAMES[:2]))) == ["restore", "fine-2x"]


# -- errors: always a PrismganError, in one line --------------------------------------------------


def closed_file() -> io.BytesIO:
    file = io.BytesIO(b"x")
    file.close()
    return file


CENTRED = to_floats(np.float32) * 2 - 1
REFUSED: dict[str, tuple[Any, str]] = {
    "centred array": (
        CENTRED,
        r"has floats from -0.*, expected \[0, 1\]; if their range is \[-1, 1\], pass \(x \+ 1\) / 2",
    ),
    "centred tensor": (torch.from_numpy(CENTRED).permute(2, 0, 1), r"pass \(x \+ 1\) / 2"),
    "floats to 255": (PIXELS.astype(np.float32), r"expected \[0, 1\]; divide by 255"),
    "tensor to 255": (torch.from_numpy(PIXELS).permute(2, 0, 1).float(), "divide by 255"),
    "NaN": (np.full((20, 20, 3), np.nan), r"expected \[0, 1\]; pass finite numbers"),
    "infinity": (torch.full((3, 20, 20), float("inf")), r"expected \[0, 1\]"),
    "int64 array": (PIXELS.astype(np.int64), "is an array of int64, expected uint8, uint16, or floats in"),
    "int64 tensor": (torch.from_numpy(PIXELS).permute(2, 0, 1).long(), "is a tensor of torch.int64"),
    "truth values": (PIXELS > 100, "is an array of bool"),
    "channels first": (PIXELS.transpose(2, 0, 1), r"shape \(3, 20, 26\), expected \(height, width, 3\)"),
    "channels last": (torch.from_numpy(PIXELS), r"shape \(20, 26, 3\), expected \(3, height, width\)"),
    "batch": (torch.zeros(2, 3, 20, 20), r"pass a batch as list\(batch\)"),
    "grey": (PIXELS[..., 0], r"shape \(20, 26\)"),
    "empty": (np.zeros((0, 20, 3)), "20x0 pixels"),
    "small": (PIXELS[:5], "26x5 pixels"),
    "a number": (3, "is of type int; expected a path, bytes"),
    "nothing": (None, "is of type NoneType"),
    "a closed file": (closed_file(), "a file that cannot be read .I/O operation on closed file.*; open it again"),
    "text": (io.StringIO("x"), "opened as text; open it with mode 'rb'"),
    "no picture": (b"no picture", "picture: is not a picture"),
    "no bytes": (b"", "picture: is not a picture that can be read, but an empty file"),
    "missing": ("nowhere.png", "nowhere.png: no such file"),
    "a list in a list": ([[PIXELS]], "picture 1: is of type list"),
    "second of a list": ([PIXELS, CENTRED], "picture 2: has floats"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str, renderer: Renderer) -> None:
    given, words = REFUSED[name]
    with pytest.raises(PrismganError, match=words) as caught:
        renderer(given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"tasks": "restor"}, "did you mean 'restore'"),
        ({"tasks": 5}, "tasks: expected names of tasks, found 5"),
        ({"tasks": ["restore", None]}, r"tasks: expected names of tasks, found \['restore', None\]"),
        ({"strength": {5: 0.5}}, "no task is named 5"),
        ({"strength": 0.5}, "strength: expected numbers by task"),
        ({"strength": {"restore": "much"}}, "expected a number from 0 to 2"),
        ({"blend": ["restore"]}, "blend: expected numbers by task"),
        ({"seed": 0.5}, "seed 0.5: expected a whole number"),
        ({"mask": np.ones((3, 3))}, "the mask is 3x3 and the picture 26x20"),
        ({"mask": "mask.png"}, "the mask is of type str; expected an array"),
        ({"strenght": {}}, "strenght: there is no such option; did you mean 'strength'"),
    ],
)
def test_wrong_options(options: dict[str, Any], words: str, renderer: Renderer) -> None:
    for render in (renderer, renderer.stream):
        with pytest.raises(PrismganError, match=words):
            list(render(PIXELS, **options))


@pytest.mark.parametrize("device", ["gpu", "cuda:99", "", 3.5])
def test_devices_that_cannot_be_used(device: Any) -> None:
    with pytest.raises(PrismganError, match=r"device .*: cannot be used .*use cpu"):
        Renderer.load(device=device)


@pytest.mark.parametrize("memory", [0, -1, "2GB"])
def test_memory_is_a_number_of_bytes(memory: Any) -> None:
    with pytest.raises(PrismganError, match=f"memory: found {memory!r}, expected a number of bytes"):
        Renderer.load(memory=memory)


@pytest.mark.parametrize("load", [Renderer.load, prismgan.load_generator])
def test_weights_are_a_path(load: Any) -> None:
    with pytest.raises(PrismganError, match="weights: found 5, expected the path"):
        load(5)


def test_a_device_is_of_torch() -> None:
    assert Renderer.load(device="cpu").runtime.device == torch.device("cpu")  # type: ignore[attr-defined]
    with pytest.raises(PrismganError, match="runtime onnxruntime: does not support device"):
        Renderer.load(runtime="onnxruntime", device="cpu")


# -- streams, threads, async -----------------------------------------------------------------------


def test_a_stream_yields_outputs_one_by_one(renderer: Renderer, png: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = renderer(png)
    allowed = threading.Semaphore(1)
    decode = renderer.generator.decode

    def held_back(*arguments: Any, **options: Any) -> Any:
        assert allowed.acquire(timeout=60)
        return decode(*arguments, **options)

    monkeypatch.setattr(renderer.generator, "decode", held_back)
    stream = renderer.stream(png)
    for name in NAMES:  # each arrives before the next may be computed
        found, look = next(stream)
        assert found == name
        assert np.array_equal(look.pixels, whole[name].pixels)
        allowed.release()
    assert list(stream) == []


def test_a_stream_that_is_closed_ends_the_work(renderer: Renderer, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    decode = renderer.generator.decode
    monkeypatch.setattr(
        renderer.generator, "decode", lambda *given, **options: calls.append(1) or decode(*given, **options)
    )
    before = threading.active_count()
    stream = renderer.stream(Image.fromarray(PIXELS))
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before
    assert len(calls) <= len(NAMES)


def test_errors_of_a_stream_arrive(renderer: Renderer, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PrismganError, match="26x5 pixels"):
        list(renderer.stream(PIXELS[:5]))
    with pytest.raises(PrismganError, match="is of type list"):
        renderer.stream([PIXELS])  # type: ignore[call-overload]


def test_threads_share_a_renderer() -> None:
    """Sixteen calls at once, each with its own picture and options, give the same results as alone."""
    renderer = tiny_renderer(*NAMES)
    sources = [pixels(20 + number, 30 - number, seed=number) for number in range(8)]
    wanted = [(source, {"seed": seed, "strength": {"varied": 0.5}}) for source in sources for seed in (0, 1)]
    alone = [renderer(source, **options) for source, options in wanted]
    barrier = threading.Barrier(len(wanted))

    def render(job: tuple[Any, dict[str, Any]]) -> list[dict[str, Any]]:
        barrier.wait()
        return [renderer(job[0], **job[1]) for _ in range(3)]

    with ThreadPoolExecutor(len(wanted)) as pool:
        for expected, found in zip(alone, pool.map(render, wanted), strict=True):
            for looks in found:
                assert all(np.array_equal(looks[name], expected[name]) for name in expected)


def test_pictures_are_rendered_while_others_wait(renderer: Renderer, expected: dict[str, np.ndarray]) -> None:
    async def main() -> list[dict[str, np.ndarray]]:
        return await asyncio.gather(*(asyncio.to_thread(renderer, PIXELS, "restore") for _ in range(3)))

    for looks in asyncio.run(main()):
        assert np.array_equal(looks["restore"], expected["restore"])


# -- networks for research -------------------------------------------------------------------------


def test_networks_can_be_trained(tiny_run: Path) -> None:
    generator, discriminator = prismgan.load_generator(tiny_run / "weights.safetensors")
    assert generator.training
    source = torch.rand(2, 3, 32, 32) * 2 - 1
    looks = generator(source)
    assert set(looks) == {"restore", "enlarge", "paint"}
    assert discriminator is not None
    assert discriminator.tasks == ("restore", "enlarge", "paint")
    judgement = discriminator(looks["restore"], discriminator.indices(["restore"], 2))
    (judgement.logit.mean() + sum(look.mean() for look in looks.values())).backward()
    for network in (generator, discriminator):
        assert all(parameter.dtype == torch.float32 for parameter in network.parameters())
        assert any(parameter.grad is not None and bool(parameter.grad.any()) for parameter in network.parameters())


def test_networks_are_those_that_render(tiny_run: Path) -> None:
    path = tiny_run / "weights.safetensors"
    generator = prismgan.load_generator(path).generator.eval()
    with torch.inference_mode():
        image = torch.from_numpy(PIXELS).permute(2, 0, 1)[None] / 127.5 - 1
        found = generator(image, generator.seeded_latent(0))["restore"].add(1).mul(127.5).round().clamp(0, 255)
    look = Renderer.load(path)(PIXELS, "restore")["restore"]
    assert np.abs(found[0].permute(1, 2, 0).numpy() - look).max() <= 1


def test_ready_made_weights_have_their_discriminator() -> None:
    networks = prismgan.load_generator()
    assert networks.discriminator is not None
    assert set(networks.discriminator.tasks) == set(networks.generator.specs)
    assert sum(parameter.numel() for parameter in networks.generator.parameters()) > 1e6
    with pytest.raises(PrismganError, match="no such weights file"):
        prismgan.load_generator("nowhere.safetensors")
    with pytest.raises(PrismganError, match="device 'cuda:99'"):
        prismgan.load_generator(device="cuda:99")


def typed(renderer: Renderer, picture: InMemory) -> dict[str, InMemory]:
    """mypy checks that the output's type follows from the input's."""
    return renderer(picture)
