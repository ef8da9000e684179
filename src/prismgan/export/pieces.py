"""The generator's pieces for a browser, computed here: they are compared with the generator, and give check values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from prismgan.errors import PrismganError
from prismgan.export.browser_graphs import BRANCH, TRUNK, browser_graphs, head
from prismgan.export.parity import TaskParity, parity_of, problem, random_sources
from prismgan.export.session import onnxruntime_session
from prismgan.networks import Generator

__all__ = ["Pieces"]

SIDE = 16
"""Of the pattern that a browser is asked to compute first, in pixels: the smallest picture that there is."""
VALUES = 32
"""Of every look, that are compared there."""

Values = dict[str, NDArray[Any]]


class Pieces:
    """The graphs of :func:`~prismgan.export.browser_graphs.browser_graphs`, as files and as functions."""

    def __init__(self, generator: Generator, tasks: Sequence[str], models: Mapping[str, onnx.ModelProto]) -> None:
        self.generator, self.tasks = generator, tasks
        self.files = {name: model.SerializeToString() for name, model in models.items()}
        self._inputs = {name: [value.name for value in model.graph.input] for name, model in models.items()}
        self._outputs = {name: [value.name for value in model.graph.output] for name, model in models.items()}
        self._runs = {name: onnxruntime_session(file) for name, file in self.files.items()}

    @classmethod
    def of(cls, generator: Generator, tasks: Sequence[str]) -> Pieces:
        """The pieces of a generator that make these tasks."""
        return cls(generator, tasks, browser_graphs(generator, tasks))

    def run(self, piece: str, values: Mapping[str, NDArray[Any]]) -> Values:
        """A piece's outputs by name; values that it has no input for are ignored."""
        found = self._runs[piece]({name: values[name] for name in self._inputs[piece]})
        return dict(zip(self._outputs[piece], found, strict=True))

    def looks(self, source: NDArray[Any], seed: int = 0) -> Values:
        """Pictures by task, in [-1, 1] and of whole cells, as a browser computes them."""
        values = {"source": source, "latent": self.generator.seeded_latent(seed).numpy()}
        if TRUNK in self.files:
            values |= self.run(TRUNK, values)
        looks = {}
        for name in self.tasks:
            spec, own = self.generator.specs[name], values
            if not spec.fine:  # noise follows the seed for styles that vary alone
                latent = values["latent"] if spec.latent else self.generator.seeded_latent().numpy()
                own = values | self.run(BRANCH, {"source": source, "latent": latent})
            looks[name] = self.run(head(name), own)["look"]
        return looks

    @torch.inference_mode()
    def compared(self) -> list[TaskParity]:
        """How far they are from the generator, over three pictures of odd sizes.

        Raises:
            PrismganError: a task is farther than a float32 file may be.
        """
        errors: dict[str, list[NDArray[Any]]] = {name: [] for name in self.tasks}
        for seed, source in enumerate(random_sources()):
            image = source * 2 - 1
            expected = self.generator(image, self.generator.seeded_latent(seed), self.tasks)
            for name, look in self.looks(image.numpy(), seed).items():
                height, width = expected[name].shape[-2:]
                difference = look[..., :height, :width].clip(-1, 1) - expected[name].clamp(-1, 1).numpy()
                errors[name].append(127.5 * difference.ravel())
        found = [
            parity_of(name, self.generator.specs[name].scale, np.concatenate(parts)) for name, parts in errors.items()
        ]
        wrong = problem("float32", self.generator, found)
        if wrong is not None:
            raise PrismganError(f"the site is not written, since {wrong}; please report it")
        return found

    def check(self) -> dict[str, Any]:
        """Some output values for a fixed pattern, by which a browser checks that it computes correctly."""
        flat = (37 * np.arange(3 * SIDE * SIDE) % 256 / 127.5 - 1).astype(np.float32)
        looks = self.looks(flat.reshape(1, 3, SIDE, SIDE))
        expected = {
            name: [round(float(value), 4) for value in look.ravel()[:: look.size // VALUES][:VALUES]]
            for name, look in looks.items()
        }
        return {"side": SIDE, "expected": expected}
