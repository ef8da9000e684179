"""The examples of docs/onnx.md: its commands, Python and JavaScript run, and give the same pictures as prismgan."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from prismgan import PrismganError, Renderer
from prismgan.web import onnxruntime_web

pytest.importorskip("onnx", reason="the extra 'export' is not installed")
pytest.importorskip("onnxruntime", reason="the extra 'export' is not installed")

TEXT = (Path(__file__).parents[2] / "docs" / "onnx.md").read_text(encoding="utf-8")
TASKS = ["restore", "pencil"]
NODE_FILES = (
    "package.json",
    *(f"dist/ort{name}" for name in (".node.min.mjs", "-wasm-simd-threaded.mjs", "-wasm-simd-threaded.wasm")),
)
DRIVER = """
import { readFile, writeFile } from "node:fs/promises";
import { mixed, render, session } from "./page.mjs";
const [, , width, height, ...z] = process.argv;
const image = { data: await readFile("photo.rgba"), width: Number(width), height: Number(height) };
const kinds = { whole: await render(session, image), half: await mixed(image, [0.5, 0], z) };
for (const [kind, looks] of Object.entries(kinds))
  for (const [name, look] of Object.entries(looks)) await writeFile(`${kind}-${name}.rgba`, look.data);
"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.+?)^```", TEXT, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def there(
    tmp_path_factory: pytest.TempPathFactory, draw_picture: Callable[..., Path], command: Callable[..., Any]
) -> Path:
    """A folder with a photo and the files that the commands of the page write."""
    folder = tmp_path_factory.mktemp("page")
    draw_picture(folder / "photo.jpg", 33, 46)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for words in re.findall(r"^\$ prismgan (.+)$", TEXT, flags=re.MULTILINE):
            finished = command(*shlex.split(words))
            assert finished.code == 0, finished.err
    assert {path.name for path in folder.glob("*.onnx")} == {"looks.onnx", "strength.onnx"}
    return folder


@pytest.fixture(scope="module")
def expected(there: Path) -> dict[str, np.ndarray]:
    photo = np.asarray(Image.open(there / "photo.jpg"))
    return Renderer.load()(photo, TASKS)


def far(found: np.ndarray, expected: np.ndarray) -> int:
    """The largest difference in levels."""
    assert found.shape == expected.shape
    return int(np.abs(found.astype(int) - expected).max())


def test_python(there: Path, expected: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(there)
    known: dict[str, Any] = {}
    (code,) = blocks("python")
    exec(compile(code, "docs/onnx.md", "exec"), known)
    assert known["names"] == TASKS
    for name, look in expected.items():
        assert far(np.asarray(Image.open(there / f"{name}.png")), look) <= 1
    photo = np.asarray(Image.open("photo.jpg"))
    weaker = known["restore"][0].transpose(1, 2, 0) * 255
    assert far(weaker.round(), Renderer.load()(photo, "restore", strength={"restore": 0.6})["restore"]) <= 1


def common_package(beside: Path) -> Path:
    """The package that onnxruntime-web imports in Node.js, stored beside it."""
    named = f"onnxruntime-common@{onnxruntime_web.VERSION}"
    path = beside.with_name(f"{named.replace('@', '-')}.tgz")
    if not path.exists():
        words = ["npm", "pack", named, "--silent", "--pack-destination", str(path.parent)]
        finished = subprocess.run(words, capture_output=True, text=True, check=False, timeout=200)
        if finished.returncode != 0:
            pytest.skip(f"npm cannot fetch {named}: {finished.stderr.splitlines()[:1]}")
    return path


def unpack(package: Path, folder: Path, names: tuple[str, ...] | None = None) -> None:
    """The named files of a package of npm, or all."""
    with tarfile.open(package) as archive:
        for member in archive.getmembers():
            name = member.name.removeprefix("package/")
            content = archive.extractfile(member) if names is None or name in names else None
            if content is not None:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(content.read())


@pytest.mark.timeout(600)
def test_javascript(there: Path, expected: dict[str, np.ndarray]) -> None:
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        pytest.skip("node or npm is not installed")
    try:
        package = onnxruntime_web.fetched()  # once
    except PrismganError as error:
        pytest.skip(str(error))
    modules = there / "node_modules"
    unpack(package, modules / "onnxruntime-web", NODE_FILES)
    unpack(common_package(package), modules / "onnxruntime-common")
    (there / "page.mjs").write_text("\n".join(blocks("js")))
    (there / "driver.mjs").write_text(DRIVER)
    photo = Image.open(there / "photo.jpg")
    (there / "photo.rgba").write_bytes(photo.convert("RGBA").tobytes())
    latent = Renderer.load().generator.seeded_latent()[0].tolist()
    words = [node, "driver.mjs", *map(str, (photo.width, photo.height, *latent))]
    finished = subprocess.run(words, cwd=there, capture_output=True, text=True, check=False, timeout=250)
    assert finished.returncode == 0, finished.stderr

    def made(name: str) -> np.ndarray:
        content = np.frombuffer((there / f"{name}.rgba").read_bytes(), dtype=np.uint8)
        pixels = content.reshape(photo.height, photo.width, 4)
        assert (pixels[..., 3] == 255).all()
        return pixels[..., :3]

    for name, look in expected.items():
        assert far(made(f"whole-{name}"), look) <= 1
    assert far(made("half-pencil"), np.asarray(photo)) == 0
    half = Renderer.load()(np.asarray(photo), "restore", strength={"restore": 0.5})["restore"]
    assert far(made("half-restore"), half) <= 1


def test_the_page_names_what_cpp_needs() -> None:
    """Only its syntax is checked: the Python package includes neither headers nor library."""
    (code,) = blocks("cpp")
    assert '"source"' in code
    assert code.count("{") == code.count("}")
    assert "the tests do not run it" in TEXT
