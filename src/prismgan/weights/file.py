"""The weights file: one safetensors file with the networks and, in its metadata, their description. Tensors are named
``generator.*`` and, if the model has other networks, ``discriminator.*`` and so on. The metadata's key ``prismgan``
contains JSON, see :class:`Header`; its key ``sha256`` contains a checksum of that and of all tensors. Tensors may be
stored in float16; networks are always in float32."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any, Self, TypeVar

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from prismgan.errors import WeightsError
from prismgan.files import parse_json, replace_file
from prismgan.networks import Generator, ImageGenerator, LatentGenerator, TaskGenerator
from prismgan.weights.header import FORMAT, Header

Network = TypeVar("Network", bound=TaskGenerator)
READY_MADE = "prism-8"  # name of the ready-made weights, which may be used in place of a path
DIGEST = "sha256"  # key of the metadata that holds the file's checksum
SPARE = 10_000_000  # elements that networks under construction may have beyond twice those of the file
ALLOCATORS = frozenset({torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn})
PREFIX = "hf:"  # marks a repository of the Hugging Face Hub where a path is also possible


class _AllocationLimit(TorchFunctionMode):
    """Limits the number of tensor elements allocated inside it; beyond the limit it raises ``MemoryError``."""

    def __init__(self, elements: int) -> None:
        super().__init__()
        self.left = elements

    def __torch_function__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        result = function(*args, **(kwargs or {}))
        if function in ALLOCATORS:
            self.left -= result.numel()
            if self.left < 0:
                raise MemoryError
        return result


@dataclass(frozen=True)
class Weights:
    """A weights file in memory."""

    path: Path
    header: Header
    tensors: Mapping[str, Tensor]

    def part(self, network: str) -> dict[str, Tensor]:
        """State dict of ``generator``, ``discriminator`` or another network; empty if the file has none."""
        prefix = f"{network}."
        return {name[len(prefix) :]: t for name, t in self.tensors.items() if name.startswith(prefix)}

    def without(self, network: str) -> Self:
        """The same weights, without the tensors of ``discriminator`` or another network."""
        kept = {name: tensor for name, tensor in self.tensors.items() if not name.startswith(f"{network}.")}
        return replace(self, tensors=kept)

    def network(self) -> TaskGenerator:
        """The generator, with or without a source; :class:`WeightsError` if the tensors do not fit the header."""
        with self.as_large_as_claimed():
            network = self.header.make_generator()
        self.fill(network, "generator")
        return network.eval().requires_grad_(False)

    def generator(self) -> ImageGenerator:
        """The generator, ready to render photos."""
        fault = "generates pictures from noise and reads none; generate some with `prismgan sample`"
        return self._network_of(ImageGenerator, fault)  # type: ignore[type-abstract]

    def latent_generator(self) -> LatentGenerator:
        """The generator, ready to generate pictures from noise."""
        return self._network_of(LatentGenerator, "renders photos and does not read noise; use `prismgan render`")

    def prism_generator(self, purpose: str) -> Generator:
        """The generator, for a ``purpose`` that only supports our own networks."""
        kind = self.header.kind
        return self._network_of(Generator, f"is a model of kind {kind}, but {purpose} needs one of kind prism")

    def _network_of(self, kind: type[Network], otherwise: str) -> Network:
        network = self.network()
        if not isinstance(network, kind):
            raise WeightsError(f"{self.path}: {otherwise}")
        return network

    def take_over(self, network: nn.Module, part: str = "generator") -> int:
        """Load the tensors of a part of the file that fit into a network by name and shape; returns their number. Heads
        that differ in whether their output is added to the source are skipped. A new task starts from the file's first
        head of the same form. :class:`WeightsError` if nothing fits although the file has the part."""
        own, stored = network.state_dict(), self.part(part)
        specs = network.specs if isinstance(network, TaskGenerator) else {}
        shared = [entry for entry in self.header.tasks if entry.name in specs]
        others = tuple(f"heads.{entry.name}." for entry in shared if specs[entry.name].additive != entry.additive)
        known = {entry.name: replace(entry.spec(), name="") for entry in self.header.tasks}
        for spec in specs.values():
            alike = [name for name, form in known.items() if form == replace(spec, name="")]
            if spec.name not in known and alike:
                old, new = f"heads.{alike[0]}.", f"heads.{spec.name}."
                stored |= {new + key.removeprefix(old): tensor for key, tensor in stored.items() if key.startswith(old)}
        shapes = {name: tensor.shape for name, tensor in own.items() if not name.startswith(others)}
        fitting = {name: tensor for name, tensor in stored.items() if tensor.shape == shapes.get(name)}
        if not fitting and (stored or part == "generator"):
            raise WeightsError(f"{self.path}: nothing in it fits the recipe's {part}; use the sizes of its own recipe")
        network.load_state_dict(fitting, strict=False)
        return len(fitting)

    @contextmanager
    def as_large_as_claimed(self) -> Iterator[None]:
        """Building networks that are much larger than the file raises :class:`WeightsError` in this context, because a
        header of a few hundred bytes can claim any size."""
        tensors = self.tensors.values()
        blocks = sum(self.header.generator.blocks) + sum(entry.blocks or 0 for entry in self.header.tasks)
        if blocks > len(tensors):
            fault = f"claims {blocks:,} blocks but holds {len(tensors)} tensors"
            raise WeightsError(f"{self.path}: {fault}; the file is damaged")
        try:
            with _AllocationLimit(2 * sum(tensor.numel() for tensor in tensors) + SPARE):
                yield
        except MemoryError:
            raise WeightsError(f"{self.path}: claims a larger network than it holds; the file is damaged") from None

    def fill(self, network: nn.Module, part: str) -> None:
        """Load one part's tensors into a network; :class:`WeightsError` if they do not fit."""
        try:
            network.load_state_dict(self.part(part))
        except RuntimeError as error:
            first = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
            fault = f"its tensors do not fit its own description ({first})"
            raise WeightsError(f"{self.path}: {fault}; the file is damaged") from None

    def save(self, path: Path, dtype: torch.dtype | None = None) -> None:
        """Write a weights file, with tensors in ``dtype``; by default they keep their type."""
        from safetensors.torch import save

        tensors = {
            name: tensor.detach().to("cpu", dtype if tensor.is_floating_point() else None).contiguous()
            for name, tensor in self.tensors.items()
        }
        description = self.header.model_dump_json()
        metadata = {"prismgan": description, DIGEST: _digest(description, tensors)}
        replace_file(path, _ordered(save(tensors, metadata=metadata)))


