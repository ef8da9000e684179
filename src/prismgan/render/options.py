"""Records the options of results beside them, so that a call with different options renders again."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

from prismgan.files import parse_json, write_file
from prismgan.render.renderer import Renderer
from prismgan.render.request import Output, Request

FILE = ".prismgan.json"  # name of the file beside the results
IN_OUTPUTS = ("tasks", "strength", "blends", "seeds", "chain", "mask")  # fields of a request recorded per output


class KeptOptions:
    """Reads and writes the options of the results in one folder."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._kept: dict[str, Any] = {}
        with suppress(OSError):
            self._kept = parsed(self.path.read_bytes())

    def fit(self, name: str, options: Mapping[str, Any]) -> bool:
        """Whether the result with this file name was made with these options; without a record, any options fit."""
        return name not in self._kept or self._kept[name] == plain(options)

    def forget(self, names: Iterable[str]) -> None:
        """Delete the record of results that are about to be replaced, so that an interruption leaves no wrong one."""
        self._write({**self._kept, **dict.fromkeys(names)})

    def keep(self, options: Mapping[str, Mapping[str, Any]]) -> None:
        self._write({**self._kept, **{name: plain(each) for name, each in options.items()}})

    def _write(self, kept: dict[str, Any]) -> None:
        if kept != self._kept:
            write_file(self.path, written(kept))
            self._kept = kept


def options_of(renderer: Renderer, request: Request) -> dict[str, dict[str, Any]]:
    """For each output, everything apart from the source that its pixels depend on, as plain values."""

    def described(part: Output) -> dict[str, Any]:
        varies = any(renderer.generator.specs[task].latent for task in part.weights)
        return {"looks": dict(part.weights), "strength": part.strength, **({"seed": part.seed} if varies else {})}

    plan = renderer.plan(request)
    shared: dict[str, Any] = {"weights": weights_digest(renderer)[:16]}
    if plan.chain:
        shared["chain"] = [described(link) for link in plan.chain]
    if request.mask is not None:
        shared["mask"] = hashlib.sha256(request.mask.tobytes()).hexdigest()[:16]
    if renderer.fast:
        shared["fast"] = True
    shared |= {each.name: getattr(request, each.name) for each in fields(request) if each.name not in IN_OUTPUTS}
    return {output.name: {**described(output), **shared} for output in (*plan.chain[-1:], *plan.outputs)}


def weights_digest(renderer: Renderer) -> str:
    """A hash of the generator's tensors and their description."""
    digest = hashlib.sha256(renderer.header.model_dump_json(include={"generator", "tasks"}).encode())
    for name, tensor in sorted(renderer.generator.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().numpy().tobytes())
    return digest.hexdigest()


def plain(options: Mapping[str, Any]) -> Any:
    """Options in the form in which the file returns them."""
    return json.loads(json.dumps(options, sort_keys=True, default=str))


def parsed(content: bytes) -> dict[str, Any]:
    """The content of the file; empty if it is damaged."""
    try:
        value = parse_json(content)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def written(kept: Mapping[str, Any]) -> bytes:
    return (json.dumps(kept, indent=1, sort_keys=True) + "\n").encode()
