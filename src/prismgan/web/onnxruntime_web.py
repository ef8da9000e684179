"""onnxruntime-web, the runtime for the network in a browser. It is not part of prismgan; npm downloads it."""

import base64
import hashlib
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from prismgan.errors import PrismganError
from prismgan.files import write_file

NAME, VERSION = "onnxruntime-web", "1.30.0"
INTEGRITY = "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
"""SHA-512 of the package, in npm's base64 form."""
FOLDER = f"{NAME}-{VERSION}"
PACKAGE = f"{FOLDER}.tgz"
NAME_IT = f"name the package with --onnxruntime-web {PACKAGE}"
FILES = (  # that a site needs, for CPUs and for GPUs; a browser loads one of the two
    *("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"),
    *("ort.webgpu.min.mjs", "ort-wasm-simd-threaded.asyncify.mjs", "ort-wasm-simd-threaded.asyncify.wasm"),
)
DOWNLOAD_SECONDS = 600  # timeout for the 33 MB


def runtime_files(named: Path | None = None) -> dict[str, bytes]:
    """The files by name, from the ``named`` package or the folder that it was unpacked to; by default npm downloads it
    once. :class:`PrismganError` if it is missing or not as expected."""
    package = fetched() if named is None else named
    if package.is_dir():
        return _read(package)
    if not package.is_file():
        raise PrismganError(f"{package}: no such file; expected {PACKAGE}, or the folder that it was unpacked to")
    _check(package)
    with tarfile.open(package) as archive:
        members = {name: archive.extractfile(f"package/dist/{name}") for name in FILES}
        return {name: member.read() for name, member in members.items() if member is not None}


def fetched() -> Path:
    """The package in the user's cache, where npm puts it if it is not there yet."""
    # See the XDG Base Directory Specification.
    kept = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "prismgan" / PACKAGE
    if kept.is_file():
        return kept
    npm = shutil.which("npm")
    if npm is None:
        fault = f"a site needs {FOLDER}, which npm downloads, but npm is not installed"
        raise PrismganError(f"export: {fault}; install it, or {NAME_IT}")
    with tempfile.TemporaryDirectory() as folder:
        command = [npm, "pack", f"{NAME}@{VERSION}", "--silent", "--pack-destination", folder]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS, cwd=folder)
            fetched = Path(folder) / PACKAGE
            content = fetched.read_bytes()
        except (subprocess.SubprocessError, OSError) as error:
            said = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
            reason = said[0] if said else "it does not say why"
            raise PrismganError(f"export: npm cannot download {FOLDER} ({reason}); {NAME_IT}") from None
        _check(fetched)
    write_file(kept, content)
    return kept


def _check(package: Path) -> None:
    """Raise unless the content is the published one."""
    with package.open("rb") as file:
        digest = base64.b64encode(hashlib.file_digest(file, "sha512").digest()).decode()
    if digest != INTEGRITY:
        sums = f"sha512 {digest[:12]}..., expected {INTEGRITY[:12]}..."
        fault = f"is not {FOLDER} as it was published ({sums})"
        raise PrismganError(f"{package}: {fault}; delete it and download it again")


def _read(folder: Path) -> dict[str, bytes]:
    try:
        about = json.loads((folder / "package.json").read_text(encoding="utf-8"))
        if (about["name"], about["version"]) != (NAME, VERSION):
            raise PrismganError(f"{folder}: holds {about['name']} {about['version']}, expected {NAME} {VERSION}")
        return {name: (folder / "dist" / name).read_bytes() for name in FILES}
    except (OSError, ValueError, KeyError, TypeError):
        expected = "expected package.json and dist in it, as `npm pack` gives them"
        raise PrismganError(f"{folder}: is not the unpacked {NAME}; {expected}") from None