def save_weights(path: Path, header: Header, networks: Mapping[str, Mapping[str, Tensor]]) -> None:
    """Write a weights file from state dicts by network."""
    tensors = {f"{part}.{name}": tensor for part, state in networks.items() for name, tensor in state.items()}
    Weights(path, header, tensors).save(path)


def _ordered(content: bytes) -> bytes:
    """The safetensors file with its metadata sorted, because the library's order varies between runs."""
    start = 8 + int.from_bytes(content[:8], "little")
    described = json.loads(content[8:start])
    metadata = dict(sorted(described.pop("__metadata__").items()))
    text = json.dumps({"__metadata__": metadata, **described}, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + content[start:]


def _digest(description: str, tensors: Mapping[str, Tensor]) -> str:
    """A checksum of the description and all tensors."""
    digest = hashlib.sha256(description.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        digest.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def default_weights() -> Path:
    """The ready-made weights file."""
    path = Path(str(resources.files("prismgan"))) / "weights" / f"{READY_MADE}.safetensors"
    if not path.is_file():
        cure = "pass the path of a .safetensors file (`prismgan demo` trains one in minutes)"
        raise WeightsError(f"this prismgan contains no ready-made weights; {cure}")
    return path


def find_weights(named: str | os.PathLike[str] | None) -> Path:
    """The path of a weights file that is named by its path, as ``prism-8`` (ready-made; the default), or as
    ``hf:USER/NAME`` (downloaded from the Hub)."""
    if named is None:
        return default_weights()
    if not isinstance(named, str | os.PathLike):
        raise WeightsError(f"weights: found {named!r}, expected the path of a .safetensors file, or hf:USER/NAME")
    named = Path(named)
    if str(named) == READY_MADE and not named.exists():
        return default_weights()
    if (name := named.as_posix()).startswith(PREFIX) and not named.exists():
        from prismgan.weights.hub import fetch

        return fetch(name.removeprefix(PREFIX))
    return named


def load_weights(path: str | os.PathLike[str] | None = None) -> Weights:
    """Read the file of :func:`find_weights`; :class:`WeightsError` if missing, damaged or of another version."""
    from safetensors import SafetensorError, safe_open

    path = find_weights(path)
    if not path.exists():
        raise WeightsError(f"{path}: no such weights file")
    if path.is_dir():
        raise WeightsError(f"{path}: is a folder, expected a .safetensors file (in a run: weights.safetensors)")
    if not os.access(path, os.R_OK):  # safe_open would say that there is no such file
        raise WeightsError(f"{path}: cannot be read (Permission denied)")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path}: is not a weights file ({error})") from None
    if "prismgan" not in metadata:
        raise WeightsError(f"{path}: is a safetensors file, but not one of prismgan's")
    stored = metadata.get(DIGEST)  # files of earlier versions have none
    if stored and stored != _digest(metadata["prismgan"], tensors):
        raise WeightsError(f"{path}: is damaged, according to its checksum; copy or download it again")
    try:
        raw = parse_json(metadata["prismgan"])
        if (version := raw.get("format")) != FORMAT:
            fault = f"has format {version}, but this prismgan reads format {FORMAT}"
            raise WeightsError(f"{path}: {fault}; use the prismgan that wrote it, or train again")
        header = Header.model_validate(raw)
        if len({entry.name for entry in header.tasks}) != len(header.tasks):
            raise WeightsError(f"{path}: its description names a task twice; the file is damaged")
        return Weights(path, header, tensors)
    except (ValueError, AttributeError):  # from JSON and pydantic
        raise WeightsError(f"{path}: its description is damaged") from None
