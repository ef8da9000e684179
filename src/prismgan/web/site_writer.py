"""Writes a static site: a folder for any web server with the page, the network in pieces, and the runtime."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prismgan import __version__
from prismgan.data.builtin import sample, samples
from prismgan.errors import PrismganError
from prismgan.export.exporter import checked_tasks, licence_of
from prismgan.export.parity import TaskParity
from prismgan.files import new_folder
from prismgan.images import Picture, encoded_picture
from prismgan.networks import Generator
from prismgan.packages import require
from prismgan.render.painting import BRUSH, FINE, SMALLEST_BRUSH
from prismgan.web import onnxruntime_web
from prismgan.weights import Header, Weights

FORMAT = "prismgan-site-1"
ABOUT = "about.json"
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; "
    "img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'"
)
CHARSET = '<meta charset="utf-8">'
SERVER_ALONE = frozenset({"docs.html", "docs.js", "players.js", "server.js", "styling.js", "video.js"})
"""Files of the page that a site does not need."""
WORKER = "service-worker.js"
QUALITY = 92


@dataclass(frozen=True)
class Site:
    """The written site."""

    path: Path
    sizes: Mapping[str, int]  # bytes by file name
    tasks: tuple[TaskParity, ...]  # differences between the pieces and the generator

    @property
    def parts(self) -> dict[str, int]:
        """Bytes of the samples, the network and its runtime, and of the rest, which is the page."""
        parts = {"page": 0, "samples": 0, "network": 0, "runtime": 0}
        begins = {"samples": "samples/", "network": "network-", "runtime": onnxruntime_web.FOLDER}
        for name, size in self.sizes.items():
            parts[next((part for part, begin in begins.items() if name.startswith(begin)), "page")] += size
        return parts

    def content(self) -> dict[str, Any]:
        size, tasks = sum(self.sizes.values()), [row.content() for row in self.tasks]
        return {"folder": str(self.path), "bytes": size, "parts": self.parts, "tasks": tasks}


def write_site(
    weights: Weights,
    out: Path,
    *,
    tasks: Sequence[str] | None = None,
    onnxruntime: Path | None = None,
    licence: str | None = None,
    overwrite: bool = False,
) -> Site:
    """Write the folder of a site, once every piece has been compared with the generator. Raises PrismganError if a
    task is unknown, the folder is not free, or the pieces differ too much.

    Args:
        out: the folder; a new one, an empty one, or an earlier site's.
        onnxruntime: see :func:`prismgan.web.onnxruntime_web.runtime_files`.
        licence: licence of the weights; that of the ready-made weights is known.
        overwrite: replace an earlier site, including all files in its folder.
    """
    require("export", "export", "onnx", "onnxruntime")
    _refuse_folder(out, overwrite)
    generator = weights.prism_generator("a site")
    names = checked_tasks(tasks, generator, weights.path)
    runtime = onnxruntime_web.runtime_files(onnxruntime)
    from prismgan.export.browser_graphs import Pieces  # needs onnx

    pieces = Pieces(generator, names)
    parity = pieces.compare()
    content = {
        **_page(),
        **{f"samples/{name}.jpg": encoded_picture(name, "jpg", Picture(sample(name)), QUALITY) for name in samples()},
        **{f"{onnxruntime_web.FOLDER}/{name}": file for name, file in runtime.items()},
    }
    network = f"network-{_digest(pieces.files)}"
    content |= {f"{network}/{name}.onnx": file for name, file in pieces.files.items()}
    about = _about(weights.header, generator, names, pieces, network)
    about["licence"] = licence if licence is not None else licence_of(weights.path)
    content[ABOUT] = json.dumps(about, indent=1).encode()
    content[WORKER] = _service_worker(content)
    with new_folder(out) as folder:
        for name, file in content.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(file)
    return Site(out, {name: len(file) for name, file in content.items()}, tuple(parity))


def is_site(folder: Path) -> bool:
    try:
        return bool(json.loads((folder / ABOUT).read_bytes())["format"] == FORMAT)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _refuse_folder(out: Path, overwrite: bool) -> None:
    if out.exists() and not out.is_dir():
        raise PrismganError(f"{out}: is a file, expected a folder for the site")
    if not out.absolute().parent.is_dir():
        raise PrismganError(f"{out}: its folder does not exist; create it first")
    if not out.exists() or not any(out.iterdir()):
        return
    if not is_site(out):
        raise PrismganError(f"{out}: is not empty and is not a site of prismgan; choose another folder")
    if not overwrite:
        raise PrismganError(f"{out}: already contains a site; --overwrite replaces it and all files in the folder")


def _page() -> dict[str, bytes]:
    """The page's files by name; the site's own files replace the server's files of the same name."""
    paths = [path for folder in ("static", "site") for path in sorted((Path(__file__).parent / folder).iterdir())]
    files = {path.name: path.read_bytes() for path in paths if path.is_file() and path.name not in SERVER_ALONE}
    index = files.pop("index.html").decode()
    assert CHARSET in index
    policy = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    page = {"index.html": index.replace(CHARSET, f"{CHARSET}\n  {policy}").encode(), WORKER: files.pop(WORKER)}
    return page | {f"static/{name}": file for name, file in files.items()}


def _about(header: Header, generator: Generator, names: Sequence[str], pieces: Any, network: str) -> dict[str, Any]:
    entries = {entry.name: entry for entry in header.tasks}
    photos = [{"name": key, "title": title, "address": f"samples/{key}.jpg"} for key, title in samples().items()]
    return {
        "format": FORMAT,
        "version": __version__,
        "title": header.title,
        "tasks": [entries[name].shown() for name in names],
        "samples": photos,
        "cell": generator.grid(names),
        "halo": generator.halo(names),
        "latent": generator.config.latent,
        "brush": {"smallest": SMALLEST_BRUSH, "fine": FINE, "default": BRUSH},
        "pieces": list(pieces.files),
        "network": network,
        "runtime": onnxruntime_web.FOLDER,
        "check": pieces.check(),
    }


def _service_worker(content: Mapping[str, bytes]) -> bytes:
    """The service worker, with the list of files to cache and a cache name that changes with the site's content."""
    shell = ["./", *(name for name in content if name.startswith(("index", "about", "static/", "samples/")))]
    script = content[WORKER].decode()
    return script.replace("CONTENT", _digest(content), 1).replace('["FILES"]', json.dumps(shell)).encode()


def _digest(content: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name in sorted(content):
        digest.update(f"{name} {len(content[name])} ".encode() + content[name])
    return digest.hexdigest()[:16]
