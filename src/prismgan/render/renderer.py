"""Rendering: one picture in, every task's picture out, in one pass of the generator."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import torch
from numpy.typing import NDArray

from prismgan.errors import PictureError, PrismganError
from prismgan.images import Depth, from_pixels, refuse_small
from prismgan.images.pixels import check_pixels, to_pixels
from prismgan.render.inputs import PictureRenderer
from prismgan.render.painting import Canvas
from prismgan.render.request import EVERYTHING, Plan, Request
from prismgan.render.runtimes import Pass, make_runtime
from prismgan.render.stages import Stage, cut, enlarged_mask, is_mixed, mixture, stages, task_names
from prismgan.render.tiles import Tile
from prismgan.weights import Header, Weights, load_weights
from prismgan.weights.hub import fetch


class Renderer(PictureRenderer):
    """Renders pictures with the generator of a weights file. Several threads may use one at the same time.

    >>> renderer = Renderer.load("weights.safetensors")  # doctest: +SKIP
    >>> renderer("photo.jpg")["restore"].save("restored.png")  # doctest: +SKIP

    Args:
        weights: weights that contain the generator.
        memory: bytes that a rendering may use, including its outputs; large pictures are rendered in tiles that fit.
            By default half of the memory that the outputs leave free, and at most 1.8 GB.
        runtime: ``torch``, ``onnxruntime``, ``openvino``, or ``auto`` for the fastest one available for a long job; by
            default torch, on the GPU if there is one.
        fast: compute in half precision: up to three times as fast on a processor that supports it, with differences of
            a few levels of 255.
        device: torch device, for example ``"cpu"`` or ``"cuda:1"``; by default the first GPU, if there is one.

    Raises:
        PrismganError: there is no such runtime or device, its packages are not installed, or it has no ``fast`` mode.
    """

    def __init__(
        self,
        weights: Weights,
        memory: int | None = None,
        runtime: str | None = None,
        *,
        fast: bool = False,
        device: str | torch.device | None = None,
    ) -> None:
        if memory is not None and not (isinstance(memory, int | float) and memory >= 1):
            raise PrismganError(f"memory: found {memory!r}, expected a number of bytes, for example 2_000_000_000")
        self.header: Header = weights.header
        self.generator = weights.generator().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.memory = memory
        self.fast = fast
        self.runtime = make_runtime(self.generator, runtime, fast=fast, device=device)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str] | None = None,
        memory: int | None = None,
        runtime: str | None = None,
        *,
        fast: bool = False,
        device: str | torch.device | None = None,
    ) -> Self:
        """Read a weights file, by default the ready-made one. WeightsError if missing, damaged, or another version."""
        return cls(load_weights(path), memory, runtime, fast=fast, device=device)

    @classmethod
    def from_pretrained(
        cls, name: str | Path, *, revision: str | None = None, file: str = "weights.safetensors", **options: Any
    ) -> Self:
        """Read weights of the Hugging Face Hub (extra ``hub``), or of a folder such as a run's.

        Args:
            name: a repository as ``USER/NAME``, or a folder.
            revision: a branch, tag or commit of the repository.
            file: name of the weights file in it.
            options: options of :meth:`load`, for example ``memory`` or ``fast``.

        Raises:
            WeightsError: as in :meth:`load`, or the hub cannot be reached.
        """
        folder = Path(str(name))
        path = folder / file if folder.is_dir() else fetch(str(name), revision=revision, file=file)
        return cls.load(path, **options)

    @property
    def tasks(self) -> tuple[str, ...]:
        """Names of the outputs, in the recipe's order."""
        return tuple(entry.name for entry in self.header.tasks)

    def render(
        self,
        pixels: NDArray[Any],
        request: Request = EVERYTHING,
        *,
        depth: Depth = 8,
        progress: Callable[[int, int], None] | None = None,
        made: Callable[[str, NDArray[Any]], None] | None = None,
        where: str = "picture",
    ) -> dict[str, NDArray[Any]]:
        """Render an array of pixels into the requested outputs, in tiles if the picture is large.

        Args:
            pixels: (H, W, 3), 8 or 16 bits, or floats in [-1, 1]. All 16 bits are used.
            request: the outputs; every task by default.
            depth: bits per channel of the outputs, 8 or 16.
            progress: called after each tile with the numbers of finished tiles and of all tiles.
            made: called with the name and the pixels of every output as soon as it is complete, in the order of the
                request. The heads are then computed one after the other.
            where: name of the picture in errors.

        Returns:
            Arrays (sH, sW, 3) of ``uint8`` or ``uint16`` by name: the chain's result, then tasks, then blends.

        Raises:
            PictureError: the picture is too small, too large for the memory, or the mask does not fit it.
            PrismganError: the request does not fit the weights.
        """
        named = None if made is None else lambda _, name, pixels: made(name, pixels)
        return self.render_all([pixels], request, depth=depth, progress=progress, made=named, where=where)[0]

    def render_all(
        self,
        pictures: Sequence[NDArray[Any]],
        request: Request = EVERYTHING,
        *,
        depth: Depth = 8,
        progress: Callable[[int, int], None] | None = None,
        made: Callable[[int, str, NDArray[Any]], None] | None = None,
        where: str = "picture",
    ) -> list[dict[str, NDArray[Any]]]:
        """Render several pictures of one size together, like :meth:`render`. This is faster on a GPU, and needs memory
        in proportion to their number. ``made`` also receives the picture's number."""
        if depth not in (8, 16):
            raise PrismganError(f"depth: found {depth!r} bits, expected 8 or 16")
        plan = self.plan(request)
        for pixels in pictures:
            check_pixels(where, pixels)
        sizes = {pixels.shape[:2] for pixels in pictures}
        if len(sizes) != 1:
            raise PictureError(f"{where}: found {len(sizes)} sizes; pictures rendered together need the same size")
        ((height, width),) = sizes
        refuse_small(where, height, width)
        mask = request.checked_mask(where, height, width)
        masked, together = mask is not None, self.runtime.together
        planned = list(stages(plan, height, width, depth, len(pictures)))
        tiles = [cut(each, self.generator, masked, together, self.memory, where, request.brush) for each in planned]
        done, total = 0, sum(map(len, tiles))
        sources = pictures
        finished: list[dict[str, NDArray[Any]]] = [{} for _ in pictures]
        for number, (stage, parts) in enumerate(zip(planned, tiles, strict=True), start=1):
            rooms = [stage.rooms() for _ in pictures]
            canvas = self._painted(sources, stage, request.brush)
            for tile in parts:
                complete = made if number == len(planned) and tile is parts[-1] else None
                self._render_tile(sources, mask, stage, tile, canvas, rooms, complete)
                done += 1
                if progress is not None:
                    progress(done, total)
            if number >= len(plan.chain):
                for results, kept in zip(finished, rooms, strict=True):
                    results.update({name: depths[0] for name, depths in kept.items()})
            if number < len(planned):
                link = plan.chain[number - 1]
                sources = [kept[link.name][-1] for kept in rooms]
                if mask is not None and link.scale > 1:
                    mask = enlarged_mask(mask, link.scale)[0, 0].numpy()
        return finished

    def plan(self, request: Request) -> Plan:
        """The plan of a request for these weights: names and scales of the outputs."""
        return request.plan(self.generator.specs)

    @torch.inference_mode()
    def _painted(self, sources: Sequence[NDArray[Any]], stage: Stage, brush: int | None) -> Canvas | None:
        """The outputs of a stage that are painted from whole pictures; None if there are none."""
        wanted: dict[int, list[str]] = {}
        for output in stage.outputs:
            names = wanted.setdefault(output.seed, [])
            names += [task for task in output.weights if self.generator.reads_whole(task) and task not in names]
        passes = [Pass(seed, tuple(names)) for seed, names in wanted.items() if names]
        if not passes:
            return None
        if not self.runtime.together:
            passes = [Pass(seed, (name,)) for seed, names in passes for name in names]
        canvas = Canvas(sources, brush)
        painted = self.runtime.outputs(canvas.source, passes)
        canvas.coming = ((each.seed, next(painted)) for each in passes)
        return canvas

    @torch.inference_mode()
    def _render_tile(
        self,
        sources: Sequence[NDArray[Any]],
        mask: NDArray[Any] | None,
        stage: Stage,
        tile: Tile,
        canvas: Canvas | None,
        rooms: Sequence[Mapping[str, Sequence[NDArray[Any]]]],
        made: Callable[[int, str, NDArray[Any]], None] | None,
    ) -> None:
        """Compute one tile of all outputs of a stage, and write it into the arrays of every source and output."""
        rows, columns = tile
        outer = rows.outer, columns.outer
        image = torch.cat([from_pixels(source[outer]) for source in sources])
        groups = stage.passes(one_by_one=made is not None and not self.runtime.together)
        whole = self.generator.reads_whole
        tiled = [tuple(task for task in task_names(outputs) if not whole(task)) for _, outputs in groups]
        passes = [Pass(outputs[0].seed, names) for (_, outputs), names in zip(groups, tiled, strict=True) if names]
        rendered = self.runtime.outputs(image, passes) if passes else iter(())
        for (scale, outputs), names in zip(groups, tiled, strict=True):
            inner = ..., rows.inner(scale), columns.inner(scale)
            decoded = {name: each[inner] for name, each in next(rendered).items()} if names else {}
            if canvas is not None:
                own, seed = image[..., rows.inner(1), columns.inner(1)], outputs[0].seed
                rest = [name for name in task_names(outputs) if name not in decoded]
                decoded |= {name: canvas.part(name, seed, tile, own) for name in rest}
            mixed = mask is not None or any(is_mixed(output) for output in outputs)
            base = self.generator.enlarged(image, scale)[inner] if mixed else None
            where = None if mask is None else enlarged_mask(mask[outer], scale)[inner]
            for output in outputs:
                final = mixture(output, decoded, base, where)
                for number, (row, kept) in enumerate(zip(final, rooms, strict=True)):
                    for room in kept[output.name]:
                        to_pixels(row, room[rows.own(scale), columns.own(scale)])
                    if made is not None:
                        made(number, output.name, kept[output.name][0])
            del decoded, base, final  # frees memory for the next group
